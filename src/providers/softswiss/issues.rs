//! `freespins`: what an issue of bonus spins came to. The real body says which issue, how far it is
//! and what it won, and seldom whose it is: the casino has issued it and knows.

use super::Softswiss;
use super::decode::{balance, checked, credit, id, key};
use super::wire::{self, Freespins};
use crate::core::{
    Action, Category, Currency, IssueCall, IssueId, IssueOwner, IssueState, Movement, PlayerId,
    TokenHash, TxId,
};
use crate::providers::issues::{IssueKeys, Issues};
use crate::providers::{Failure, Request};

/// The states that end an issue, in lower case; the second line as one integration knows them.
#[rustfmt::skip]
const FINAL: [&str; 9] = [
    "played", "expired", "canceled", "cancelled",
    "complete", "completed", "finished", "done", "closed",
];
/// The states before and between that have been heard of.
const OPEN: [&str; 8] = [
    "active",
    "issued",
    "pending",
    "accepted",
    "started",
    "in_progress",
    "processing",
    "activated",
];

impl Softswiss {
    /// `freespins`: whose the issue is stays open.
    pub(super) fn freespins(&self, body: &[u8]) -> Result<Request, Failure> {
        let said: Freespins = wire::parse(body).map_err(Failure::BadRequest)?;
        let units = said.total_amount.unwrap_or_default();
        if units < 0 {
            return Err(Failure::BadRequest("total_amount: negative".to_owned()));
        }
        let status = id("status", &said.status)?;
        let player = said.user_id.map(PlayerId::parse).transpose();
        let currency = said.currency.map(Currency::parse).transpose();
        Ok(Request::Issue(IssueCall {
            issue: checked("issue_id", IssueId::parse(&said.issue_id))?,
            player: checked("user_id", player)?,
            currency: checked("currency", currency)?,
            session: said.session_id.as_deref().map(TokenHash::of),
            state: state_of(status),
            status: status.into(),
            units,
        }))
    }
}

fn state_of(status: &str) -> IssueState {
    let status = status.to_lowercase();
    if FINAL.contains(&status.as_str()) {
        IssueState::Final
    } else if OPEN.contains(&status.as_str()) {
        IssueState::Open
    } else {
        IssueState::Unknown
    }
}

impl Issues for Softswiss {
    /// The player's length keeps two players' keys apart whatever the ids contain.
    fn keys(&self, issue: &IssueId, player: &PlayerId) -> Result<IssueKeys, Failure> {
        let length = player.as_str().len();
        Ok(IssueKeys {
            now: key("issue_id", &format!("~issue:{length}:{player}:{issue}"))?,
            before: key("issue_id", &format!("~freespins:{issue}"))?,
        })
    }

