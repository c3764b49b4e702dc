//! Calls into the core's words.

use std::collections::HashSet;
use std::fmt::Display;

use serde_json::value::RawValue;

use super::Softswiss;
use super::wire::{self, Freespins, Object, Play, PlayAction, PlayActionKind, Rollback};
use crate::core::policy::SessionRule;
use crate::core::{
    Action, Amount, Category, Command, Currency, GameId, Movement, PlayerId, Reversible, RoundId,
    TxId,
};
use crate::providers::adapter::Checks;
use crate::providers::{Failure, Request};

/// The most actions in one call.
const MAX_ACTIONS: usize = 100;
/// The most bytes of an id.
const MAX_ID_BYTES: usize = 255;
/// The most bytes of a figure that is only kept for information.
const MAX_FIGURE_BYTES: usize = 64;

impl Softswiss {
    /// `play`: movements, the end of a round, or a question for the balance.
    pub(super) fn play(&self, body: &[u8]) -> Result<Request, Failure> {
        let play: Play = wire::parse(body).map_err(Failure::BadRequest)?;
        let player = checked("user_id", PlayerId::parse(&play.user_id))?;
        let currency = checked("currency", Currency::parse(&play.currency))?;
        let game = checked("game", GameId::parse(&play.game))?;
        let round =
            play.game_id.map(|game_id| checked("game_id", RoundId::parse(game_id))).transpose()?;
        let actions = play.actions.unwrap_or_default();
        if actions.is_empty() && !play.finished.unwrap_or_default() {
            return Ok(balance(player, currency, round));
        }
        let round = round.ok_or_else(|| bad("game_id: missing"))?;
        let movements = if actions.is_empty() {
            vec![end_of_round(&player, &round)?]
        } else {
            self.bets_and_wins(actions, &currency)?
        };
        Ok(self.command(player, currency, Some((game, round)), movements))
    }

    /// `rollback`: each action undoes one bet or win, whichever the original is.
    pub(super) fn rollback(&self, body: &[u8]) -> Result<Request, Failure> {
        let rollback: Rollback = wire::parse(body).map_err(Failure::BadRequest)?;
        let player = checked("user_id", PlayerId::parse(&rollback.user_id))?;
        let currency = checked("currency", Currency::parse(&rollback.currency))?;
        let game = checked("game", GameId::parse(&rollback.game))?;
        let round = checked("game_id", RoundId::parse(&rollback.game_id))?;
        if rollback.actions.is_empty() {
            return Err(bad("actions: none"));
        }
        listed_once(rollback.actions.iter().map(|Object(action)| action.action_id.as_str()))?;
        let movements = rollback.actions.iter().map(|Object(action)| {
            if action.action_id == action.original_action_id {
                return Err(bad("original_action_id: the action's own id"));
            }
            Ok(Movement {
                tx_id: action_key("action_id", &action.action_id)?,
                action: Action::Reverse {
                    target: action_key("original_action_id", &action.original_action_id)?,
                    of: Reversible::Any,
                    at_most: None,
                },
                category: Category::Bet,
                detail: None,
            })
        });
        let movements = movements.collect::<Result<_, _>>()?;
        Ok(self.command(player, currency, Some((game, round)), movements))
    }

    /// `freespins`: pays an issue once it is over; until then there is nothing to do.
    pub(super) fn freespins(&self, body: &[u8]) -> Result<Request, Failure> {
        let freespins: Freespins = wire::parse(body).map_err(Failure::BadRequest)?;
        let player = checked("user_id", PlayerId::parse(&freespins.user_id))?;
        let currency = checked("currency", Currency::parse(&freespins.currency))?;
        let issue = id("issue_id", &freespins.issue_id)?;
        let status = id("status", &freespins.status)?;
        let amount = self.amount("total_amount", freespins.total_amount, &currency)?;
        if status == "active" {
            return Ok(balance(player, currency, None));
        }
        let movement = Movement {
            tx_id: key("issue_id", &format!("~freespins:{issue}"))?,
            action: Action::Credit(amount),
            category: Category::FreeRound,
            detail: Some(format!("status={status}").into()),
        };
        Ok(self.command(player, currency, None, vec![movement]))
    }

