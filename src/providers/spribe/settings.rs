//! What an operator agrees with Spribe for a brand.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::core::policy::{
    CreditAfterReversal, CreditWithoutDebit, FundsTest, LateOriginal, Refusals,
    ReversalAfterSettlement, SessionRule, Settlement,
};
use crate::core::{Amount, Policy};

/// Deposits that belong to no stake, as far as any integration knows.
const FREE_BETS: [&str; 5] =
    ["freebet", "rainfreebet", "promofreebet", "challengefreebet", "challengeprizemoney"];

/// The `settings` table of one provider, as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `X-Spribe-Client-ID` as agreed, compared exactly.
    pub client_id: String,
    /// False: a call without any signature is believed, because its address is. For accounts
    /// that leave it out, and only behind an `allow` list.
    pub require_signature: bool,
    /// How far a signature's time may be from ours, in seconds.
    pub timestamp_tolerance_s: u32,
    /// Decimals of a currency on the wire, 0 to 18; they go before what is known of it.
    pub exponents: BTreeMap<String, u32>,
    /// The actions whose deposits are paid without a withdraw.
    pub free_bet_actions: BTreeSet<String>,
    /// What a rollback is answered whose bet was paid for. No money moves either way.
    rollback_after_deposit: RollbackAfterDeposit,
    /// The largest single stake in major units, as a decimal number above zero.
    max_bet: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RollbackAfterDeposit {
    /// 405.
    Refuse,
    /// 200 without data, so that it is not sent again.
    Accept,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            client_id: String::new(),
            require_signature: true,
            timestamp_tolerance_s: 300,
            exponents: BTreeMap::new(),
            free_bet_actions: FREE_BETS.map(str::to_owned).into(),
            rollback_after_deposit: RollbackAfterDeposit::Refuse,
            max_bet: None,
        }
    }
}

impl Settings {
    /// What this protocol demands where protocols differ. What is wrong is noted.
    pub(super) fn policy(&self, wrong: &mut Vec<String>) -> Policy {
        let max_bet = self.max_bet.as_ref().and_then(|text| match Amount::parse(text, 6) {
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
        Policy {
            session: SessionRule::Required,
            funds: FundsTest::Gross,
            // Not remembered: the withdraw may still come, and then the deposit is good.
            credit_without_debit: CreditWithoutDebit::Refuse,
            credit_after_reversal: CreditAfterReversal::Refuse,
            late_original: LateOriginal::Refuse,
            reversal_after_settlement: match self.rollback_after_deposit {
                RollbackAfterDeposit::Refuse => ReversalAfterSettlement::Refuse,
                RollbackAfterDeposit::Accept => ReversalAfterSettlement::NoEffect,
            },
            settlement: Settlement::OncePerDebit,
            refusals: Refusals::Remembered,
            max_bet,
        }
    }

    /// What is wrong beside amounts and units.
    pub(super) fn check(&self, is_walled: bool, wrong: &mut Vec<String>) {
        if self.client_id.is_empty() {
            wrong.push("client_id: missing".to_owned());
        }
        if !self.require_signature && !is_walled {
            wrong.push("require_signature: without it, `allow` must say who may call".to_owned());
        }
        if self.free_bet_actions.contains("") {
            wrong.push("free_bet_actions: one is empty".to_owned());
        }
        if self.timestamp_tolerance_s == 0 {
            wrong.push("timestamp_tolerance_s: must be above zero".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{adapter, built};
    use super::*;

    #[test]
    fn settings_set_the_policy() {
        let usual = adapter("").policy;
        assert_eq!(usual.session, SessionRule::Required);
        assert_eq!(usual.credit_without_debit, CreditWithoutDebit::Refuse);
        assert_eq!(usual.credit_after_reversal, CreditAfterReversal::Refuse);
        assert_eq!(usual.late_original, LateOriginal::Refuse);
        assert_eq!(usual.reversal_after_settlement, ReversalAfterSettlement::Refuse);
        assert_eq!(usual.settlement, Settlement::OncePerDebit);
        assert_eq!((usual.refusals, usual.max_bet), (Refusals::Remembered, None));
        let other = adapter("rollback_after_deposit = 'accept'\nmax_bet = '25.50'").policy;
        assert_eq!(other.reversal_after_settlement, ReversalAfterSettlement::NoEffect);
        assert_eq!(other.max_bet, Amount::parse("25.50", 2).ok());
    }

    #[test]
    fn everything_that_is_wrong_with_settings_is_said_at_once() {
        let all = built(
            "max_bet = 'much'\nrequire_signature = false\ntimestamp_tolerance_s = 0\n\
             exponents = { eur = 2, BTC = 19 }\nfree_bet_actions = ['']",
            false,
        )
        .expect_err("faults");
        for part in [
            "client_id: missing",
            "require_signature: without it",
            "timestamp_tolerance_s: must be",
            "free_bet_actions: one is empty",
            "exponents.BTC: above 18",
            "exponents.eur: not a currency code",
            "max_bet: not a decimal number",
        ] {
            assert!(all.contains(part), "{part}: {all}");
        }
    }

    #[test]
    fn a_setting_that_is_no_setting_is_refused() {
        for wrong in [
            "max_bet = '0'",
            "max_bet = '-1'",
            "max_bet = 5",
            "maxbet = '1'",
            "timestamp_tolerance_s = -1",
            "rollback_after_deposit = 'pay'",
            "require_signature = 'no'",
            "exponents = { EUR = -1 }",
        ] {
            let settings = format!("client_id = 'c'\n{wrong}");
            assert!(built(&settings, true).is_err(), "{wrong}");
        }
        let unsigned = "client_id = 'c'\nrequire_signature = false";
        assert!(built(unsigned, true).is_ok() && built(unsigned, false).is_err());
    }
}
