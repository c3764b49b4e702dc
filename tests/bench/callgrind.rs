//! Instructions of the service's process for each bet: they do not depend on the machine's
//! load, so they show what a change costs where a time would drown in noise.

use std::cell::RefCell;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use anyhow::{Context, ensure};
use serde::Serialize;

use super::calls::Pen;
use super::grpc;
use super::http::{Connection, Reply};
use super::ids::Order;
use super::lab::{Lab, say};
use super::options::Options;
use super::servers::{Contender, Node, NodeSpec};
use super::traffic::{Bets, Caller, SharedPen};

/// What it is called on the command line.
pub const NAME: &str = "instructions";
pub const TITLE: &str = "Instructions of the service's process for each bet";

/// Two runs that differ in nothing but the number of their bets.
const FEW: u64 = 400;
const MANY: u64 = 2400;

/// How the bets come, and how many at once.
const WAYS: [Way; 3] = [
    Way { over: "HTTP", at_once: 1 },
    Way { over: "HTTP", at_once: 32 },
    Way { over: "gRPC", at_once: 32 },
];

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Way {
    pub over: &'static str,
    pub at_once: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct Instructions {
    pub contender: String,
    #[serde(flatten)]
    pub way: Way,
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
        for way in WAYS {
            let database = "counted";
            let postgres = &lab.place().postgres;
            postgres.copy(&super::lab::seeded(contender), database).await?;
            let Way { over, at_once } = way;
            let file = out.join(format!("callgrind.{}.{over}.{at_once}", contender.name));
            let run = async |bets| run(lab, contender, way, (bets, options.players), &file).await;
            let few = run(FEW).await?;
            let many = run(MANY).await?;
            postgres.drop(database).await?;
            let per_bet = (many as f64 - few as f64) / (MANY - FEW) as f64;
            say(&format!(
                "  {}, {at_once} at once over {over}: {per_bet:.0} instructions for a bet",
                contender.name
            ));
            let contender = contender.name.clone();
            counts.push(Instructions { contender, way, per_bet });
        }
    }
    Ok(counts)
}

/// All instructions of a node that answers some bets.
async fn run(
    lab: &Lab<'_>,
    contender: &Contender,
    way: Way,
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
        grpc: way.over == "gRPC",
        wrapper: &wrapper,
    };
    let node = Node::start(&spec, &lab.place().dir).await?;
    let pen = Rc::new(RefCell::new(Pen::new(Order::Time)));
    let left = Left(Rc::new(RefCell::new(bets)));
    let mut tasks = tokio::task::JoinSet::new();
    if spec.grpc {
        for _ in 0..way.at_once.div_ceil(grpc::STREAMS) {
            let connection = grpc::Connection::open(node.grpc).await?;
            tasks.spawn_local(over_grpc(connection, Rc::clone(&pen), players, left.clone()));
        }
    } else {
        for _ in 0..way.at_once {
            let connection = Connection::open(node.api).await?;
            tasks.spawn_local(over_http(connection, Rc::clone(&pen), players, left.clone()));
        }
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    node.stop()?;
    total(file)
}

/// Bets that have not been asked yet.
#[derive(Clone)]
struct Left(Rc<RefCell<u64>>);

impl Left {
    fn take_one(&self) -> bool {
        let mut left = self.0.borrow_mut();
        let fewer = left.checked_sub(1);
        *left = fewer.unwrap_or_default();
        fewer.is_some()
    }
}

async fn over_http(
    mut connection: Connection,
    pen: SharedPen,
    players: u64,
    left: Left,
) -> anyhow::Result<()> {
    let mut caller = Bets { pen, players };
    let mut request = Vec::new();
    while left.take_one() {
        caller.ask(&mut request);
        let reply = connection.call(&request).await?;
        caller.hear(&reply).map_err(anyhow::Error::msg)?;
    }
    Ok(())
}

async fn over_grpc(
    mut connection: grpc::Connection,
    pen: SharedPen,
    players: u64,
    left: Left,
) -> anyhow::Result<()> {
    let mut caller = grpc::Bets { pen, players };
    let mut request = Vec::new();
    let mut asked = 0;
    loop {
        while asked < grpc::STREAMS && left.take_one() {
            caller.ask(&mut request);
            connection.ask(&request);
            asked += 1;
        }
        if asked == 0 {
            return Ok(());
        }
        for (_, body) in connection.replies().await? {
            caller.hear(&Reply { status: 200, body: &body }).map_err(anyhow::Error::msg)?;
            asked -= 1;
        }
    }
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
