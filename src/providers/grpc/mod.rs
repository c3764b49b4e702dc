//! Clients that call over gRPC. What goes over the wire stands in `src/grpc`, because it is a
//! service of our own and no counterparty's; here is what such a client is as a provider: its
//! terms, and the names of its calls. Over HTTP it has nothing to say.

use chrono::TimeDelta;
use serde::Deserialize;

use super::{Adapter, Answer, Asked, Failure, Opened, Operation, Protocol, RawCall, Reply, Terms};
use crate::core::policy::{
    CreditAfterReversal, CreditWithoutDebit, FundsTest, LateOriginal, ReversalAfterSettlement,
    SessionRule,
};
use crate::core::{Amount, Policy, Reversible};

/// What the configuration names `grpc`.
pub const PROTOCOL: Protocol =
    Protocol { name: "grpc", build: |setup| Ok(Box::new(Grpc::new(setup.settings)?)), page: None };

/// The methods of `wallet.v1.WalletService`, by the names that metrics and logs give them.
pub const AUTHENTICATE: Operation = Operation::post("authenticate", &[]);
/// See [`AUTHENTICATE`].
pub const BALANCE: Operation = Operation::post("balance", &[]);
/// See [`AUTHENTICATE`].
pub const EXECUTE: Operation = Operation::post("execute", &[]);
/// See [`AUTHENTICATE`].
pub const BATCH_EXECUTE: Operation = Operation::post("batch_execute", &[]);
/// See [`AUTHENTICATE`].
pub const STREAM_TRANSACTIONS: Operation = Operation::post("stream_transactions", &[]);

static OPERATIONS: [Operation; 5] =
    [AUTHENTICATE, BALANCE, EXECUTE, BATCH_EXECUTE, STREAM_TRANSACTIONS];

/// The `settings` table of one client, as written.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// How long a win waits for its bet before it is paid without one, in milliseconds.
    grace_ms: u32,
    /// The largest single stake, as a decimal string.
    max_bet: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { grace_ms: 60_000, max_bet: None }
    }
}

/// One client.
struct Grpc {
    /// What a command goes by where it says nothing itself.
    policy: Policy,
}

impl Grpc {
    fn new(settings: toml::Table) -> Result<Self, String> {
        let settings: Settings =
            settings.try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
        let max_bet = settings.max_bet.as_deref().map(|text| Amount::parse(text, 6)).transpose();
        let max_bet = max_bet.map_err(|error| format!("max_bet: {error}"))?;
        if max_bet == Some(Amount::ZERO) {
            return Err("max_bet: must be above zero".to_owned());
        }
        let grace = TimeDelta::milliseconds(i64::from(settings.grace_ms));
        let policy = Policy {
            session: SessionRule::ValidIfGiven,
            funds: FundsTest::Gross,
            credit_without_debit: CreditWithoutDebit::Park { grace },
            credit_after_reversal: CreditAfterReversal::Refuse,
            // So a repeated stake is told from one that was undone since.
            late_original: LateOriginal::Refuse,
            reversal_after_settlement: ReversalAfterSettlement::Allow,
            max_bet,
            ..Policy::PERMISSIVE
        };
        Ok(Self { policy })
    }
}

impl Adapter for Grpc {
    fn operations(&self) -> &'static [Operation] {
        &OPERATIONS
    }

    fn open<'c>(&'c self, _: &'c RawCall<'_>) -> Result<Opened<'c>, Failure> {
        Err(Failure::UnknownOperation)
    }

    fn terms(&self) -> Terms<'_> {
        Terms { policy: &self.policy, undoes: Reversible::Any }
    }

    fn encode(&self, _: Asked<'_>, _: &Answer<'_>) -> Reply {
        let body = serde_json::json!({
            "type": "about:blank", "title": "Not Found", "status": 404, "code": "not_found",
            "detail": "this provider calls over gRPC, on the port of its own",
        });
        Reply { content_type: "application/problem+json", ..Reply::json(404, &body) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(settings: &str) -> Result<Grpc, String> {
        Grpc::new(settings.parse().expect("TOML"))
    }

    #[test]
    fn settings_set_the_grace_period_and_the_largest_stake() {
        let policy = built("grace_ms = 500\nmax_bet = '2.50'").expect("good").policy;
        let grace = TimeDelta::milliseconds(500);
        assert_eq!(policy.credit_without_debit, CreditWithoutDebit::Park { grace });
        assert_eq!(policy.max_bet, Amount::parse("2.5", 6).ok());
        assert_eq!(built("").expect("good").policy.max_bet, None);
    }

    #[test]
    fn settings_that_mean_nothing_are_refused() {
        for (settings, what) in
            [("max_bet = '0'", "above zero"), ("max_bet = 'x'", "max_bet"), ("grace = 1", "grace")]
        {
            let complaint = built(settings).err().expect("refused");
            assert!(complaint.contains(what), "{complaint}");
        }
    }
}
