//! Threads for connections. Each has a runtime of its own, and a connection stays on the thread
//! that it was given: threads that take work off each other wake each other for every call.

use std::io;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The threads, the caller's own among them. They end with this, and with their connections.
pub struct Threads {
    handles: Vec<Handle>,
    next: usize,
    others: Vec<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Threads {
    /// The runtime of the caller and no other.
    pub fn current() -> Self {
        Self { handles: vec![Handle::current()], next: 0, others: Vec::new() }
    }

    /// `count` of them in all; at least the caller's.
    ///
    /// # Errors
    /// Where the system gives no more threads.
    pub fn start(count: usize) -> io::Result<Self> {
        let mut threads = Self::current();
        for number in 1..count {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            threads.handles.push(runtime.handle().clone());
            let (end, ended) = oneshot::channel();
            let thread =
                std::thread::Builder::new().name(format!("calls-{number}")).spawn(move || {
                    // Nothing is ever sent: it ends when the sender is dropped.
                    let _: Result<(), oneshot::error::RecvError> = runtime.block_on(ended);
                })?;
            threads.others.push((end, thread));
        }
        Ok(threads)
    }

    /// The next one, in turns; the caller's first.
    pub fn next_handle(&mut self) -> Handle {
        let turn = self.next.checked_rem(self.handles.len()).unwrap_or_default();
        self.next = self.next.wrapping_add(1);
        self.handles.get(turn).cloned().unwrap_or_else(Handle::current)
    }

    /// Ends them, with whatever still runs there.
    pub fn end(self) {
        for (end, thread) in self.others {
            drop(end);
            if thread.join().is_err() {
                tracing::error!("a thread that served calls ended in a panic");
            }
        }
    }
}
