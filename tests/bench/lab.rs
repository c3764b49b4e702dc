//! Runs variants: a fresh node on a copy of the seeded database, its calls, what they took.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::calls::{Expected, Pen, check};
use super::cpu::{Cpu, Pids, memory_mib};
use super::database::Postgres;
use super::http::Connection;
use super::integrity::{self, Integrity};
use super::load::{Fleet, Tally, Window, closed_over_grpc};
use super::options::{Options, Place};
use super::pgbench::Pgbench;
use super::sample::Sample;
use super::servers::{self, Contender, Node, NodeSpec, Redis};
use super::traffic::{Bets, Caller, Known, Pairs, Repeated, Repeats, SharedPen, Traffic};
use super::workloads::{Calls, Pace, RedisUse, Table, Variant, What, Workload};
use super::{filler, grpc};

/// The database that pgbench runs in, and what it is a copy of.
const YARDSTICK: (&str, &str) = ("yardstick", "seeded_a");
/// What a Redis that will be gone is called.
const DOOMED: &str = "doomed.sock";

pub struct Lab<'o> {
    place: Place,
    options: &'o Options,
    contenders: Vec<Contender>,
    redis: Redis,
    /// What replies have acknowledged: rows, and calls with an unclear end, by database.
    books: BTreeMap<String, (u64, u64)>,
    pub samples: Vec<Sample>,
    pub checks: Vec<Integrity>,
    pub complaints: Vec<String>,
    /// Damages that the integrity check has not noticed when it was put to the test.
    pub missed_damages: Option<Vec<&'static str>>,
}

