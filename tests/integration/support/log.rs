//! What the current test has logged. One subscriber for the whole binary (a second one would
//! be refused), one buffer for each thread: a test of one thread reads only its own lines.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

thread_local! {
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Starts to record. What was recorded on this thread before is dropped.
pub fn record() {
    static START: Once = Once::new();
    START.call_once(|| {
        tracing_subscriber::fmt()
            .with_env_filter("seamless_wallet=trace,fred=debug")
            .with_ansi(false)
            .with_writer(|| ThisThread)
            .init();
    });
    LINES.with_borrow_mut(Vec::clear);
}

/// What this thread has logged since.
pub fn recorded() -> String {
    LINES.with_borrow(|lines| String::from_utf8_lossy(lines).into_owned())
}

struct ThisThread;

impl io::Write for ThisThread {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.extend_from_slice(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
