//! The `wallet` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    seamless_wallet::cli::main()
}
