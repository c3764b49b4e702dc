//! Where the database is, and with which settings each kind of connection is made.

use std::time::Duration;

use secrecy::SecretString;
use sqlx::postgres::PgConnectOptions;

use super::hosts::Hosts;

/// The longest that a check whether a lane could commit takes.
const CHECK: Duration = Duration::from_secs(4);
/// A check waits for nobody's lock.
const CHECK_LOCK: Duration = Duration::from_millis(100);

/// Where the database is and how it may be used.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// A `postgres://` URL, of one host or of several with commas between, of which one takes
    /// writes; or `file:` and the path of a file that holds it. It may hold a password, so it is
    /// never shown.
    pub url: SecretString,
    /// Connections for look-ups, beside one for each lane.
    pub pool_max: u32,
    /// The longest wait for a connection, and for any single statement.
    pub timeout: Duration,
}

impl DatabaseConfig {
    /// Where and how connections for look-ups are made.
    pub(super) fn look_up_hosts(&self) -> Result<Hosts, sqlx::Error> {
        let timeout = self.timeout;
        Hosts::parse(&self.url, move |options| for_look_ups(options, timeout))
    }

    /// Where and how a connection of the engine's is made. No statement takes longer than
    /// `statement`, or waits longer than `lock` for a row.
    ///
    /// # Errors
    /// Where the URL cannot be read; the message does not repeat it.
    pub fn engine_hosts(&self, statement: Duration, lock: Duration) -> Result<Hosts, sqlx::Error> {
        let timeout = self.timeout;
        Hosts::parse(&self.url, move |options| {
            for_engine(options, timeout, statement, lock).application_name("seamless-wallet-lane")
        })
    }

    /// Where and how it is checked whether a lane could commit: as a lane would.
    pub(super) fn monitor_hosts(&self) -> Result<Hosts, sqlx::Error> {
        let timeout = self.timeout;
        Hosts::parse(&self.url, move |options| {
            for_engine(options, timeout, CHECK, CHECK_LOCK)
                .application_name("seamless-wallet-monitor")
        })
    }

    /// Where and how jobs' leases are kept.
    pub(super) fn lease_hosts(&self) -> Result<Hosts, sqlx::Error> {
        let timeout = self.timeout;
        Hosts::parse(&self.url, move |options| {
            for_look_ups(options, timeout).application_name("seamless-wallet-lease")
        })
    }

    /// Where and how connections for people's searches are made: by index or not at all.
    pub(super) fn back_office_hosts(&self, statement: Duration) -> Result<Hosts, sqlx::Error> {
        let timeout = self.timeout;
        Hosts::parse(&self.url, move |options| {
            for_look_ups(options, timeout).application_name("seamless-wallet-back-office").options(
                [
                    ("statement_timeout", statement.as_millis().to_string()),
                    ("enable_seqscan", "off".to_owned()),
                    ("jit", "off".to_owned()),
                ],
            )
        })
    }

    /// Where and how the schema is changed: see `migrate` for what waits how long.
    pub(super) fn migration_hosts(&self) -> Result<Hosts, sqlx::Error> {
        Hosts::parse(&self.url, |options| {
            options
                .application_name("seamless-wallet-migrate")
                .options([("statement_timeout", "0"), ("idle_in_transaction_session_timeout", "0")])
        })
    }
}

fn for_look_ups(options: PgConnectOptions, timeout: Duration) -> PgConnectOptions {
    options.application_name("seamless-wallet").options([
        ("statement_timeout", timeout.as_millis().to_string()),
        // A node that is stopped in the middle of a transaction would keep its locks, on a
        // player or on a job's lease, until it went on.
        ("idle_in_transaction_session_timeout", timeout.as_millis().to_string()),
        // The best plan of a listing depends on which of its filters are set.
        ("plan_cache_mode", "force_custom_plan".to_owned()),
    ])
}

/// The engine's statements are few, joined by key, and always the same: they are planned once, for
/// look-ups by index. What is answered is on disk.
fn for_engine(
    options: PgConnectOptions,
    timeout: Duration,
    statement: Duration,
    lock: Duration,
) -> PgConnectOptions {
    for_look_ups(options, timeout).options([
        ("statement_timeout", &*statement.as_millis().max(1).to_string()),
        ("lock_timeout", &*lock.as_millis().max(1).to_string()),
        ("synchronous_commit", "on"),
        ("plan_cache_mode", "force_generic_plan"),
        ("jit", "off"),
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
    ])
}
