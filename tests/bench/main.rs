//! `make bench`: what a durable movement costs, through the whole front, against pgbench's
//! plain transaction on the same PostgreSQL in the same minutes. `deploy/local/bench.sh`
//! prepares private servers and starts this.

mod callgrind;
mod calls;
mod cpu;
mod database;
mod filler;
mod grpc;
mod http;
mod ids;
mod integrity;
mod lab;
mod load;
mod machine;
mod options;
mod pgbench;
mod plain;
mod plots;
mod report;
mod sample;
mod servers;
mod svg;
mod traffic;
mod verdict;
mod workloads;

use std::process::ExitCode;

use clap::Parser;

use integrity::Integrity;
use lab::Lab;
use machine::Machine;
use options::{Options, Place};
use report::Report;

fn main() -> ExitCode {
    if std::env::var_os(plain::SWITCH).is_some() {
        return match plain::serve() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("bench: {error:#}");
                ExitCode::FAILURE
            }
        };
    }
    let options = Options::parse();
    // One thread for all connections: it leaves the most to what is measured.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, run(options))
    });
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let workloads = workloads::all(options.players);
    if options.list {
        for workload in &workloads {
            println!("{:<14} {}", workload.name, workload.title);
        }
        println!("{:<14} {}", callgrind::NAME, callgrind::TITLE);
        return Ok(ExitCode::SUCCESS);
    }
    for name in &options.only {
        anyhow::ensure!(
            name == callgrind::NAME || workloads.iter().any(|workload| workload.name == name),
            "there is no workload `{name}`; --list names them"
        );
    }
    let Some(place) = Place::from_env()? else {
        println!("nothing is measured here: run `make bench`, which prepares the servers");
        return Ok(ExitCode::SUCCESS);
    };
    let contenders = options.contenders(place.wallet.clone())?;
    let chosen: Vec<_> =
        workloads.iter().filter(|workload| options.wants(workload.name, workload.quick)).collect();
    let mut lab = Lab::new(place, &options, contenders)?;
    lab.prepare().await?;
    for workload in &chosen {
        lab.run(workload).await?;
    }
    let instructions = if options.wants(callgrind::NAME, false) {
        callgrind::count(&lab, &options).await?
    } else {
        Vec::new()
    };
    let report = Report {
        machine: Machine::look(&lab).await?,
        rounds: options.rounds(),
        seconds: options.seconds(),
        players: options.players,
        grown_rows: options.rows,
        contenders: lab.contenders().iter().map(String::from).collect(),
        verdicts: verdict::verdicts(&chosen, lab.contenders(), &lab.samples),
        samples: &lab.samples,
        integrity: &lab.checks,
        missed_damages: &lab.missed_damages,
        instructions,
        workloads: &chosen,
    };
    report.write(&options.out)?;
    println!("\n{}", report.targets());
    if lab.contenders().len() > 1 {
        println!("{}", report.comparison());
    }
    println!("the report is in {}", options.out.display());
    for complaint in &lab.complaints {
        eprintln!("not as expected: {complaint}");
    }
    let missed = lab.missed_damages.as_deref().unwrap_or_default();
    for damage in missed {
        eprintln!("the integrity check has not noticed {damage}");
    }
    let sound = missed.is_empty()
        && lab.checks.iter().all(Integrity::holds)
        && lab.samples.iter().all(|sample| sample.wrong == 0);
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
