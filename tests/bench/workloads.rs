//! What is measured, against what, and what is expected of it.

use super::ids::Order;
use super::pgbench::Pgbench;
use super::plain;
use super::sample::Metric;
use super::traffic::{Repeated, Traffic};

pub struct Workload {
    pub name: &'static str,
    pub title: &'static str,
    pub variants: Vec<Variant>,
    pub targets: Vec<Target>,
    /// Whether it belongs to the daily look.
    pub quick: bool,
}

/// One line of a workload; each round runs all of them.
pub struct Variant {
    pub name: String,
    pub what: What,
}

pub enum What {
    Pgbench(Pgbench),
    Calls(Calls),
}

/// Calls to nodes.
#[derive(Clone, Debug)]
pub struct Calls {
    pub traffic: Traffic,
    pub order: Order,
    pub pace: Pace,
    pub nodes: usize,
    pub redis: RedisUse,
    pub table: Table,
    /// Settings of the node.
    pub env: &'static [(&'static str, &'static str)],
    /// Memory is measured before the first call, and nothing else.
    pub idle: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    Closed {
        connections: usize,
    },
    /// At a share of what another variant of the workload has reached in the same round.
    Open {
        connections: usize,
        share: f64,
        of: &'static str,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedisUse {
    Up,
    /// None is configured.
    None,
    /// It is configured, was there when the node started, and is gone.
    Stopped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// As it was after seeding, and what the workload has added.
    Small,
    /// With millions of rows, all of them in memory.
    Grown,
    /// The same, after PostgreSQL was restarted and the page cache dropped.
    GrownCold,
}

/// A number that has to come out.
pub struct Target {
    pub what: &'static str,
    pub number: (&'static str, Metric),
    /// What the number is divided by, in the same round.
    pub per: Option<(&'static str, Metric)>,
    pub bound: Bound,
}

#[derive(Clone, Copy, Debug)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    pub fn holds(self, number: f64) -> bool {
        match self {
            Self::AtLeast(least) => number >= least,
            Self::AtMost(most) => number <= most,
        }
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "≥ {least}"),
            Self::AtMost(most) => write!(f, "≤ {most}"),
        }
    }
}

