//! What a command has to say, on standard output.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// Prints what a command has to say. Whoever has closed the other end (`wallet … | head`) wants no
/// more of it, and the command ends as if all of it had been read.
///
/// # Errors
/// Where it cannot be written for any other reason, such as a full disk: it is lost.
pub(super) fn print(result: impl Display) -> io::Result<()> {
    print_to(io::stdout().lock(), result)
}

/// Prints help, or the version, as [`print`] does.
///
/// # Errors
/// As of [`print`].
pub(super) fn print_help(help: &clap::Error) -> io::Result<()> {
    unless_closed(help.print().and_then(|()| io::stdout().flush()))
}

fn print_to(mut out: impl Write, result: impl Display) -> io::Result<()> {
    unless_closed(writeln!(out, "{result}").and_then(|()| out.flush()))
}

fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(io::Error::new(error.kind(), format!("standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A standard output that takes nothing.
    struct Refuses(ErrorKind);

    impl Write for Refuses {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_result_that_nobody_wants_is_no_error_and_one_that_is_lost_is() {
        assert!(print_to(Refuses(ErrorKind::BrokenPipe), "text").is_ok());
        let lost = print_to(Refuses(ErrorKind::StorageFull), "text").expect_err("it is lost");
        assert!(lost.to_string().starts_with("standard output: "), "{lost}");
        let mut out = Vec::new();
        assert!(print_to(&mut out, "text").is_ok());
        assert_eq!(out, b"text\n");
    }
}
