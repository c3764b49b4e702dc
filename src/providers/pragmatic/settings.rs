//! What an operator agrees with Pragmatic Play for a brand.

use chrono::TimeDelta;
use serde::Deserialize;

use crate::core::Amount;
use crate::core::policy::{
    CreditAfterReversal, CreditWithoutDebit, FundsTest, LateOriginal, Policy,
    ReversalAfterSettlement, SessionRule,
};

/// The `settings` table of a provider that speaks this protocol.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `providerId` as agreed, compared exactly.
    pub provider_id: String,
    /// Where the winnings of free rounds are paid: ask Pragmatic Play which mode is set.
    pub free_rounds: FreeRounds,
    /// How long a result waits for its bet before it is paid without it, in milliseconds.
    grace_ms: u32,
    /// What a refund does once a result of its round was paid.
    refund_after_result: RefundAfterResult,
    /// The largest single stake, as a decimal; a higher one is answered 310.
    max_bet: Option<String>,
    /// How `GetBalancePerGame` names the game in its reply: `gameID` or `gameId`.
    pub game_id_key: GameIdKey,
    /// Repeated in `authenticate`, when set: an ISO country code.
    pub country: Option<String>,
    /// Repeated in `authenticate`, when set: a jurisdiction code, 99 for none.
    pub jurisdiction: Option<String>,
    #[serde(skip)]
    max_bet_amount: Option<Amount>,
}

/// Where the winnings of free rounds are paid.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum FreeRounds {
    /// With each result; `bonusWin` is a notice.
    PerSpin,
    /// With `bonusWin`; bets and results that carry a `bonusCode` move nothing.
    Total,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum RefundAfterResult {
    Pay,
    Refuse,
}

/// How the reply of `GetBalancePerGame` spells its key.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum GameIdKey {
    /// As in the specification.
    #[serde(rename = "gameID")]
    Upper,
    /// As in some brands.
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
            game_id_key: GameIdKey::Upper,
            country: None,
            jurisdiction: None,
            max_bet_amount: None,
        }
    }
}

impl Settings {
    /// Reads the table.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(table: toml::Table) -> Result<Self, String> {
        let mut settings: Self =
            table.try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
        if settings.provider_id.is_empty() {
            return Err("provider_id: must not be empty".to_owned());
        }
        if let Some(text) = &settings.max_bet {
            let amount =
                Amount::parse(text, 2).map_err(|error| format!("max_bet `{text}`: {error}"))?;
            settings.max_bet_amount = Some(amount);
        }
        Ok(settings)
    }

    /// How this protocol settles what protocols settle differently.
    pub fn policy(&self) -> Policy {
        Policy {
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
            max_bet: self.max_bet_amount,
        }
    }
}
