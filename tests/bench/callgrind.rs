//! Instructions of the service's process for each bet: they do not depend on the machine's
//! load, so they show what a change costs where a time would drown in noise.

use std::cell::RefCell;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use anyhow::{Context, ensure};
use serde::Serialize;

use super::calls::Pen;
use super::http::Connection;
use super::ids::Order;
use super::lab::{Lab, say};
use super::options::Options;
use super::servers::{Contender, Node, NodeSpec};
use super::traffic::{Bets, Caller};

/// What it is called on the command line.
pub const NAME: &str = "instructions";
pub const TITLE: &str = "Instructions of the service's process for each bet";

/// Two runs that differ in nothing but the number of their bets.
const FEW: u64 = 400;
const MANY: u64 = 2400;

#[derive(Clone, Debug, Serialize)]
pub struct Instructions {
    pub contender: String,
    pub connections: usize,
    pub per_bet: f64,
}

/// Counts for each contender; nothing where there is no valgrind. The longer run's file stays
/// beside the report, for callgrind_annotate.
pub async fn count(lab: &Lab<'_>, options: &Options) -> anyhow::Result<Vec<Instructions>> {
    let mut counts = Vec::new();
    say(&format!("{NAME}: {TITLE}"));
    if Command::new("valgrind").arg("--version").output().is_err() {
        say("there is no valgrind: instructions are not counted");
        return Ok(counts);
    }
    std::fs::create_dir_all(&options.out)?;
    let out = std::fs::canonicalize(&options.out)?;
    for contender in lab.contenders() {
        for connections in [1, 32] {
            let database = "counted";
            let postgres = &lab.place().postgres;
            postgres.copy(&super::lab::seeded(contender), database).await?;
            let file = out.join(format!("callgrind.{}.{connections}", contender.name));
            let run =
                async |bets| run(lab, contender, connections, (bets, options.players), &file).await;
            let few = run(FEW).await?;
            let many = run(MANY).await?;
            postgres.drop(database).await?;
            let per_bet = (many as f64 - few as f64) / (MANY - FEW) as f64;
            say(&format!(
                "  {}, {connections} connections: {per_bet:.0} instructions for a bet",
                contender.name
            ));
            let contender = contender.name.clone();
            counts.push(Instructions { contender, connections, per_bet });
        }
    }
    Ok(counts)
}

/// All instructions of a node that answers some bets.
async fn run(
    lab: &Lab<'_>,
    contender: &Contender,
    connections: usize,
    (bets, players): (u64, u64),
    file: &Path,
) -> anyhow::Result<u64> {
    let wrapper =
        ["valgrind", "--tool=callgrind", &format!("--callgrind-out-file={}", file.display())]
            .map(str::to_owned);
    let env = [
        // Under valgrind everything takes fifty times as long: no limit may cut it short.
        ("WALLET__CACHE__COMMAND_TIMEOUT_MS", "2000"),
        // The longer run would see more of a job's work, and count it as a bet's.
        ("WALLET__JOBS__ENABLED", "false"),
        ("PATH", "/usr/bin:/bin"),
    ];
    let spec = NodeSpec {
        contender,
        database_url: &lab.place().postgres.url("counted"),
        redis_url: &lab.redis().url(),
        env: &env,
        grpc: false,
        wrapper: &wrapper,
    };
    let node = Node::start(&spec, &lab.place().dir).await?;
    let pen = Rc::new(RefCell::new(Pen::new(Order::Time)));
    let left = Rc::new(RefCell::new(bets));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let mut connection = Connection::open(node.api).await?;
        let mut caller = Bets { pen: Rc::clone(&pen), players };
        let left = Rc::clone(&left);
        tasks.spawn_local(async move {
            let mut request = Vec::new();
            while let Some(fewer) = { *left.borrow() }.checked_sub(1) {
                *left.borrow_mut() = fewer;
                caller.ask(&mut request);
                let reply = connection.call(&request).await?;
                caller.hear(&reply).map_err(anyhow::Error::msg)?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    node.stop()?;
    total(file)
}

/// The sum that callgrind writes at the end.
fn total(file: &Path) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(file).context("callgrind has written nothing")?;
    let totals: u64 = text
        .lines()
        .filter_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")))
        .filter_map(|number| number.trim().parse().ok())
        .max()
        .unwrap_or_default();
    ensure!(totals > 0, "callgrind has counted nothing");
    Ok(totals)
}
