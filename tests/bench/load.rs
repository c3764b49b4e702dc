//! Load: closed loop (each connection waits for its reply before it asks again) and open loop
//! (calls are due at fixed times, whatever became of the ones before).

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context;
use hdrhistogram::Histogram;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::grpc;
use super::http::{Connection, Reply};
use super::traffic::Caller;

/// How long replies may still come when the time is over.
const PATIENCE: Duration = Duration::from_secs(15);

/// When to measure: from `from` to `to`. What comes before is warming up.
#[derive(Clone, Copy)]
pub struct Window {
    pub begin: Instant,
    pub from: Instant,
    pub to: Instant,
}

/// Which calls belong to the window.
#[derive(Clone, Copy)]
enum Counts {
    /// Those that are answered in it.
    Answered,
    /// Those that are due in it, however late the answer comes.
    Due,
}

impl Window {
    pub fn after(warm_up: Duration, length: Duration) -> Self {
        let begin = Instant::now();
        Self { begin, from: begin + warm_up, to: begin + warm_up + length }
    }
}

/// What came of a run.
pub struct Tally {
    /// Microseconds of the calls that were answered as expected within the window.
    pub latencies: Histogram<u64>,
    /// Rows acknowledged in all, warming up included.
    pub rows: u64,
    /// Replies that were not as expected: the row may be there or not.
    pub wrong: u64,
    /// The first few of them.
    pub complaints: Vec<String>,
}

impl Tally {
    fn new() -> Self {
        let latencies = Histogram::new_with_bounds(1, 60_000_000, 3).expect("bounds are in order");
        Self { latencies, rows: 0, wrong: 0, complaints: Vec::new() }
    }

    fn complain(&mut self, what: String) {
        self.wrong += 1;
        if self.complaints.len() < 5 {
            self.complaints.push(what);
        }
    }
}

/// Open connections, each with what it is going to ask.
#[derive(Default)]
pub struct Fleet(Vec<(Connection, Box<dyn Caller>)>);

impl Fleet {
    /// Connects to all addresses in turn.
    pub async fn connect(
        addresses: &[SocketAddr],
        callers: Vec<Box<dyn Caller>>,
    ) -> anyhow::Result<Self> {
        let mut fleet = Vec::with_capacity(callers.len());
        for (caller, address) in callers.into_iter().zip(addresses.iter().cycle()) {
            fleet.push((Connection::open(*address).await.context("connecting")?, caller));
        }
        Ok(Self(fleet))
    }

    /// Every connection sends as soon as it has its reply.
    pub async fn closed(self, window: Window) -> anyhow::Result<Tally> {
        let tally = Rc::new(RefCell::new(Tally::new()));
        let mut tasks = JoinSet::new();
        for (mut connection, mut caller) in self.0 {
            let tally = Rc::clone(&tally);
            tasks.spawn_local(async move {
                let mut request = Vec::with_capacity(1024);
                loop {
                    let asked = Instant::now();
                    if asked >= window.to {
                        return;
                    }
                    if !ask(
                        &mut connection,
                        &mut *caller,
                        &mut request,
                        asked,
                        (window, Counts::Answered),
                        &tally,
                    )
                    .await
                    {
                        return;
                    }
                }
            });
        }
        finish(tasks, tally, window).await
    }

    /// Calls are due at equal distances. An idle connection takes the next one; where none is
    /// idle, the call waits. Latencies count from when the call was due.
    pub async fn open(self, rate: f64, window: Window) -> anyhow::Result<Tally> {
        let tally = Rc::new(RefCell::new(Tally::new()));
        let (sender, due) = mpsc::unbounded_channel();
        // A thread of its own: the runtime's clock only ticks every millisecond.
        let clock = std::thread::spawn(move || {
            for call in 0_u64.. {
                let due = window.begin + Duration::from_secs_f64(call as f64 / rate);
                if due >= window.to {
                    return;
                }
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                if sender.send(due).is_err() {
                    return;
                }
            }
        });
        // Fair: whoever waits longest is next, so all connections take their turn.
        let due = Rc::new(Mutex::new(due));
        let mut tasks = JoinSet::new();
        for (mut connection, mut caller) in self.0 {
            let (tally, due) = (Rc::clone(&tally), Rc::clone(&due));
            tasks.spawn_local(async move {
                let mut request = Vec::with_capacity(1024);
                loop {
                    let next = due.lock().await.recv().await;
                    let Some(asked) = next else { return };
                    if !ask(
                        &mut connection,
                        &mut *caller,
                        &mut request,
                        asked,
                        (window, Counts::Due),
                        &tally,
                    )
                    .await
                    {
                        return;
                    }
                }
            });
        }
        let tally = finish(tasks, tally, window).await;
        drop(due);
        clock.join().map_err(|_| anyhow::anyhow!("the clock's thread panicked"))?;
        tally
    }
}

