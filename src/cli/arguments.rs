//! The commands and their options.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand};

use crate::config::Role;

/// A casino operator's seamless wallet.
#[derive(Debug, Parser)]
#[command(name = "wallet", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub task: Task,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Serve providers' callbacks, the operator's API and the ops port.
    Serve(Profile),
    /// Run the background jobs and the ops port, and nothing else.
    Worker(Profile),
    /// Compare Redis with the database and the ledger with the wallets, once.
    Reconcile {
        /// Where, and how to say what came of it.
        #[command(flatten)]
        run: OneShot,
        /// Follow every player's chain from its first row.
        #[arg(long)]
        full: bool,
    },
    /// Try the parked movements that are due, once.
    Reapply(OneShot),
    /// Remove claims and sessions that are over, once.
    Cleanup(OneShot),
    /// Compare a provider's own list of transactions with the ledger.
    ReconcileProvider(ProviderList),
    /// Bring the database's schema up to this build.
    Migrate(Profile),
    /// Open the players, sessions and games that a file names; what is there stays.
    Seed {
        /// Where.
        #[command(flatten)]
        profile: Profile,
        /// The players, sessions and games.
        #[arg(long)]
        file: PathBuf,
    },
    /// Look at a configuration.
    #[command(subcommand)]
    Config(ConfigTask),
    /// Make a key, or say under which hash one is configured.
    #[command(subcommand)]
    Key(KeyTask),
    /// Issue a launch token for a player, to try a game with.
    Token {
        /// Where.
        #[command(flatten)]
        profile: Profile,
        /// For whom.
        #[command(flatten)]
        request: TokenRequest,
    },
    /// Print an OpenAPI document.
    Openapi {
        /// `wallet` for everything, `operator`, or the name of a protocol.
        #[arg(long, value_name = "NAME", default_value = "wallet")]
        only: String,
    },
    /// Ask a running node whether it is ready; for container health checks.
    Healthcheck(Profile),
}

/// What can be asked of a configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigTask {
    /// Say all that is wrong or risky, and print what would hold, without secrets.
    Check {
        /// As for --config; without one, the defaults and the environment are looked at.
        file: Option<PathBuf>,
    },
}

/// Keys, and their hashes.
#[derive(Debug, Subcommand)]
pub enum KeyTask {
    /// A new key of the operator's API, and the lines of the configuration that let it in.
    Operator {
        /// Who will hold it, for the log and the audit.
        #[arg(long)]
        name: String,
        /// What it may do.
        #[arg(long, value_enum, default_value_t = Role::Read)]
        role: Role,
    },
    /// A new secret for a provider or a gRPC client.
    Client,
    /// The hash of a key that is there already, which is read from standard input.
    Hash,
}

/// A launch token.
#[derive(Debug, Args)]
pub struct TokenRequest {
    /// Who plays.
    #[arg(long)]
    pub player: String,
    /// The slug of a configured provider.
    #[arg(long)]
    pub provider: String,
    /// Only for this game.
    #[arg(long)]
    pub game: Option<String>,
    /// Seconds until it ends, up to 30 days.
    #[arg(long, default_value_t = 86_400, value_parser = clap::value_parser!(u32).range(1..=2_592_000))]
    pub ttl_seconds: u32,
}

/// One run of a job.
#[derive(Debug, Args)]
pub struct OneShot {
    /// Where.
    #[command(flatten)]
    pub profile: Profile,
    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
}

/// A provider's own list of transactions.
#[derive(Debug, Args)]
pub struct ProviderList {
    /// Where, and how to say what came of it.
    #[command(flatten)]
    pub run: OneShot,
    /// Whose list it is: a provider with `[providers.<slug>.feed]`.
    #[arg(long)]
    pub provider: String,
    /// The list, as CSV.
    #[arg(long)]
    pub file: PathBuf,
    /// Leave out what is older (RFC 3339); otherwise the list's first row begins it.
    #[arg(long)]
    pub from: Option<DateTime<Utc>>,
    /// Leave out this and what is younger; otherwise the list's last row ends it.
    #[arg(long)]
    pub to: Option<DateTime<Utc>>,
    /// Also write a page that can be sent on.
    #[arg(long)]
    pub html: Option<PathBuf>,
}

/// Where the configuration is.
#[derive(Debug, Args)]
pub struct Profile {
    /// A TOML file over the built-in defaults (see `src/defaults.toml`).
    #[arg(long)]
    pub config: Option<PathBuf>,
}