impl<'o> Lab<'o> {
    pub fn new(
        place: Place,
        options: &'o Options,
        contenders: Vec<Contender>,
    ) -> anyhow::Result<Self> {
        let redis = Redis::start(&place.redis_server, &place.postgres.sockets, "redis.sock")?;
        Ok(Self {
            place,
            options,
            contenders,
            redis,
            books: BTreeMap::new(),
            samples: Vec::new(),
            checks: Vec::new(),
            complaints: Vec::new(),
            missed_damages: None,
        })
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    pub fn contenders(&self) -> &[Contender] {
        &self.contenders
    }

    pub fn redis(&self) -> &Redis {
        &self.redis
    }

    /// A database with players for each contender, by its own migrations.
    pub async fn prepare(&self) -> anyhow::Result<()> {
        for contender in &self.contenders {
            let name = seeded(contender);
            self.place.postgres.create(&name).await?;
            servers::migrate(contender, &self.place.postgres.url(&name))?;
            self.place.postgres.seed(&name, self.options.players).await?;
        }
        Ok(())
    }

    /// All rounds of a workload, and the integrity check.
    pub async fn run(&mut self, workload: &Workload) -> anyhow::Result<()> {
        say(&format!("{}: {}", workload.name, workload.title));
        self.prepare_databases(workload).await?;
        let rounds = self.options.rounds();
        for round in 0..rounds {
            for variant in &workload.variants {
                self.run_variant(workload, variant, round)
                    .await
                    .with_context(|| format!("{}, {}", workload.name, variant.name))?;
            }
        }
        if !workload.targets.is_empty() {
            // So that every measurement has its yardstick before and after it.
            for variant in &workload.variants {
                if let What::Pgbench(pgbench) = variant.what {
                    self.run_pgbench(workload, variant, pgbench, rounds)?;
                }
            }
        }
        for (database, book) in std::mem::take(&mut self.books) {
            let mut found = integrity::check(&self.place.postgres, &database, book).await?;
            found.workload = workload.name.to_owned();
            let verdict = if found.holds() { "holds" } else { "DOES NOT HOLD" };
            say(&format!(
                "  integrity of {database} {verdict}: {} rows for {} acknowledged, {} players, \
                 {} gaps, {} breaks, {} versions off, {} balances off, {} strays",
                found.rows,
                found.acknowledged,
                found.players,
                found.gaps,
                found.breaks,
                found.versions_off,
                found.balances_off,
                found.strays
            ));
            let is_provable = found.holds() && found.rows > 0 && found.unclear == 0;
            if is_provable && self.missed_damages.is_none() {
                self.missed_damages = Some(integrity::prove(&self.place.postgres, &found).await?);
            }
            self.checks.push(found);
            self.place.postgres.drop(&database).await?;
        }
        Ok(())
    }

    async fn prepare_databases(&self, workload: &Workload) -> anyhow::Result<()> {
        let postgres = &self.place.postgres;
        let uses = |table| {
            workload.variants.iter().any(|variant| match &variant.what {
                What::Calls(calls) => (calls.table == Table::Small) == (table == Table::Small),
                What::Pgbench(_) => false,
            })
        };
        for contender in &self.contenders {
            if uses(Table::Small) {
                postgres.copy(&seeded(contender), &database(contender, Table::Small)).await?;
            }
            if uses(Table::Grown) {
                let grown = database(contender, Table::Grown);
                postgres.copy(&seeded(contender), &grown).await?;
                say(&format!("  filling trx_log with {} rows", self.options.rows));
                filler::fill(postgres, &grown, self.options.rows, self.options.players).await?;
            }
        }
        if workload.variants.iter().any(|variant| matches!(variant.what, What::Pgbench(_))) {
            postgres.copy(YARDSTICK.1, YARDSTICK.0).await?;
        }
        postgres.settle().await
    }

    async fn run_variant(
        &mut self,
        workload: &Workload,
        variant: &Variant,
        round: usize,
    ) -> anyhow::Result<()> {
        let calls = match &variant.what {
            What::Pgbench(pgbench) => return self.run_pgbench(workload, variant, *pgbench, round),
            What::Calls(calls) => calls,
        };
        let mut contenders = self.contenders.clone();
        if round % 2 == 1 {
            // Nobody always comes first.
            contenders.reverse();
        }
        for contender in &contenders {
            let rate = match calls.pace {
                Pace::Open { share, of, .. } => {
                    Some(share * self.reached(workload, of, contender, round)?)
                }
                Pace::Closed { .. } => None,
            };
            let mut sample = self.run_calls(calls, contender, rate).await?;
            sample.workload = workload.name;
            sample.variant.clone_from(&variant.name);
            sample.contender.clone_from(&contender.name);
            sample.round = round;
            self.note(sample);
        }
        Ok(())
    }

    /// What a variant of this round has reached.
    fn reached(
        &self,
        workload: &Workload,
        variant: &str,
        contender: &Contender,
        round: usize,
    ) -> anyhow::Result<f64> {
        self.samples
            .iter()
            .find(|s| s.is_of(workload.name, variant, &contender.name) && s.round == round)
            .map(|sample| sample.throughput)
            .with_context(|| format!("`{variant}` was not measured before"))
    }

    fn run_pgbench(
        &mut self,
        workload: &Workload,
        variant: &Variant,
        pgbench: Pgbench,
        round: usize,
    ) -> anyhow::Result<()> {
        let mut sample = pgbench.run(
            &self.place.postgres,
            YARDSTICK.0,
            self.options.seconds(),
            &self.place.dir,
        )?;
        sample.workload = workload.name;
        sample.variant.clone_from(&variant.name);
        sample.round = round;
        self.note(sample);
        Ok(())
    }

    fn note(&mut self, sample: Sample) {
        let Sample { throughput, p50_us, p99_us, wrong, cpu, .. } = &sample;
        let name = format!("{} {}", sample.variant, sample.contender);
        say(&format!(
            "  {name:<32} {throughput:>8.0}/s  p50 {p50_us:>6.0} µs  p99 {p99_us:>6.0} µs  \
             cores: postgres {:.2}, wallet {:.2}, redis {:.2}, client {:.2}{}{}{}",
            cpu.postgres,
            cpu.wallet,
            cpu.redis,
            cpu.client,
            sample.batch.map(|batch| format!("  batch {batch:.1}")).unwrap_or_default(),
            sample.memory_mib.map(|mib| format!("  {mib:.0} MiB")).unwrap_or_default(),
            if *wrong > 0 { format!("  {wrong} WRONG") } else { String::new() },
        ));
        self.samples.push(sample);
    }

    /// One run of calls against fresh nodes.
    async fn run_calls(
        &mut self,
        calls: &Calls,
        contender: &Contender,
        rate: Option<f64>,
    ) -> anyhow::Result<Sample> {
        let postgres = self.place.postgres.clone();
        let database = database(contender, calls.table);
        // What earlier runs have left there may be older than the database.
        self.redis.command("FLUSHALL")?;
        match calls.table {
            Table::Small => {}
            Table::Grown => filler::warm(&postgres, &database).await?,
            Table::GrownCold => chill(&postgres).await?,
        }
        let mut doomed = match calls.redis {
            RedisUse::Stopped => {
                Some(Redis::start(&self.place.redis_server, &postgres.sockets, DOOMED)?)
            }
            RedisUse::Up | RedisUse::None => None,
        };
        let redis_url = match (&doomed, calls.redis) {
            (Some(doomed), _) => doomed.url(),
            (None, RedisUse::None) => String::new(),
            (None, _) => self.redis.url(),
        };
        let database_url = postgres.url(&database);
        let spec = NodeSpec {
            contender,
            database_url: &database_url,
            redis_url: &redis_url,
            env: calls.env,
            grpc: matches!(calls.traffic, Traffic::GrpcBets { .. }),
            wrapper: &[],
        };
        let mut nodes = Vec::new();
        for _ in 0..calls.nodes {
            nodes.push(Node::start(&spec, &self.place.dir).await?);
        }
        doomed.take();

        let mut sample = Sample::default();
        let mut commits_before = 0;
        if calls.idle {
            tokio::time::sleep(Duration::from_secs(2)).await;
        } else {
            let seconds = self.options.seconds() as f64;
            let loaded = self.load(calls, &nodes, rate, (&postgres, &database)).await?;
            let Loaded { tally, cpu, commits } = loaded;
            (sample.cpu, commits_before) = (cpu, commits);
            let book = self.books.entry(database.clone()).or_default();
            book.0 += tally.rows;
            book.1 += tally.wrong;
            sample.wrong = tally.wrong;
            self.complaints.extend(tally.complaints);
            sample.learn(tally.latencies, seconds);
        }
        sample.memory_mib = nodes.first().and_then(|node| memory_mib(node.pid(), "VmRSS"));
        let (mut commands, mut batches) = (0.0, 0.0);
        for node in &nodes {
            let metrics = node.metrics().await?;
            let metric = |name: &str| metrics.get(name).copied().unwrap_or_default();
            commands += metric("wallet_batch_size_sum");
            batches += metric("wallet_batch_size_count");
            sample.redone += metric("wallet_redo_total");
            sample.shed += metrics
                .iter()
                .filter(|(series, _)| {
                    series.starts_with("wallet_calls_total{") && series.contains("outcome=\"busy\"")
                })
                .map(|(_, count)| *count as u64)
                .sum::<u64>();
        }
        sample.batch = (batches > 0.0).then(|| commands / batches);
        for node in nodes {
            node.stop()?;
        }
        if !calls.idle && sample.calls > 0 {
            let commits = postgres.commits(&database).await? - commits_before;
            sample.commits_per_call = commits as f64 / sample.calls as f64;
        }
        Ok(sample)
    }

    /// The calls themselves, with the processor's time within the window.
    async fn load(
        &self,
        calls: &Calls,
        nodes: &[Node],
        rate: Option<f64>,
        (postgres, database): (&Postgres, &str),
    ) -> anyhow::Result<Loaded> {
        let addresses: Vec<_> = nodes.iter().map(|node| node.api).collect();
        let connections = match calls.pace {
            Pace::Closed { connections } | Pace::Open { connections, .. } => connections,
        };
        let pen = Rc::new(RefCell::new(Pen::new(calls.order)));
        let mut prepared = 0;
        let known = match calls.traffic {
            Traffic::Repeats { of, references } => {
                let (known, rows) = answered(addresses[0], &pen, of, references).await?;
                prepared = rows;
                known
            }
            Traffic::Bets { .. } | Traffic::GrpcBets { .. } | Traffic::Pairs { .. } => {
                Known::default()
            }
        };
        if matches!(calls.traffic, Traffic::Repeats { .. }) {
            // An idle session tells the statistics of its last commits after ten seconds.
            tokio::time::sleep(Duration::from_secs(11)).await;
        }
        let callers = (0..connections).map(|_| caller(calls.traffic, &pen, &known)).collect();
        let over_grpc = matches!(calls.traffic, Traffic::GrpcBets { .. });
        let (fleet, callers): (_, Vec<Box<dyn Caller>>) = if over_grpc {
            (Fleet::default(), callers)
        } else {
            (Fleet::connect(&addresses, callers).await?, Vec::new())
        };
        let commits = postgres.commits(database).await?;
        let pids = Pids {
            postmaster: postgres.pid()?,
            wallets: nodes.iter().map(Node::pid).collect(),
            redis: Some(self.redis.pid()),
        };
        let length = Duration::from_secs(self.options.seconds());
        let window = Window::after(Duration::from_secs_f64(self.options.warm_up), length);
        let run = async {
            match rate {
                None if over_grpc => closed_over_grpc(nodes[0].grpc, callers, window).await,
                None => fleet.closed(window).await,
                Some(rate) => fleet.open(rate, window).await,
            }
        };
        let (tally, cpu) = tokio::join!(run, watch(&pids, window));
        let mut tally = tally?;
        tally.rows += prepared;
        Ok(Loaded { tally, cpu, commits })
    }
}

/// What came of the calls.
struct Loaded {
    tally: Tally,
    cpu: Cpu,
    /// That PostgreSQL had counted before.
    commits: i64,
}

pub fn seeded(contender: &Contender) -> String {
    format!("seeded_{}", contender.name.to_lowercase())
}

fn database(contender: &Contender, table: Table) -> String {
    let kind = if table == Table::Small { "run" } else { "grown" };
    format!("{kind}_{}", contender.name.to_lowercase())
}

fn caller(traffic: Traffic, pen: &SharedPen, known: &Known) -> Box<dyn Caller> {
    let pen = Rc::clone(pen);
    match traffic {
        Traffic::Bets { players } => Box::new(Bets { pen, players }),
        Traffic::GrpcBets { players } => Box::new(grpc::Bets { pen, players }),
        Traffic::Pairs { players } => Box::new(Pairs::new(pen, players)),
        Traffic::Repeats { .. } => Box::new(Repeats { pen, known: Rc::clone(known), at: 0 }),
    }
}

/// Calls of one player each, answered once, and how many rows all that led to them has left.
async fn answered(
    address: std::net::SocketAddr,
    pen: &SharedPen,
    of: Repeated,
    references: u64,
) -> anyhow::Result<(Known, u64)> {
    let mut connection = Connection::open(address).await?;
    let (mut known, mut rows) = (Vec::new(), 0);
    for player in 0..references {
        let (mut bet, mut result) = (Vec::new(), Vec::new());
        {
            let mut pen = pen.borrow_mut();
            let mut spin = pen.spin(1);
            spin.player += player;
            pen.bet(&spin, &mut bet);
            let reference = pen.reference();
            pen.result(&spin, &reference, spin.cents * 3, &mut result);
        }
        let calls = match of {
            Repeated::Bets => vec![bet],
            Repeated::Results => vec![bet, result],
        };
        for (place, request) in calls.iter().enumerate() {
            let reply = connection.call(request).await?;
            rows += 1;
            match check(&reply, Expected::Done) {
                Ok(Some(id)) if place + 1 == calls.len() => known.push((request.clone(), id)),
                Ok(Some(_)) => {}
                Ok(None) => bail!("a movement was answered without a transaction"),
                Err(complaint) => bail!("{complaint}"),
            }
        }
    }
    Ok((Rc::new(known), rows))
}

/// Cores in use within the window.
async fn watch(pids: &Pids, window: Window) -> Cpu {
    tokio::time::sleep_until(window.from.into()).await;
    let (before, begun) = (pids.sample(), Instant::now());
    tokio::time::sleep_until(window.to.into()).await;
    pids.sample().since(&before, begun.elapsed().as_secs_f64())
}

/// Nothing of the database is in memory after this.
async fn chill(postgres: &Postgres) -> anyhow::Result<()> {
    postgres.settle().await?;
    let status = Command::new(&postgres.restart).status().context("restarting PostgreSQL")?;
    ensure!(status.success(), "PostgreSQL was not restarted");
    let dropped = Command::new("sync").status().map(|status| status.success())?
        && std::fs::write("/proc/sys/vm/drop_caches", "3").is_ok();
    if !dropped {
        say("  the page cache cannot be dropped by this user: only PostgreSQL's own is cold");
    }
    Ok(())
}

pub fn say(line: &str) {
    println!("{line}");
}