    fn bets_and_wins(
        &self,
        actions: Vec<Object<PlayAction>>,
        currency: &Currency,
    ) -> Result<Vec<Movement>, Failure> {
        listed_once(actions.iter().map(|Object(action)| action.action_id.as_str()))?;
        let movements = actions.into_iter().map(|Object(action)| {
            let amount = self.amount("amount", action.amount, currency)?;
            let (effect, category) = match action.action {
                PlayActionKind::Bet => (Action::Debit(amount), Category::Bet),
                PlayActionKind::Win => (Action::Credit(amount), Category::Win),
            };
            Ok(Movement {
                tx_id: action_key("action_id", &action.action_id)?,
                action: effect,
                category,
                detail: jackpot_figures(&action),
            })
        });
        movements.collect()
    }

    fn amount(&self, field: &str, units: i64, currency: &Currency) -> Result<Amount, Failure> {
        checked(field, Amount::from_minor(units, self.exponent(currency)))
    }

    fn command(
        &self,
        player: PlayerId,
        currency: Currency,
        game_and_round: Option<(GameId, RoundId)>,
        movements: Vec<Movement>,
    ) -> Request {
        let (game, round) = game_and_round.unzip();
        Request::Execute(Command {
            provider: self.provider.clone(),
            player,
            currency: Some(currency),
            token: None,
            game,
            round,
            movements,
            policy: self.policy.clone(),
            occurred_at: None,
        })
    }
}

fn balance(player: PlayerId, currency: Currency, round: Option<RoundId>) -> Request {
    Request::Balance {
        player,
        checks: Checks {
            session: SessionRule::Ignore,
            token: None,
            currency: Some(currency),
            active_only: false,
        },
        games: Vec::new(),
        echo: round.map(|round| round.as_str().to_owned()),
    }
}

/// Remembers that a round ended. The player's length keeps two players' keys apart whatever
/// the ids contain.
fn end_of_round(player: &PlayerId, round: &RoundId) -> Result<Movement, Failure> {
    let length = player.as_str().len();
    Ok(Movement {
        tx_id: key("game_id", &format!("~end:{length}:{player}:{round}"))?,
        action: Action::Note(None),
        category: Category::RoundEnd,
        detail: None,
    })
}

// ---- Keys ----
//
// An action's key is its id as sent. Keys of our own making begin with one tilde and a
// letter, so an action id that begins with a tilde gets a second one: no two things share a
// key, and no action id is refused for its spelling.

/// The key of the action with that id.
fn action_key(field: &str, action_id: &str) -> Result<TxId, Failure> {
    let action_id = id(field, action_id)?;
    let escape = if action_id.starts_with('~') { "~" } else { "" };
    key(field, &format!("{escape}{action_id}"))
}

/// The id of the action with that key; `None` for a key of our own making.
pub(super) fn action_id(key: &TxId) -> Option<&str> {
    match key.as_str().strip_prefix('~') {
        None => Some(key.as_str()),
        Some(escaped) => escaped.starts_with('~').then_some(escaped),
    }
}

fn key(field: &str, text: &str) -> Result<TxId, Failure> {
    checked(field, TxId::parse(text))
}

// ---- Checks ----

fn bad(what: &str) -> Failure {
    Failure::BadRequest(what.to_owned())
}

fn checked<T, E: Display>(field: &str, value: Result<T, E>) -> Result<T, Failure> {
    value.map_err(|error| Failure::BadRequest(format!("{field}: {error}")))
}

fn id<'t>(field: &str, text: &'t str) -> Result<&'t str, Failure> {
    let wrong = match text {
        "" => "empty",
        _ if text.len() > MAX_ID_BYTES => "longer than 255 bytes",
        _ if text.chars().any(char::is_control) => "has a control character",
        _ => return Ok(text),
    };
    Err(bad(&format!("{field}: {wrong}")))
}

fn listed_once<'t>(ids: impl ExactSizeIterator<Item = &'t str>) -> Result<(), Failure> {
    if ids.len() > MAX_ACTIONS {
        return Err(bad("actions: more than 100"));
    }
    let mut seen = HashSet::new();
    for action_id in ids {
        if !seen.insert(action_id) {
            return Err(bad("action_id: twice in one call"));
        }
    }
    Ok(())
}

