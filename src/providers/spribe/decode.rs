//! Calls into the core's words.

use std::fmt::Display;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::Spribe;
use super::wire::{Auth, Deposit, Info, Rollback, Withdraw};
use crate::core::command::cut_off_detail;
use crate::core::policy::SessionRule;
use crate::core::{
    Action, Amount, Category, Command, Currency, Exchange, GameId, Movement, PlayerId, Reason,
    Reversible, RoundId, TokenHash, TxId,
};
use crate::providers::adapter::Checks;
use crate::providers::json::parse;
use crate::providers::{Failure, Request};

/// The most bytes of an id.
const MAX_ID_BYTES: usize = 255;
/// The free bet that is a prize.
const PRIZE: &str = "challengeprizemoney";

/// What of a call is kept with its row: the first answer's `provider`, for every repeat, and the
/// action, which alone tells a free bet.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) action: String,
    pub(super) provider: String,
}

impl Kept {
    fn new(action: String, provider: String) -> Result<Self, Failure> {
        id("action", &action)?;
        id("provider", &provider)?;
        Ok(Self { action, provider })
    }

    fn detail(&self) -> Option<Box<str>> {
        serde_json::to_string(self).ok().map(Into::into)
    }

    /// What a row keeps; a note about what was cut off may stand before it.
    pub(super) fn read(detail: &str) -> Option<Self> {
        let json = detail.find('{').and_then(|start| detail.get(start..))?;
        serde_json::from_str(json).ok()
    }
}

/// What the three calls about money have in common.
struct Common {
    player: PlayerId,
    currency: Option<Currency>,
    token: Option<TokenHash>,
    game: GameId,
    round: RoundId,
}

impl Spribe {
    /// `auth`: the provider's own token takes the launch token's place.
    pub(super) fn auth(&self, body: &[u8]) -> Result<Request, Failure> {
        let auth: Auth = parse(body).map_err(Failure::BadRequest)?;
        let currency = self.currency(&auth.currency)?;
        Ok(Request::Authenticate {
            token: SecretString::from(auth.user_token),
            player: None,
            currency: Some(currency),
            game: None,
            exchange: Exchange::Bind(TokenHash::of(&auth.session_token)),
        })
    }

    /// `info`: a question for the balance.
    pub(super) fn info(&self, body: &[u8]) -> Result<Request, Failure> {
        let info: Info = parse(body).map_err(Failure::BadRequest)?;
        Ok(Request::Balance {
            player: player(&info.user_id)?,
            checks: Checks {
                session: SessionRule::Required,
                token: Some(TokenHash::of(&info.session_token)),
                currency: Some(self.currency(&info.currency)?),
                active_only: false,
            },
            games: Vec::new(),
            echo: None,
        })
    }

    /// `withdraw`: a stake.
    pub(super) fn withdraw(&self, body: &[u8]) -> Result<Request, Failure> {
        let withdraw: Withdraw = parse(body).map_err(Failure::BadRequest)?;
        let currency = self.currency(&withdraw.currency)?;
        let exponent = self.exponents.of(&currency)?;
        let amount = checked("amount", Amount::from_minor(withdraw.amount, exponent))?;
        let movement = Movement {
            tx_id: key("provider_tx_id", &withdraw.provider_tx_id)?,
            action: Action::Debit(amount),
            category: Category::Bet,
            detail: Kept::new(withdraw.action, withdraw.provider)?.detail(),
        };
        let common = Common {
            player: player(&withdraw.user_id)?,
            currency: Some(currency),
            token: Some(TokenHash::of(&withdraw.session_token)),
            game: game(&withdraw.game)?,
            round: round(&withdraw.action_id)?,
        };
        Ok(self.command(common, movement))
    }