    /// An issue is paid once it is over; until then there is nothing to do.
    fn request(&self, call: &IssueCall, owner: &IssueOwner, key: TxId) -> Result<Request, Failure> {
        let IssueOwner { player, currency } = owner.clone();
        let exponent = self.exponents.of(&currency)?;
        if call.state != IssueState::Final {
            return Ok(balance(player, currency, None));
        }
        let said = Some(format!("status={}", call.status).into());
        let (amount, detail) = credit("total_amount", call.units, exponent, said)?;
        let action = Action::credit(amount);
        let movement = Movement { tx_id: key, action, category: Category::FreeRound, detail };
        Ok(self.command(player, currency, None, vec![movement]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::adapter;
    use super::*;
    use crate::core::Command;

    fn read(body: &str) -> Result<IssueCall, Failure> {
        match adapter("").expect("defaults").freespins(body.as_bytes())? {
            Request::Issue(call) => Ok(call),
            other => panic!("no call about an issue: {other:?}"),
        }
    }

    fn bare(status: &str, units: i64) -> IssueCall {
        read(&format!(r#"{{"issue_id":"i-1","status":"{status}","total_amount":{units}}}"#))
            .expect("a call")
    }

    fn owner(player: &str, currency: &str) -> IssueOwner {
        IssueOwner {
            player: PlayerId::parse(player).expect("an id"),
            currency: Currency::parse(currency).expect("a code"),
        }
    }

    fn asked(call: &IssueCall, owner: &IssueOwner) -> Result<Request, Failure> {
        let softswiss = adapter("").expect("defaults");
        let key = softswiss.keys(&call.issue, &owner.player)?.now;
        softswiss.request(call, owner, key)
    }

    fn paid(call: &IssueCall, owner: &IssueOwner) -> Command {
        match asked(call, owner) {
            Ok(Request::Execute(command)) => command,
            other => panic!("no command: {other:?}"),
        }
    }

    #[test]
    fn the_body_of_a_real_sender_names_the_issue_its_state_and_what_it_won() {
        let call = bare("played", 1250);
        assert_eq!((call.issue.as_str(), call.state, call.units), ("i-1", IssueState::Final, 1250));
        assert!(call.player.is_none() && call.currency.is_none() && call.session.is_none());
        let without = read(r#"{"issue_id":"i-1","status":"expired"}"#).expect("a call");
        assert_eq!(without.units, 0);
        let null = r#"{"issue_id":"i-1","status":"played","total_amount":null,"user_id":null}"#;
        assert!(read(null).is_ok());
        let named = r#"{"issue_id":"i-1","status":"played","user_id":"p","currency":"EUR","session_id":"s","game":"a:b"}"#;
        let named = read(named).expect("a call");
        assert_eq!(named.player.as_ref().map(PlayerId::as_str), Some("p"));
        assert_eq!(named.session, Some(TokenHash::of("s")));
    }

    #[test]
    fn final_states_alone_pay_and_no_other_closes_the_issue() {
        let ann = owner("ann", "EUR");
        for status in FINAL.into_iter().chain(["Played", "EXPIRED"]) {
            let command = paid(&bare(status, 1250), &ann);
            let [credit] = command.movements.as_slice() else { panic!("one movement") };
            assert_eq!(credit.tx_id.as_str(), "~issue:3:ann:i-1");
            assert_eq!(credit.action.requested().get(), 12_500_000);
            assert_eq!(credit.category, Category::FreeRound);
            assert_eq!(credit.detail.as_deref(), Some(&*format!("status={status}")));
        }
        for status in OPEN.into_iter().chain(["Active", "something new", "play", "finish"]) {
            let asked = asked(&bare(status, 1250), &ann);
            assert!(matches!(asked, Ok(Request::Balance { echo: None, .. })), "{status}");
        }
        assert_eq!(bare("active", 0).state, IssueState::Open);
        assert_eq!(bare("something new", 0).state, IssueState::Unknown);
    }

    #[test]
    fn the_same_issue_of_two_players_has_two_keys_whatever_the_ids_contain() {
        let softswiss = adapter("").expect("defaults");
        let key = |player: &str, issue: &str| {
            let (player, issue) = (PlayerId::parse(player), IssueId::parse(issue));
            softswiss.keys(&issue.expect("an id"), &player.expect("an id")).expect("keys")
        };
        assert_ne!(key("ann", "1").now, key("bob", "1").now);
        assert_ne!(key("a:1", "2").now, key("a", "1:2").now);
        assert_eq!(key("ann", "1").before, key("bob", "1").before);
        let longest = key(&"p".repeat(100), &"i".repeat(255));
        assert!(longest.now.as_str().len() <= TxId::MAX_BYTES);
    }

    #[test]
    fn what_an_issue_won_is_counted_in_its_owners_currency_and_cut_off_where_it_is_too_fine() {
        let yen = paid(&bare("played", 7), &owner("ann", "JPY"));
        assert_eq!(yen.movements[0].action.requested().get(), 7_000_000);
        let coin = paid(&bare("played", 123_456_789), &owner("ann", "BTC"));
        assert_eq!(coin.movements[0].action.requested().get(), 1_234_567);
        assert_eq!(coin.movements[0].detail.as_deref(), Some("cut_off=89 status=played"));
        let unknown = asked(&bare("played", 1), &owner("ann", "TON")).err();
        assert!(matches!(unknown, Some(Failure::CurrencyUnknown(_))), "{unknown:?}");
    }

    #[test]
    fn an_issue_without_its_id_or_state_or_with_an_amount_that_cannot_be_is_a_bad_request() {
        let good =
            r#"{"user_id":"p","currency":"EUR","issue_id":"i","status":"played","total_amount":0}"#;
        assert!(read(good).is_ok());
        for field in ["issue_id", "status"] {
            assert!(read(&good.replace(field, "other")).is_err(), "{field}");
            assert!(read(&good.replace("\"i\"", "\"\"")).is_err(), "{field}");
        }
        for amount in ["-1", "0.5", "1.0", "1e2", "\"1\"", "1_0", "+1", "true"] {
            assert!(read(&good.replace(":0", &format!(":{amount}"))).is_err(), "{amount}");
        }
        for (from, to) in [("\"p\"", "\"\""), ("EUR", "eur"), ("\"p\"", "7")] {
            assert!(read(&good.replace(from, to)).is_err(), "{to}");
        }
    }
}