/// The name of a variant that is the plain transaction.
pub const PGBENCH: &str = "pgbench";
/// The name of a variant that is the wallet.
pub const WALLET: &str = "wallet";
/// The callback, and the same bet as a call of `Execute`.
const OVER_HTTP: &str = "HTTP";
const OVER_GRPC: &str = "gRPC";
/// The connections of the sweep.
const SWEEP: [usize; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
/// The clients of pgbench in the sweep.
const SWEEP_PGBENCH: [u32; 6] = [1, 4, 16, 32, 64, 128];

/// All workloads, in the order of the report.
pub fn all(players: u64) -> Vec<Workload> {
    let bets = Calls {
        traffic: Traffic::Bets { players },
        order: Order::Time,
        pace: Pace::Closed { connections: 64 },
        nodes: 1,
        redis: RedisUse::Up,
        table: Table::Small,
        env: QUIET,
        idle: false,
    };
    let at = |connections| Calls { pace: Pace::Closed { connections }, ..bets.clone() };
    let references = 1000.min(players);
    let repeats = |of| Calls { traffic: Traffic::Repeats { of, references }, ..at(64) };
    let throughput = |what, least| Target {
        what,
        number: (WALLET, Metric::Throughput),
        per: Some((PGBENCH, Metric::Throughput)),
        bound: Bound::AtLeast(least),
    };
    vec![
        Workload {
            name: "bets-64",
            title: "Bets over all players, 64 connections",
            variants: vec![pgbench(32, players), wallet(at(64))],
            targets: vec![throughput("throughput, of pgbench with 32 clients", 2.5)],
            quick: true,
        },
        Workload {
            name: "bets-256",
            title: "Bets over all players, 256 connections",
            variants: vec![pgbench(32, players), wallet(at(256))],
            targets: vec![throughput("throughput, of pgbench with 32 clients", 3.0)],
            quick: true,
        },
        Workload {
            name: "pairs",
            title: "Bets with results; 5 % refused, 2 % repeated, 1 % refunded; 64 connections",
            variants: vec![
                pgbench(32, players),
                wallet(Calls { traffic: Traffic::Pairs { players }, ..at(64) }),
            ],
            targets: vec![throughput("throughput, of pgbench with 32 clients", 2.2)],
            quick: false,
        },
        Workload {
            name: "hot",
            title: "Bets of one player, 64 connections",
            variants: vec![
                pgbench(32, 1),
                wallet(Calls { traffic: Traffic::Bets { players: 1 }, ..at(64) }),
            ],
            targets: vec![throughput("throughput, of pgbench with 32 clients on one row", 10.0)],
            quick: true,
        },
        Workload {
            name: "repeats",
            title: "Repeats of 1,000 movements that were answered before, 64 connections",
            variants: vec![
                pgbench(32, players),
                wallet(repeats(Repeated::Results)),
                variant("repeats of bets", repeats(Repeated::Bets)),
            ],
            targets: vec![
                throughput("throughput, of pgbench with 32 clients", 9.0),
                Target {
                    what: "commits in PostgreSQL for each call",
                    number: (WALLET, Metric::CommitsPerCall),
                    per: None,
                    bound: Bound::AtMost(0.001),
                },
            ],
            quick: true,
        },
        Workload {
            name: "one",
            title: "Bets over all players, one connection",
            variants: vec![pgbench(1, players), wallet(at(1))],
            targets: vec![Target {
                what: "median latency, of pgbench's own with one client",
                number: (WALLET, Metric::P50),
                per: Some((PGBENCH, Metric::P50)),
                bound: Bound::AtMost(1.3),
            }],
            quick: true,
        },
        open_loop(&bets),
        Workload {
            name: "grpc",
            title: "Bets over all players: 64 connections over HTTP, 64 calls on 8 over gRPC",
            variants: vec![
                variant(OVER_HTTP, at(64)),
                variant(OVER_GRPC, Calls { traffic: Traffic::GrpcBets { players }, ..at(64) }),
            ],
            targets: vec![Target {
                what: "throughput over gRPC, of that over HTTP",
                number: (OVER_GRPC, Metric::Throughput),
                per: Some((OVER_HTTP, Metric::Throughput)),
                bound: Bound::AtLeast(1.0),
            }],
            quick: false,
        },
        Workload {
            name: "two-nodes",
            title: "Bets over all players, 64 connections: one node, and spread over two nodes",
            variants: vec![
                variant("one node", at(64)),
                variant("two nodes", Calls { nodes: 2, ..at(64) }),
            ],
            targets: vec![Target {
                what: "throughput of two nodes, of one node's",
                number: ("two nodes", Metric::Throughput),
                per: Some(("one node", Metric::Throughput)),
                bound: Bound::AtLeast(0.9),
            }],
            quick: false,
        },
        Workload {
            name: "redis-stopped",
            title: "Bets over all players, 64 connections: without Redis, and with one that is gone",
            variants: vec![
                variant("no Redis", Calls { redis: RedisUse::None, ..at(64) }),
                variant("Redis stopped", Calls { redis: RedisUse::Stopped, ..at(64) }),
            ],
            targets: vec![Target {
                what: "throughput with Redis stopped, of that without Redis",
                number: ("Redis stopped", Metric::Throughput),
                per: Some(("no Redis", Metric::Throughput)),
                bound: Bound::AtLeast(0.9),
            }],
            quick: false,
        },
        growth(&bets),
        jobs(&bets),
        memory(&bets),
        Workload {
            name: "unbatched",
            title: "What group commit buys: bets over all players, 64 connections",
            variants: vec![
                pgbench(32, players),
                variant("grouped", at(64)),
                variant("one statement for each call", Calls { env: UNBATCHED, ..at(64) }),
                variant(
                    "one transaction for each call",
                    Calls { env: PLAIN, redis: RedisUse::None, ..at(64) },
                ),
            ],
            targets: Vec::new(),
            quick: false,
        },
        sweep(&bets, players),
    ]
}

/// Sixteen lanes, each a connection that commits one command at a time. It is this engine made
/// to work without batches: a read and one writing statement, which is its own transaction.
const UNBATCHED: &[(&str, &str)] =
    &[JOBS_OFF, ("WALLET__DATABASE__LANES", "16"), ("WALLET__DATABASE__BATCH_MAX", "1")];

/// A node without an engine: `BEGIN`, two statements and `COMMIT` for each call.
const PLAIN: &[(&str, &str)] = &[(plain::SWITCH, "yes"), ("WALLET__DATABASE__POOL_MAX", "16")];

/// A new node's first reconciliation would fall into a measurement of a few seconds. What one
/// costs has a workload of its own.
const JOBS_OFF: (&str, &str) = ("WALLET__JOBS__ENABLED", "false");
const QUIET: &[(&str, &str)] = &[JOBS_OFF];
/// One reconciliation after the other.
const RESTLESS: &[(&str, &str)] = &[("WALLET__JOBS__RECONCILE_EVERY_S", "1")];

fn jobs(bets: &Calls) -> Workload {
    const MOST: &str = "closed loop, 64 connections";
    const WITHOUT: &str = "without jobs";
    const WITH: &str = "reconciliations without end";
    let open = Calls { pace: Pace::Open { connections: 64, share: 0.5, of: MOST }, ..bets.clone() };
    Workload {
        name: "jobs",
        title: "Open loop at half of what 64 connections reach, while reconciliations run",
        variants: vec![
            variant(MOST, bets.clone()),
            variant(WITHOUT, open.clone()),
            variant(WITH, Calls { env: RESTLESS, ..open }),
        ],
        targets: vec![Target {
            what: "99th percentile while a pass runs, of that without",
            number: (WITH, Metric::P99),
            per: Some((WITHOUT, Metric::P99)),
            bound: Bound::AtMost(1.2),
        }],
        quick: false,
    }
}

fn open_loop(bets: &Calls) -> Workload {
    const ALONE: &str = "one connection";
    const MOST: &str = "closed loop, 256 connections";
    const OPEN: &str = "open loop";
    let number = |metric| (OPEN, metric);
    let open = Pace::Open { connections: 256, share: 0.7, of: MOST };
    Workload {
        name: "open-70",
        title: "Open loop: bets at 70 % of the most that 256 connections reach",
        variants: vec![
            variant(ALONE, Calls { pace: Pace::Closed { connections: 1 }, ..bets.clone() }),
            variant(MOST, Calls { pace: Pace::Closed { connections: 256 }, ..bets.clone() }),
            variant(OPEN, Calls { pace: open, ..bets.clone() }),
        ],
        targets: vec![
            Target {
                what: "99th percentile, of the median of one connection",
                number: number(Metric::P99),
                per: Some((ALONE, Metric::P50)),
                bound: Bound::AtMost(6.0),
            },
            Target {
                what: "wrong or shed",
                number: number(Metric::Errors),
                per: None,
                bound: Bound::AtMost(0.0),
            },
        ],
        quick: false,
    }
}

fn growth(bets: &Calls) -> Workload {
    const SMALL: &str = "small table";
    const WARM: &str = "grown, warm, random ids";
    const COLD: &str = "grown, cold, ids in order of time";
    let grown = |table, order| Calls { table, order, ..bets.clone() };
    let target = |what, variant, least| Target {
        what,
        number: (variant, Metric::Throughput),
        per: Some((SMALL, Metric::Throughput)),
        bound: Bound::AtLeast(least),
    };
    Workload {
        name: "growth",
        title: "A trx_log with millions of rows: bets over all players, 64 connections",
        variants: vec![
            variant(SMALL, bets.clone()),
            variant(WARM, grown(Table::Grown, Order::Random)),
            variant(COLD, grown(Table::GrownCold, Order::Time)),
        ],
        targets: vec![
            target("throughput warm, of that with a small table", WARM, 0.95),
            target("throughput cold, of that with a small table", COLD, 0.85),
        ],
        quick: false,
    }
}

fn memory(bets: &Calls) -> Workload {
    const IDLE: &str = "idle";
    const BASE: &str = "closed loop, 256 connections";
    const CROWD: &str = "10,000 connections";
    let crowd = Pace::Open { connections: 10_000, share: 0.5, of: BASE };
    let at_most = |what, variant, mib| Target {
        what,
        number: (variant, Metric::Memory),
        per: None,
        bound: Bound::AtMost(mib),
    };
    Workload {
        name: "memory",
        title: "Resident memory of a node: idle, and with 10,000 open connections under load",
        variants: vec![
            variant(IDLE, Calls { idle: true, ..bets.clone() }),
            variant(BASE, Calls { pace: Pace::Closed { connections: 256 }, ..bets.clone() }),
            variant(CROWD, Calls { pace: crowd, env: PATIENT, ..bets.clone() }),
        ],
        targets: vec![
            at_most("MiB idle", IDLE, 48.0),
            at_most("MiB with 10,000 connections", CROWD, 256.0),
        ],
        quick: false,
    }
}

/// All connections are one machine's.
const PATIENT: &[(&str, &str)] =
    &[JOBS_OFF, ("WALLET__HTTP__CONNECTIONS_PER_ADDRESS_MAX", "20000")];

fn sweep(bets: &Calls, players: u64) -> Workload {
    let wallets = SWEEP.iter().map(|connections| Variant {
        name: format!("{WALLET} {connections}"),
        what: What::Calls(Calls {
            pace: Pace::Closed { connections: *connections },
            ..bets.clone()
        }),
    });
    let yardsticks = SWEEP_PGBENCH.iter().map(|clients| Variant {
        name: format!("{PGBENCH} {clients}"),
        what: What::Pgbench(Pgbench { clients: *clients, players }),
    });
    Workload {
        name: "sweep",
        title: "Throughput, latency and batches by the number of connections",
        variants: yardsticks.chain(wallets).collect(),
        targets: Vec::new(),
        quick: false,
    }
}

fn pgbench(clients: u32, players: u64) -> Variant {
    Variant { name: PGBENCH.to_owned(), what: What::Pgbench(Pgbench { clients, players }) }
}

fn wallet(calls: Calls) -> Variant {
    variant(WALLET, calls)
}

fn variant(name: &str, calls: Calls) -> Variant {
    Variant { name: name.to_owned(), what: What::Calls(calls) }
}