/// What was said about jackpots, as written; it moves no money, so nothing in it is an error.
fn jackpot_figures(action: &PlayAction) -> Option<Box<str>> {
    let figure = |name: &str, value: &Option<Box<RawValue>>| {
        let text = value.as_ref().map(|value| value.get())?;
        (text.len() <= MAX_FIGURE_BYTES).then(|| format!("{name}={text}"))
    };
    let figures = [
        figure("jackpot_contribution", &action.jackpot_contribution),
        figure("jackpot_win", &action.jackpot_win),
    ];
    let text = figures.into_iter().flatten().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::super::tests::adapter;
    use super::*;

    fn play(body: &str) -> Result<Request, Failure> {
        adapter("").expect("defaults").play(body.as_bytes())
    }

    fn rollback(body: &str) -> Result<Request, Failure> {
        adapter("").expect("defaults").rollback(body.as_bytes())
    }

    fn freespins(body: &str) -> Result<Request, Failure> {
        adapter("").expect("defaults").freespins(body.as_bytes())
    }

    fn command(request: Result<Request, Failure>) -> Command {
        match request {
            Ok(Request::Execute(command)) => command,
            other => panic!("not a command: {other:?}"),
        }
    }

    /// A `play` of one round with these actions.
    fn with(actions: &str) -> String {
        format!(
            r#"{{"user_id":"p","currency":"EUR","game":"a:b","game_id":"r","actions":{actions}}}"#
        )
    }

    fn cents(cents: i64) -> Amount {
        Amount::from_minor(cents, 2).expect("an amount")
    }

    #[test]
    fn bets_and_wins_are_one_command_in_their_order() {
        let command = command(play(
            r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot","game_id":"rnd-77","finished":true,"actions":[{"action":"bet","amount":150,"action_id":"a-0001"},{"action":"win","amount":400,"action_id":"a-0002"}]}"#,
        ));
        assert_eq!(command.player.as_str(), "p-1001");
        assert_eq!(command.currency.as_ref().map(Currency::as_str), Some("EUR"));
        assert_eq!(command.game.as_ref().map(GameId::as_str), Some("acme:DemoSlot"));
        assert_eq!(command.round.as_ref().map(RoundId::as_str), Some("rnd-77"));
        let said: Vec<_> = command
            .movements
            .iter()
            .map(|m| (m.tx_id.as_str(), m.action.clone(), m.category))
            .collect();
        assert_eq!(
            said,
            [
                ("a-0001", Action::Debit(cents(150)), Category::Bet),
                ("a-0002", Action::Credit(cents(400)), Category::Win),
            ]
        );
    }

    #[test]
    fn a_rollback_undoes_a_bet_or_a_win_in_full() {
        let command = command(rollback(
            r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot","game_id":"rnd-77","finished":true,"actions":[{"action":"rollback","action_id":"a-0003","original_action_id":"a-0001"}]}"#,
        ));
        let [movement] = command.movements.as_slice() else { panic!("one movement") };
        assert_eq!(movement.tx_id.as_str(), "a-0003");
        let target = TxId::parse("a-0001").expect("an id");
        assert_eq!(movement.action, Action::Reverse { target, of: Reversible::Any, at_most: None });
    }

    #[test]
    fn play_without_actions_asks_for_the_balance() {
        for (body, round) in [
            (r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot"}"#, None),
            (r#"{ "user_id": "p-1001", "currency": "EUR", "game": "acme:Plättchen" }"#, None),
            (
                r#"{"user_id":"p","currency":"EUR","game":"a:b","game_id":"r","actions":[]}"#,
                Some("r"),
            ),
        ] {
            let Ok(Request::Balance { checks, echo, .. }) = play(body) else {
                panic!("no balance query: {body}")
            };
            assert_eq!(echo.as_deref(), round);
            assert_eq!(checks.session, SessionRule::Ignore);
            assert!(checks.currency.is_some() && !checks.active_only);
        }
    }

    #[test]
    fn play_without_actions_ends_a_finished_round_under_a_key_of_its_player() {
        let body = r#"{"user_id":"p:1","currency":"EUR","game":"a:b","game_id":"2","finished":true,"actions":[]}"#;
        let command_1 = command(play(body));
        let [note] = command_1.movements.as_slice() else { panic!("one movement") };
        assert_eq!((&note.action, note.category), (&Action::Note(None), Category::RoundEnd));
        assert_eq!(note.tx_id.as_str(), "~end:3:p:1:2");
        let other = body.replace("p:1", "p").replace("\"2\"", "\"1:2\"");
        assert_ne!(command(play(&other)).movements[0].tx_id, note.tx_id);
    }

    #[test]
    fn an_issue_is_paid_once_it_is_not_active_any_more() {
        let body =
            r#"{"user_id":"p","currency":"EUR","issue_id":"i-1","status":"S","total_amount":1250}"#;
        assert!(matches!(
            freespins(&body.replace('S', "active")),
            Ok(Request::Balance { echo: None, .. })
        ));
        for status in ["played", "expired", "canceled", "something new"] {
            let command = command(freespins(&body.replace('S', status)));
            let [credit] = command.movements.as_slice() else { panic!("one movement") };
            assert_eq!(credit.tx_id.as_str(), "~freespins:i-1");
            assert_eq!(credit.action, Action::Credit(cents(1250)));
            assert_eq!(credit.category, Category::FreeRound);
        }
    }

    #[test]
    fn no_action_id_meets_a_key_of_our_own_and_each_reads_back() {
        let ids = ["~end:3:p:1:2", "~freespins:i-1", "~", "~~", "end:1", "F:1", "a-0001"];
        let mut keys = HashSet::new();
        for id in ids {
            let key = action_key("action_id", id).expect("a key");
            assert_eq!(action_id(&key), Some(id));
            assert!(keys.insert(key));
        }
        for own in ["~end:3:p:1:2", "~freespins:i-1"] {
            let own = TxId::parse(own).expect("a key");
            assert_eq!(action_id(&own), None);
            assert!(!keys.contains(&own), "{own}");
        }
        let longest = "~".repeat(MAX_ID_BYTES);
        assert!(action_key("action_id", &longest).is_ok());
    }

    #[test]
    fn an_amount_is_counted_in_the_currencys_smallest_unit() {
        for (currency, units, micros) in
            [("EUR", 1, 10_000), ("JPY", 1, 1_000_000), ("KWD", 1, 1_000), ("BTC", 100, 1)]
        {
            let body = with(&format!(r#"[{{"action":"bet","amount":{units},"action_id":"a"}}]"#))
                .replace("EUR", currency);
            let command = command(play(&body));
            let Action::Debit(amount) = &command.movements[0].action else { panic!("a bet") };
            assert_eq!(amount.micros().get(), micros, "{currency}");
        }
    }

    #[test]
    fn jackpot_figures_are_kept_and_never_in_the_way() {
        for (figures, kept) in [
            (r#""jackpot_contribution":0.25"#, Some("jackpot_contribution=0.25")),
            (
                r#""jackpot_contribution":"1.50","jackpot_win":7"#,
                Some(r#"jackpot_contribution="1.50" jackpot_win=7"#),
            ),
            (r#""jackpot_win":null"#, None),
            (&format!(r#""jackpot_win":{}"#, "1".repeat(65)), None),
        ] {
            let body = with(&format!(
                r#"[{{"action":"win","amount":7,"action_id":"a","jackpot_x":0,{figures}}}]"#
            ));
            assert_eq!(command(play(&body)).movements[0].detail.as_deref(), kept, "{figures}");
        }
    }

    #[test]
    fn what_is_no_call_of_the_protocol_is_a_bad_request() {
        let many = |count: usize| {
            let one = |n| format!(r#"{{"action":"bet","amount":1,"action_id":"a-{n}"}}"#);
            with(&format!("[{}]", (0..count).map(one).collect::<Vec<_>>().join(",")))
        };
        assert!(play(&many(MAX_ACTIONS)).is_ok());
        let bet = |amount: &str| {
            with(&format!(r#"[{{"action":"bet","amount":{amount},"action_id":"a"}}]"#))
        };
        assert!(play(&bet("0")).is_ok());
        let named =
            |id: &str| with(&format!(r#"[{{"action":"bet","amount":1,"action_id":"{id}"}}]"#));
        let bodies = [
            String::new(),
            "null".into(),
            "[]".into(),
            "{".into(),
            "{}".into(),
            format!("{} {{}}", bet("1")),
            "[".repeat(100_000),
            many(MAX_ACTIONS + 1),
            bet("-1"),
            bet("1.5"),
            bet("1.0"),
            bet("1e2"),
            bet("\"1\""),
            bet("null"),
            bet("true"),
            bet("9223372036854775807"),
            bet("9223372036854775808"),
            bet("99999999999999999999999999"),
            bet("1,\"amount\":1"),
            named(""),
            named("a\\u0000"),
            named("a\\n"),
            named(&"a".repeat(MAX_ID_BYTES + 1)),
            with(r#"[{"action":"bet","action_id":"a"}]"#),
            with(r#"[{"action":"rollback","amount":1,"action_id":"a"}]"#),
            with(r#"[{"action":"rollback","action_id":"a","original_action_id":"b"}]"#),
            with(r#"[{"action":"BET","amount":1,"action_id":"a"}]"#),
            with(
                r#"[{"action":"bet","amount":1,"action_id":"a"},{"action":"win","amount":1,"action_id":"a"}]"#,
            ),
            with("{}"),
            with("[[]]"),
            bet("1").replace(r#""game_id":"r","#, ""),
            bet("1").replace(r#""game_id":"r""#, r#""game_id":"""#),
            bet("1").replace(r#""user_id":"p""#, r#""user_id":7"#),
            bet("1").replace(r#""user_id":"p""#, r#""user_id":"""#),
            bet("1").replace(r#""user_id":"p""#, r#""user_id":"p","user_id":"q""#),
            bet("1").replace("EUR", "eur"),
            bet("1").replace("\"a:b\"", "null"),
            bet("1").replace("EUR", "BTC"),
            bet("1").replace("\"actions\"", "\"finished\":\"yes\",\"actions\""),
            r#"{"user_id":"p","currency":"EUR","game":"a:b","finished":true}"#.into(),
        ];
        for body in bodies {
            let answer = play(&body);
            assert!(matches!(answer, Err(Failure::BadRequest(_))), "{body}: {answer:?}");
        }
        let mut latin_1 = bet("1").into_bytes();
        latin_1[12] = 0xE4;
        let answer = adapter("").expect("defaults").play(&latin_1);
        assert!(matches!(answer, Err(Failure::BadRequest(_))), "{answer:?}");
    }

    #[test]
    fn a_rollback_names_an_original_that_is_not_itself() {
        let good = with(r#"[{"action":"rollback","action_id":"a","original_action_id":"b"}]"#);
        assert!(rollback(&good).is_ok());
        for body in [
            with("[]"),
            with(r#"[{"action":"rollback","action_id":"a"}]"#),
            with(r#"[{"action":"rollback","action_id":"a","original_action_id":""}]"#),
            with(r#"[{"action":"bet","amount":1,"action_id":"a"}]"#),
            good.replace("\"b\"", "\"a\""),
            good.replace(
                '[',
                "[{\"action\":\"rollback\",\"action_id\":\"a\",\"original_action_id\":\"c\"},",
            ),
            good.replace(r#""game_id":"r","#, ""),
        ] {
            let answer = rollback(&body);
            assert!(matches!(answer, Err(Failure::BadRequest(_))), "{body}: {answer:?}");
        }
    }

    #[test]
    fn an_issue_needs_its_player_currency_status_and_amount() {
        let good =
            r#"{"user_id":"p","currency":"EUR","issue_id":"i","status":"played","total_amount":0}"#;
        assert!(freespins(good).is_ok());
        for field in ["user_id", "currency", "issue_id", "status", "total_amount"] {
            assert!(freespins(&good.replace(field, "other")).is_err(), "{field}");
        }
        for amount in ["-1", "0.5", "\"1\""] {
            assert!(freespins(&good.replace(":0", &format!(":{amount}"))).is_err(), "{amount}");
        }
    }
}