    /// `deposit`: a win of the withdraw that it names, or a free bet's.
    pub(super) fn deposit(&self, body: &[u8]) -> Result<Request, Failure> {
        let deposit: Deposit = parse(body).map_err(Failure::BadRequest)?;
        let currency = self.currency(&deposit.currency)?;
        let exponent = self.exponents.of(&currency)?;
        let (amount, rest) =
            checked("amount", Amount::from_minor_cut_off(deposit.amount, exponent))?;
        let tx_id = key("provider_tx_id", &deposit.provider_tx_id)?;
        let named = deposit.withdraw_provider_tx_id.filter(|id| !id.is_empty());
        let settles = named.map(|id| key("withdraw_provider_tx_id", &id)).transpose()?;
        let category = self.category(&deposit.action);
        let kept = Kept::new(deposit.action, deposit.provider)?.detail();
        let detail = if rest == 0 { kept } else { Some(cut_off_detail(rest, kept.as_deref())) };
        let common = Common {
            player: player(&deposit.user_id)?,
            currency: Some(currency),
            token: None,
            game: game(&deposit.game)?,
            round: round(&deposit.action_id)?,
        };
        // A win of nothing that it names; nothing is remembered, so it may come again with a name.
        if settles.is_none() && category == Category::Win {
            return Err(Failure::Refused(Reason::DebitUnknown));
        }
        let action = Action::Credit { amount, settles };
        Ok(self.command(common, Movement { tx_id, action, category, detail }))
    }

    /// `rollback`: undoes one withdraw; whichever amount it names, what was booked goes back.
    pub(super) fn rollback(&self, body: &[u8]) -> Result<Request, Failure> {
        let rollback: Rollback = parse(body).map_err(Failure::BadRequest)?;
        let currency = rollback.currency.map(|code| self.currency(&code)).transpose()?;
        if rollback.provider_tx_id == rollback.rollback_provider_tx_id {
            return Err(bad("rollback_provider_tx_id: the rollback's own id"));
        }
        let movement = Movement {
            tx_id: key("provider_tx_id", &rollback.provider_tx_id)?,
            action: Action::Reverse {
                target: key("rollback_provider_tx_id", &rollback.rollback_provider_tx_id)?,
                of: Self::UNDOES,
                at_most: None,
            },
            category: Category::Bet,
            detail: Kept::new(rollback.action, rollback.provider)?.detail(),
        };
        let common = Common {
            player: player(&rollback.user_id)?,
            currency,
            token: None,
            game: game(&rollback.game)?,
            round: round(&rollback.action_id)?,
        };
        Ok(self.command(common, movement))
    }

    /// A deposit is taken back as well, as far as the balance goes.
    pub(super) const UNDOES: Reversible = Reversible::Any;

    /// A currency of which amounts can be read and told.
    fn currency(&self, code: &str) -> Result<Currency, Failure> {
        let currency = checked("currency", Currency::parse(code))?;
        self.exponents.of(&currency).map(|_| currency)
    }

    fn category(&self, action: &str) -> Category {
        if !self.settings.free_bet_actions.contains(action) {
            Category::Win
        } else if action == PRIZE {
            Category::Promo
        } else {
            Category::FreeRound
        }
    }

    fn command(&self, common: Common, movement: Movement) -> Request {
        let Common { player, currency, token, game, round } = common;
        Request::Execute(Command {
            provider: self.provider.clone(),
            player,
            currency,
            token,
            game: Some(game),
            round: Some(round),
            movements: vec![movement],
            policy: self.policy.clone(),
            occurred_at: None,
        })
    }
}

// ---- Checks ----

fn bad(what: &str) -> Failure {
    Failure::BadRequest(what.to_owned())
}

fn checked<T, E: Display>(field: &str, value: Result<T, E>) -> Result<T, Failure> {
    value.map_err(|error| Failure::BadRequest(format!("{field}: {error}")))
}

fn player(user_id: &str) -> Result<PlayerId, Failure> {
    checked("user_id", PlayerId::parse(user_id))
}

fn game(game: &str) -> Result<GameId, Failure> {
    checked("game", GameId::parse(game))
}

fn round(action_id: &str) -> Result<RoundId, Failure> {
    checked("action_id", RoundId::parse(action_id))
}

/// Withdraws, deposits and rollbacks share one space of ids, so the key is the id as sent.
fn key(field: &str, text: &str) -> Result<TxId, Failure> {
    checked(field, TxId::parse(id(field, text)?))
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

#[cfg(test)]
mod tests;