/// One call. False when the connection is gone.
async fn ask(
    connection: &mut Connection,
    caller: &mut dyn Caller,
    request: &mut Vec<u8>,
    asked: Instant,
    (window, counts): (Window, Counts),
    tally: &RefCell<Tally>,
) -> bool {
    caller.ask(request);
    let reply = connection.call(request).await;
    let told = Instant::now();
    match reply {
        Ok(reply) => {
            note(&mut tally.borrow_mut(), caller, &reply, (asked, told), (window, counts));
            true
        }
        Err(error) => {
            tally.borrow_mut().complain(format!("a connection ended: {error}"));
            false
        }
    }
}

fn note(
    tally: &mut Tally,
    caller: &mut dyn Caller,
    reply: &Reply<'_>,
    (asked, told): (Instant, Instant),
    (window, counts): (Window, Counts),
) {
    match caller.hear(reply) {
        Ok(rows) => {
            tally.rows += rows;
            let counted = match counts {
                Counts::Answered => told,
                Counts::Due => asked,
            };
            if counted >= window.from && counted < window.to {
                let micros = told.duration_since(asked).as_micros() as u64;
                tally.latencies.saturating_record(micros.max(1));
            }
        }
        Err(complaint) => tally.complain(complaint),
    }
}

/// As [`Fleet::closed`], over gRPC: some callers share each connection, and each asks as soon as
/// it has its own reply.
pub async fn closed_over_grpc(
    address: SocketAddr,
    callers: Vec<Box<dyn Caller>>,
    window: Window,
) -> anyhow::Result<Tally> {
    let tally = Rc::new(RefCell::new(Tally::new()));
    let mut tasks = JoinSet::new();
    let mut callers = callers.into_iter();
    loop {
        let crew: Vec<_> = callers.by_ref().take(grpc::STREAMS).collect();
        if crew.is_empty() {
            break;
        }
        let connection = grpc::Connection::open(address).await?;
        let tally = Rc::clone(&tally);
        tasks.spawn_local(async move {
            if let Err(error) = share(connection, crew, window, &tally).await {
                tally.borrow_mut().complain(format!("a connection ended: {error}"));
            }
        });
    }
    finish(tasks, tally, window).await
}

async fn share(
    mut connection: grpc::Connection,
    crew: Vec<Box<dyn Caller>>,
    window: Window,
    tally: &RefCell<Tally>,
) -> std::io::Result<()> {
    let mut request = Vec::with_capacity(1024);
    let mut idle = crew;
    let mut waiting = HashMap::new();
    loop {
        for mut caller in idle.drain(..) {
            let asked = Instant::now();
            if asked < window.to {
                caller.ask(&mut request);
                waiting.insert(connection.ask(&request), (caller, asked));
            }
        }
        if waiting.is_empty() {
            return Ok(());
        }
        for (number, message) in connection.replies().await? {
            let Some((mut caller, asked)) = waiting.remove(&number) else { continue };
            let reply = Reply { status: 200, body: &message };
            let times = (asked, Instant::now());
            note(&mut tally.borrow_mut(), &mut *caller, &reply, times, (window, Counts::Answered));
            idle.push(caller);
        }
    }
}

async fn finish(
    mut tasks: JoinSet<()>,
    tally: Rc<RefCell<Tally>>,
    window: Window,
) -> anyhow::Result<Tally> {
    let all = async { while tasks.join_next().await.is_some() {} };
    tokio::time::timeout_at((window.to + PATIENCE).into(), all)
        .await
        .context("calls were never answered")?;
    drop(tasks);
    let tally = Rc::into_inner(tally).context("a connection is still at it")?;
    Ok(tally.into_inner())
}
