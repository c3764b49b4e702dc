//! Standard output, written to in larger pieces: a system call for each line would be one more
//! for each bet. A line waits for a moment at most; a warning takes everything with it at once.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// The longest that a line waits.
const MOMENT: Duration = Duration::from_millis(50);
/// So many bytes are not kept waiting.
const MANY: usize = 64 * 1024;

static WAITING: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Standard output for the log.
pub struct Output;

/// One line on its way.
pub struct LineWriter {
    urgent: bool,
}

impl Output {
    /// Starts to write what waits, moment by moment.
    ///
    /// # Errors
    /// Where there can be no thread for it.
    pub fn start() -> io::Result<Self> {
        thread::Builder::new().name("log".to_owned()).spawn(|| {
            loop {
                thread::sleep(MOMENT);
                write_out(waiting());
            }
        })?;
        Ok(Self)
    }
}

/// Writes what still waits; to be called before the process ends.
pub fn flush() {
    write_out(waiting());
}

fn waiting() -> MutexGuard<'static, Vec<u8>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Under the lock, so that lines stay in order.
fn write_out(mut lines: MutexGuard<'static, Vec<u8>>) {
    if lines.is_empty() {
        return;
    }
    let mut out = io::stdout().lock();
    // Where standard output is gone there is nobody to tell.
    let _: io::Result<()> = out.write_all(&lines).and_then(|()| out.flush());
    lines.clear();
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
        let mut lines = waiting();
        lines.extend_from_slice(line);
        if self.urgent || lines.len() >= MANY {
            write_out(lines);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
