//! What an operator agrees with Pragmatic Play for a brand.

use chrono::TimeDelta;
use serde::Deserialize;

use crate::core::policy::{
    CreditAfterReversal, CreditWithoutDebit, FundsTest, LateOriginal, ReversalAfterSettlement,
    SessionRule,
};
use crate::core::{Amount, Policy};

/// The `settings` table of one provider, as written.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `providerId` as agreed, compared exactly.
    pub provider_id: String,
    /// Where the winnings of free rounds are paid.
    pub free_rounds: FreeRounds,
    /// How long a win waits for its bet before it is paid without one, in milliseconds.
    grace_ms: u32,
    /// What a refund does once a win of its round was paid.
    refund_after_result: RefundAfterResult,
    /// The largest single stake in major units, as a decimal number above zero.
    max_bet: Option<String>,
    /// Types of campaigns whose prizes are paid elsewhere: their `promoWin` is remembered and
    /// moves nothing.
    pub noted_campaigns: Vec<String>,
    /// How `GetBalancePerGame` names a game in its reply.
    pub game_id_key: GameIdKey,
    /// Told by `authenticate`, when set: an ISO country code.
    pub country: Option<String>,
    /// Told by `authenticate`, when set: a jurisdiction's code, 99 for none.
    pub jurisdiction: Option<String>,
}

/// Where the winnings of free rounds are paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FreeRounds {
    /// With each result; `bonusWin` is a notice.
    PerSpin,
    /// With `bonusWin`; bets and results that carry a `bonusCode` move nothing.
    Total,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RefundAfterResult {
    Pay,
    Refuse,
}

/// How the reply of `GetBalancePerGame` spells its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum GameIdKey {
    /// As the specification has it.
    #[serde(rename = "gameID")]
    Upper,
    /// As some brands have it.
    #[serde(rename = "gameId")]
    Lower,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            provider_id: "PragmaticPlay".to_owned(),
            free_rounds: FreeRounds::PerSpin,
            grace_ms: 8000,
            refund_after_result: RefundAfterResult::Pay,
            max_bet: None,
            noted_campaigns: Vec::new(),
            game_id_key: GameIdKey::Upper,
            country: None,
            jurisdiction: None,
        }
    }
}

impl Settings {
    /// What this protocol demands where protocols differ.
    ///
    /// # Errors
    /// Everything that is wrong with the settings.
    pub fn policy(&self) -> Result<Policy, String> {
        let mut wrong = Vec::new();
        if self.provider_id.is_empty() {
            wrong.push("provider_id: empty".to_owned());
        }
        let max_bet = self.max_bet.as_ref().and_then(|text| match Amount::parse(text, 2) {
            Ok(Amount::ZERO) => {
                wrong.push("max_bet: must be above zero".to_owned());
                None
            }
            Ok(amount) => Some(amount),
            Err(error) => {
                wrong.push(format!("max_bet: {error}"));
                None
            }
        });
        if !wrong.is_empty() {
            return Err(wrong.join("; "));
        }
        Ok(Policy {
            // No call has to bring a token; a bet with a bad one is refused.
            session: SessionRule::ValidIfGiven,
            funds: FundsTest::Gross,
            credit_without_debit: CreditWithoutDebit::Park {
                grace: TimeDelta::milliseconds(i64::from(self.grace_ms)),
            },
            credit_after_reversal: CreditAfterReversal::Refuse,
            late_original: LateOriginal::Refuse,
            reversal_after_settlement: match self.refund_after_result {
                RefundAfterResult::Pay => ReversalAfterSettlement::Allow,
                RefundAfterResult::Refuse => ReversalAfterSettlement::Refuse,
            },
            max_bet,
            ..Policy::PERMISSIVE
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::tests::adapter;
    use super::*;
    use crate::providers::Setup;

    #[test]
    fn settings_set_the_policy() {
        let usual = adapter("").policy;
        let grace = TimeDelta::seconds(8);
        assert_eq!(
            usual,
            Policy {
                session: SessionRule::ValidIfGiven,
                funds: FundsTest::Gross,
                credit_without_debit: CreditWithoutDebit::Park { grace },
                credit_after_reversal: CreditAfterReversal::Refuse,
                late_original: LateOriginal::Refuse,
                reversal_after_settlement: ReversalAfterSettlement::Allow,
                max_bet: None,
                ..Policy::PERMISSIVE
            }
        );
        let other =
            adapter("grace_ms = 0\nrefund_after_result = 'refuse'\nmax_bet = '25.50'").policy;
        let grace = TimeDelta::zero();
        assert_eq!(other.credit_without_debit, CreditWithoutDebit::Park { grace });
        assert_eq!(other.reversal_after_settlement, ReversalAfterSettlement::Refuse);
        assert_eq!(other.max_bet, Amount::parse("25.50", 2).ok());
    }

    #[test]
    fn everything_that_is_wrong_with_settings_is_listed() {
        let complaint = |settings: &str| {
            (super::super::PROTOCOL.build)(Setup {
                provider: super::super::tests::provider(),
                settings: toml::from_str(settings).expect("TOML"),
                named_secrets: BTreeSet::new(),
                is_walled: false,
            })
            .err()
        };
        let both = complaint("provider_id = ''\nmax_bet = 'much'").expect("refused");
        assert_eq!(both, "provider_id: empty; max_bet: not a decimal number");
        for wrong in [
            "max_bet = '0'",
            "max_bet = '-1'",
            "max_bet = '1_000'",
            "max_bet = '0.005'",
            "max_bet = 5",
            "maxbet = '1'",
            "grace_ms = -1",
            "free_rounds = 'P'",
            "game_id_key = 'gameid'",
            "noted_campaigns = 'MR'",
        ] {
            assert!(complaint(wrong).is_some(), "{wrong}");
        }
        assert!(complaint("country = 'MT'\njurisdiction = '99'").is_none());
    }
}
