//! Standard output, written by a thread of its own in larger pieces: a system call for each line
//! would be one more for each bet. Logging never waits for whoever reads the output: the queue is
//! bounded, and lines beyond it are dropped and counted.

use std::io::{self, Write};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use metrics::{Counter, counter};
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// The longest that a line waits for others, as long as the output is read.
const FLUSH_INTERVAL: Duration = Duration::from_millis(50);
/// So many bytes are written at once.
const FLUSH_BYTES: usize = 64 * 1024;
/// The most bytes in the queue: some ten thousand lines.
const QUEUE_BYTES: usize = 4 * 1024 * 1024;
/// The longest that the end of the process waits for its last lines to be written.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

static QUEUE: Queue = Queue {
    lines: Mutex::new(Lines { waiting: Vec::new(), urgent: false, writing: false, dropped: 0 }),
    arrived: Condvar::new(),
    written: Condvar::new(),
};

static DROPPED: LazyLock<Counter> = LazyLock::new(|| counter!("wallet_log_lines_dropped_total"));

struct Queue {
    lines: Mutex<Lines>,
    /// Something should be written at once.
    arrived: Condvar,
    /// What was taken is written.
    written: Condvar,
}

struct Lines {
    waiting: Vec<u8>,
    urgent: bool,
    writing: bool,
    /// Lines that were dropped since the last warning.
    dropped: u64,
}

/// Standard output for the log.
pub struct Output;

/// One line on its way.
pub struct LineWriter {
    urgent: bool,
}

impl Output {
    /// Starts the thread that writes.
    ///
    /// # Errors
    /// Where there can be no thread for it.
    pub fn start() -> io::Result<Self> {
        thread::Builder::new().name("log".to_owned()).spawn(|| {
            let mut taken = Vec::new();
            loop {
                QUEUE.write_out(&mut taken);
            }
        })?;
        Ok(Self)
    }
}

/// Waits until the queue is written, for [`FLUSH_TIMEOUT`] at most; to be called before the process
/// ends.
pub fn flush() {
    QUEUE.flush();
}

impl Queue {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &[u8], urgent: bool) {
        let mut lines = self.lines();
        if lines.waiting.len() + line.len() > QUEUE_BYTES {
            lines.dropped += 1;
            drop(lines);
            DROPPED.increment(1);
            return;
        }
        lines.waiting.extend_from_slice(line);
        if (urgent || lines.waiting.len() >= FLUSH_BYTES)
            && !std::mem::replace(&mut lines.urgent, true)
        {
            drop(lines);
            self.arrived.notify_one();
        }
    }

    /// Writes what waits, after a moment or at once; not under the lock, because that may take as
    /// long as a reader likes.
    fn write_out(&self, taken: &mut Vec<u8>) {
        let guard = self.lines();
        let waited = self.arrived.wait_timeout_while(guard, FLUSH_INTERVAL, |lines| !lines.urgent);
        let (mut lines, _) = waited.unwrap_or_else(PoisonError::into_inner);
        lines.urgent = false;
        if lines.waiting.is_empty() {
            return;
        }
        lines.writing = true;
        std::mem::swap(&mut lines.waiting, taken);
        let dropped = std::mem::take(&mut lines.dropped);
        drop(lines);
        let mut out = io::stdout().lock();
        // Where standard output is gone there is nobody to tell.
        let _: io::Result<()> = out.write_all(taken).and_then(|()| out.flush());
        drop(out);
        taken.clear();
        self.lines().writing = false;
        self.written.notify_all();
        if dropped > 0 {
            tracing::warn!(lines = dropped, "the log was not read fast enough: lines were dropped");
        }
    }

    fn flush(&self) {
        let end = Instant::now() + FLUSH_TIMEOUT;
        let mut lines = self.lines();
        while !lines.waiting.is_empty() || lines.writing {
            lines.urgent = true;
            self.arrived.notify_one();
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.written.wait_timeout(lines, left);
            lines = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl<'a> MakeWriter<'a> for Output {
    type Writer = LineWriter;

    fn make_writer(&'a self) -> LineWriter {
        LineWriter { urgent: true }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> LineWriter {
        LineWriter { urgent: *event.level() <= Level::WARN }
    }
}

impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        QUEUE.push(line, self.urgent);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
