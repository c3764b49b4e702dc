//! What an operator agrees with Evolution.

use chrono::TimeDelta;
use serde::Deserialize;

use super::codes::Status;
use crate::core::policy::{
    CreditAfterReversal, CreditWithoutDebit, FundsTest, LateOriginal, Refusals,
    ReversalAfterSettlement, SessionRule, Settlement,
};
use crate::core::{Amount, Policy};

/// The `settings` table of one provider, as written.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What one credit settles.
    settlement: Settles,
    /// How it is worded that `userId` is nobody's, or not whose the sid is.
    wrong_user: WrongUser,
    /// Decimals of the balances told, 0 to 6. With fewer than six Evolution's own test fails.
    balance_decimals: u32,
    /// True: `check` answers with a new sid, and the old one is over.
    check_replaces_sid: bool,
    /// True: `/sid` hands a new sid to whoever has the token.
    sid_on_request: bool,
    /// How long a sid is good that `/sid` hands out, in seconds.
    sid_seconds: u32,
    /// True: something in front of this node lets only Evolution's addresses through, so that it
    /// starts without an `allow` of its own.
    addresses_are_checked_in_front: bool,
    /// The largest single stake in major units, as a decimal number above zero.
    max_bet: Option<String>,
}

/// What one credit settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settles {
    /// The bet that it names.
    BetWise,
    /// Every open bet of its round.
    GameWise,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WrongUser {
    InvalidParameter,
    InvalidSid,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            settlement: Settles::BetWise,
            wrong_user: WrongUser::InvalidParameter,
            balance_decimals: 6,
            check_replaces_sid: false,
            sid_on_request: false,
            sid_seconds: 3600,
            addresses_are_checked_in_front: false,
            max_bet: None,
        }
    }
}

/// The settings, understood.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What this protocol demands where protocols differ.
    pub policy: Policy,
    /// What one credit settles.
    pub settles: Settles,
    /// For a `userId` that is nobody's, or not whose the sid is.
    pub wrong_user: Status,
    /// Of the balances told.
    pub balance_decimals: u32,
    /// Whether `check` puts a new sid in the place of the old one.
    pub check_replaces_sid: bool,
    /// How long a sid from `/sid` is good; `None` where there is no such path.
    pub sid_lifetime: Option<TimeDelta>,
}

impl Settings {
    /// Checks them.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn read(self, is_walled: bool) -> Result<Rules, String> {
        let mut wrong = Vec::new();
        if !is_walled && !self.addresses_are_checked_in_front {
            wrong.push(
                "allow: missing, and no call is signed: whoever learns the token could change \
                 amounts. List Evolution's addresses, or say that something in front does it \
                 (settings.addresses_are_checked_in_front = true)"
                    .to_owned(),
            );
        }
        if self.balance_decimals > 6 {
            wrong.push("balance_decimals: above 6".to_owned());
        }
        if self.sid_seconds == 0 {
            wrong.push("sid_seconds: must be above zero".to_owned());
        }
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
        if !wrong.is_empty() {
            return Err(wrong.join("; "));
        }
        let lifetime = TimeDelta::seconds(i64::from(self.sid_seconds));
        Ok(Rules {
            policy: policy(self.settlement, max_bet),
            settles: self.settlement,
            wrong_user: match self.wrong_user {
                WrongUser::InvalidParameter => Status::InvalidParameter,
                WrongUser::InvalidSid => Status::InvalidSid,
            },
            balance_decimals: self.balance_decimals,
            check_replaces_sid: self.check_replaces_sid,
            sid_lifetime: self.sid_on_request.then_some(lifetime),
        })
    }
}

const fn policy(settles: Settles, max_bet: Option<Amount>) -> Policy {
    Policy {
        session: SessionRule::Required,
        funds: FundsTest::Gross,
        credit_without_debit: CreditWithoutDebit::Refuse,
        credit_after_reversal: CreditAfterReversal::Refuse,
        late_original: LateOriginal::Refuse,
        reversal_after_settlement: ReversalAfterSettlement::Refuse,
        settlement: match settles {
            Settles::BetWise => Settlement::OncePerDebit,
            Settles::GameWise => Settlement::ByRound,
        },
        // A bet that was refused may be tried again, and a cancel of it is one of something unknown.
        refusals: Refusals::Forgotten,
        max_bet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &str, is_walled: bool) -> Result<Rules, String> {
        let settings: Settings = toml::from_str(settings).map_err(|error| error.to_string())?;
        settings.read(is_walled)
    }

    #[test]
    fn without_an_allow_list_it_must_be_said_that_something_in_front_has_one() {
        assert!(read("", true).is_ok());
        assert!(read("", false).expect_err("refused").starts_with("allow: missing"));
        assert!(read("addresses_are_checked_in_front = false", false).is_err());
        assert!(read("addresses_are_checked_in_front = true", false).is_ok());
    }

    #[test]
    fn settings_set_the_policy() {
        let usual = read("", true).expect("defaults");
        assert_eq!(usual.policy, policy(Settles::BetWise, None));
        assert_eq!(usual.policy.settlement, Settlement::OncePerDebit);
        assert_eq!((usual.wrong_user, usual.balance_decimals), (Status::InvalidParameter, 6));
        assert!(!usual.check_replaces_sid && usual.sid_lifetime.is_none());
        let other = "settlement = 'game_wise'\nmax_bet = '25.50'\nwrong_user = 'invalid_sid'\n\
                     balance_decimals = 2\ncheck_replaces_sid = true\nsid_on_request = true\n\
                     sid_seconds = 60";
        let other = read(other, true).expect("good settings");
        assert_eq!(other.policy.settlement, Settlement::ByRound);
        assert_eq!(other.policy.max_bet, Amount::parse("25.50", 2).ok());
        assert_eq!((other.wrong_user, other.balance_decimals), (Status::InvalidSid, 2));
        assert_eq!(other.sid_lifetime, Some(TimeDelta::minutes(1)));
        assert!(other.check_replaces_sid);
    }

    #[test]
    fn everything_that_is_wrong_with_settings_is_listed() {
        let wrong = "balance_decimals = 7\nsid_seconds = 0\nmax_bet = 'much'";
        let complaint = read(wrong, false).expect_err("refused");
        for part in ["allow: ", "balance_decimals: ", "sid_seconds: ", "max_bet: not a decimal"] {
            assert!(complaint.contains(part), "{complaint}");
        }
        for wrong in
            ["max_bet = '0'", "max_bet = '-1'", "max_bet = 5", "settlement = 'mixed'", "sid = true"]
        {
            assert!(read(wrong, true).is_err(), "{wrong}");
        }
    }
}
