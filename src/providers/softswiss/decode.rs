//! Calls into the core's words.

use std::collections::HashSet;
use std::fmt::Display;

use serde_json::value::RawValue;

use super::Softswiss;
use super::wire::{self, Object, Play, PlayAction, PlayActionKind, Rollback};
use crate::core::command::cut_off_detail;
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
        let exponent = self.exponents.of(&currency)?;
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
            bets_and_wins(actions, exponent)?
        };
        Ok(self.command(player, currency, Some((game, round)), movements))
    }

    /// `rollback`: each action undoes one bet or win, whichever the original is.
    pub(super) fn rollback(&self, body: &[u8]) -> Result<Request, Failure> {
        let rollback: Rollback = wire::parse(body).map_err(Failure::BadRequest)?;
        let player = checked("user_id", PlayerId::parse(&rollback.user_id))?;
        let currency = checked("currency", Currency::parse(&rollback.currency))?;
        // No amount is named, but the reply tells one.
        self.exponents.of(&currency)?;
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

    pub(super) fn command(
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

fn bets_and_wins(
    actions: Vec<Object<PlayAction>>,
    exponent: u32,
) -> Result<Vec<Movement>, Failure> {
    listed_once(actions.iter().map(|Object(action)| action.action_id.as_str()))?;
    let movements = actions.into_iter().map(|Object(action)| {
        let tx_id = action_key("action_id", &action.action_id)?;
        let detail = jackpot_figures(&action);
        Ok(match action.action {
            PlayActionKind::Bet => {
                let amount = checked("amount", Amount::from_minor(action.amount, exponent))?;
                let action = Action::Debit(amount);
                Movement { tx_id, action, category: Category::Bet, detail }
            }
            PlayActionKind::Win => {
                let (amount, detail) = credit("amount", action.amount, exponent, detail)?;
                Movement { tx_id, action: Action::credit(amount), category: Category::Win, detail }
            }
        })
    });
    movements.collect()
}

/// What a credit comes to. What is too fine to be booked is cut off, and said so in the detail: a
/// stake can be refused for it, but nobody could pay what was won.
pub(super) fn credit(
    field: &str,
    units: i128,
    exponent: u32,
    detail: Option<Box<str>>,
) -> Result<(Amount, Option<Box<str>>), Failure> {
    let (amount, rest) = checked(field, Amount::from_minor_cut_off(units, exponent))?;
    Ok((amount, if rest == 0 { detail } else { Some(cut_off_detail(rest, detail.as_deref())) }))
}

pub(super) fn balance(player: PlayerId, currency: Currency, round: Option<RoundId>) -> Request {
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

pub(super) fn key(field: &str, text: &str) -> Result<TxId, Failure> {
    checked(field, TxId::parse(text))
}

// ---- Checks ----

fn bad(what: &str) -> Failure {
    Failure::BadRequest(what.to_owned())
}

pub(super) fn checked<T, E: Display>(field: &str, value: Result<T, E>) -> Result<T, Failure> {
    value.map_err(|error| Failure::BadRequest(format!("{field}: {error}")))
}

pub(super) fn id<'t>(field: &str, text: &'t str) -> Result<&'t str, Failure> {
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
mod tests;
