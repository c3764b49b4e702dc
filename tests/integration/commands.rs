//! Commands end with their documented status, whatever has become of their standard output.

use std::fs::OpenOptions;
use std::io::pipe;
use std::process::{Command, Stdio};

use crate::feed::FEED;
use crate::support::bank::Bank;
use crate::support::database::Database;
use crate::support::node::{Setup, program};
use crate::support::process::Folder;

/// What has become of an output.
#[derive(Clone, Copy, Debug)]
enum Output {
    /// Somebody reads it.
    Read,
    /// Its reader has gone, as of `wallet … | head -0`.
    Unread,
    /// It is closed from the start, as by `>&-`.
    Closed,
    /// It takes nothing, as of a full disk.
    Full,
}

impl Output {
    fn handle(self) -> Stdio {
        match self {
            Self::Unread => Stdio::from(pipe().expect("a pipe").1),
            Self::Full => {
                Stdio::from(OpenOptions::new().write(true).open("/dev/full").expect("a device"))
            }
            Self::Read | Self::Closed => Stdio::piped(),
        }
    }
}

/// The status of a command whose standard output and error are so.
fn status(command: &Command, out: Output, err: Output) -> Option<i32> {
    let redirected = match (out, err) {
        (Output::Closed, Output::Closed) => "exec \"$0\" \"$@\" >&- 2>&-",
        (Output::Closed, _) => "exec \"$0\" \"$@\" >&-",
        (_, Output::Closed) => "exec \"$0\" \"$@\" 2>&-",
        _ => "exec \"$0\" \"$@\"",
    };
    let mut shell = Command::new("sh");
    shell.args(["-c", redirected]).arg(command.get_program()).args(command.get_args());
    shell.env_clear();
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = shell.stdin(Stdio::null()).stdout(out.handle()).stderr(err.handle()).output();
    output.expect("sh").status.code()
}

/// Holds a command to the status that it has when it is read, and to the one that it has when its
/// result is lost.
fn assert_ends(command: &Command, read: i32, lost: i32) {
    use Output::{Closed, Full, Read, Unread};
    for (out, err, wanted) in [
        (Read, Read, read),
        (Unread, Read, read),
        (Closed, Read, read),
        (Full, Read, lost),
        (Read, Unread, read),
        (Read, Full, read),
        (Unread, Unread, read),
        (Closed, Closed, read),
        (Full, Full, lost),
    ] {
        let ended = status(command, out, err);
        assert_eq!(ended, Some(wanted), "{command:?} with {out:?} and {err:?}");
    }
}

#[test]
fn what_needs_no_server_ends_as_documented_whatever_becomes_of_its_output() {
    for (arguments, read, lost) in [
        (&["--help"][..], 0, 1),
        (&["help", "reconcile"], 0, 1),
        (&["--version"], 0, 1),
        (&["openapi"], 0, 1),
        (&["openapi", "--only", "operator"], 0, 1),
        (&["openapi", "--only", "other"], 1, 1),
        (&["unheard-of"], 2, 2),
        (&[], 2, 2),
        (&["healthcheck", "--config", "/nowhere"], 1, 1),
        (&["reconcile-provider", "--provider", "p", "--file", "f", "--config", "/nowhere"], 2, 2),
    ] {
        let mut command = program();
        command.args(arguments);
        assert_ends(&command, read, lost);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_by_hand_end_as_documented_whatever_becomes_of_their_output() {
    let database = Database::fresh().await;
    let folder = Folder::new("wallet-commands");
    let setup = Setup::on(&database);
    for arguments in
        [&["migrate"][..], &["reapply", "--json"], &["cleanup"], &["reconcile", "--full", "--json"]]
    {
        assert_ends(&setup.command(&folder, arguments), 0, 1);
    }
    Bank::at(&database).open("ann", "1.00").await;
    let damage = "UPDATE wallet SET balance_micros = balance_micros + 1";
    sqlx::query(damage).execute(&database.pool).await.expect("a wallet that is wrong");
    for arguments in [&["reconcile", "--full"][..], &["reconcile", "--full", "--json"]] {
        assert_ends(&setup.command(&folder, arguments), 1, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comparison_ends_as_documented_whatever_becomes_of_its_output() {
    let database = Database::fresh().await;
    let folder = Folder::new("wallet-commands");
    let setup = Setup::on(&database).with(FEED);
    let list = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/feeds/pragmatic-transactions.csv");
    let compare = ["reconcile-provider", "--provider", "pragmatic", "--file", list];
    // The ledger is empty: it lacks what the list names, and has all of a time without any.
    let day = ["--from", "2001-01-01T00:00:00Z", "--to", "2001-01-02T00:00:00Z"];
    for json in [&[][..], &["--json"]] {
        let differs = [&compare[..], json].concat();
        assert_ends(&setup.command(&folder, &differs), 1, 2);
        let agrees = [&compare[..], &day, json].concat();
        assert_ends(&setup.command(&folder, &agrees), 0, 2);
    }
    let missing = ["reconcile-provider", "--provider", "pragmatic", "--file", "/nowhere"];
    assert_ends(&setup.command(&folder, &missing), 2, 2);
}
