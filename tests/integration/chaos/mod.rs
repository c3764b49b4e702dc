//! Failure tests: something breaks while money moves, and in the end everybody has what they
//! were told. Each fault ends with the same question, asked of the tables: is every wallet's
//! chain without gaps, is its balance the sum of what was applied and never below zero, is every
//! acknowledged movement there, none of them twice, and is every win paid that had to wait?
//!
//! What others notice of a fault that is one party's alone is measured in [`bystanders`].
//!
//! `make test` runs each fault for a moment, `make chaos` runs them one after another for longer
//! ([`Intensity`]) and publishes what they have counted ([`report`]).

mod bystanders;
mod cache;
mod clocks;
mod connections;
mod full;
mod kill_points;
mod leases;
mod nodes;
mod postgres;
mod redis;
mod report;
mod stage;
mod storm;
mod wires;

/// How long and how often something is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Intensity {
    /// So that the rule is shown.
    Short,
    /// So that rare coincidences have a chance.
    Long,
}

impl Intensity {
    /// `WALLET_CHAOS=long` is what `make chaos` says.
    fn of_this_run() -> Self {
        match std::env::var("WALLET_CHAOS").as_deref() {
            Ok("long") => Self::Long,
            _ => Self::Short,
        }
    }

    /// One of the two.
    fn pick<T>(self, short: T, long: T) -> T {
        match self {
            Self::Short => short,
            Self::Long => long,
        }
    }
}
