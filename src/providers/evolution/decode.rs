//! Calls into the core's words.

use std::fmt::Display;

use secrecy::SecretString;
use serde_json::value::RawValue;

use super::Evolution;
use super::settings::Settles;
use super::wire::{
    self, Balance, Called, Check, Game, Move, Object, PromoPayout, PromoTransaction, Transaction,
};
use crate::core::{
    Action, Amount, Category, Checks, Command, Currency, Exchange, GameId, Movement, PlayerId,
    Reason, Reversible, RoundId, TokenHash, TxId,
};
use crate::providers::{Failure, Request, Unnamed};

/// The most bytes of a sid.
const MAX_SID_BYTES: usize = 250;
/// The most bytes of a call's own id.
const MAX_UUID_BYTES: usize = 100;
/// The most bytes of an id.
const MAX_ID_BYTES: usize = 255;
/// The most bytes of a figure that is only kept for information.
const MAX_FIGURE_BYTES: usize = 64;

/// What a call is called by its sender, for the answer to whatever it may be.
pub(super) fn called(body: &[u8]) -> Option<String> {
    let called: Called = wire::parse(body).ok()?;
    called.uuid.filter(|uuid| uuid.len() <= MAX_UUID_BYTES)
}

impl Evolution {
    /// `check`: who is behind a sid?
    pub(super) fn check(&self, body: &[u8]) -> Result<Request, Failure> {
        let check: Check = read(body)?;
        test_uuid(check.uuid.as_deref())?;
        Ok(Request::Authenticate {
            player: Some(checked("userId", PlayerId::parse(&check.user_id))?),
            token: SecretString::from(sid(check.sid)?),
            currency: None,
            game: None,
            exchange: if self.rules.check_replaces_sid { Exchange::Issue } else { Exchange::Keep },
        })
    }

    /// `sid`: a new one.
    pub(super) fn sid(&self, body: &[u8]) -> Result<Request, Failure> {
        let lifetime = self.rules.sid_lifetime.ok_or(Failure::UnknownOperation)?;
        let check: Check = read(body)?;
        test_uuid(check.uuid.as_deref())?;
        Ok(Request::Launch {
            player: checked("userId", PlayerId::parse(&check.user_id))?,
            lifetime,
        })
    }

    /// `balance`.
    pub(super) fn balance(&self, body: &[u8]) -> Result<Request, Failure> {
        let balance: Balance = read(body)?;
        test_uuid(balance.uuid.as_deref())?;
        let checks = Checks {
            session: self.rules.policy.session,
            token: Some(TokenHash::of(&sid(balance.sid)?)),
            currency: Some(checked("currency", Currency::parse(&balance.currency))?),
            active_only: false,
        };
        let player = checked("userId", PlayerId::parse(&balance.user_id))?;
        Ok(Request::Balance { player, checks, games: Vec::new(), echo: None })
    }

    /// `debit`: a bet.
    pub(super) fn debit(&self, body: &[u8]) -> Result<Request, Failure> {
        let Said { player, transaction, mut command, .. } = self.said(read(body)?)?;
        let action = Action::Debit(amount(&transaction.amount)?);
        command.movements = vec![Movement {
            tx_id: key("D", &transaction.ref_id)?,
            action,
            category: Category::Bet,
            detail: detail_of(&transaction),
        }];
        Ok(Request::Execute(Command { player, ..command }))
    }

    /// `credit`: the end of a bet or, game-wise, of a round.
    pub(super) fn credit(&self, body: &[u8]) -> Result<Request, Failure> {
        let said = self.said(read(body)?)?;
        let debit = key("D", &said.transaction.ref_id)?;
        let settles = (self.rules.settles == Settles::BetWise).then(|| debit.clone());
        let movement = Movement {
            tx_id: key("C", &said.transaction.ref_id)?,
            action: Action::Credit { amount: amount(&said.transaction.amount)?, settles },
            category: Category::Win,
            detail: detail_of(&said.transaction),
        };
        Ok(said.of_the_sids_player(debit, movement))
    }

    /// `cancel`: a bet that shall not have been. What it says of the amount is not looked at.
    pub(super) fn cancel(&self, body: &[u8]) -> Result<Request, Failure> {
        let said = self.said(read(body)?)?;
        amount(&said.transaction.amount)?;
        let debit = key("D", &said.transaction.ref_id)?;
        let movement = Movement {
            tx_id: key("X", &said.transaction.ref_id)?,
            action: Action::Reverse { target: debit.clone(), of: Reversible::Debit, at_most: None },
            category: Category::Bet,
            detail: detail_of(&said.transaction),
        };
        Ok(said.of_the_sids_player(debit, movement))
    }

    /// `promo_payout`: money beside the bets.
    pub(super) fn promo_payout(&self, body: &[u8]) -> Result<Request, Failure> {
        let payout: PromoPayout = read(body)?;
        test_uuid(payout.uuid.as_deref())?;
        let token = Some(TokenHash::of(&sid(payout.sid)?));
        let Object(promo) = payout.promo_transaction;
        let movement = Movement {
            tx_id: key("P", &promo.id)?,
            action: Action::credit(amount(&promo.amount)?),
            category: category(id("type", &promo.kind)?),
            detail: Some(campaign(&promo)),
        };
        Ok(Request::Execute(Command {
            provider: self.provider.clone(),
            player: checked("userId", PlayerId::parse(&payout.user_id))?,
            currency: Some(checked("currency", Currency::parse(&payout.currency))?),
            token,
            game: None,
            round: None,
            movements: vec![movement],
            policy: self.rules.policy.clone(),
            occurred_at: None,
        }))
    }

    /// What debit, credit and cancel have in common.
    fn said(&self, call: Move) -> Result<Said, Failure> {
        test_uuid(call.uuid.as_deref())?;
        let token = TokenHash::of(&sid(call.sid)?);
        let player = checked("userId", PlayerId::parse(&call.user_id))?;
        let (Object(game), Object(transaction)) = (call.game, call.transaction);
        id("transaction.id", &transaction.id)?;
        let command = Command {
            provider: self.provider.clone(),
            player: player.clone(),
            currency: Some(checked("currency", Currency::parse(&call.currency))?),
            token: Some(token),
            game: table(&game)?,
            round: Some(checked("game.id", RoundId::parse(&game.id))?),
            movements: Vec::new(),
            policy: self.rules.policy.clone(),
            occurred_at: None,
        };
        Ok(Said { player, token, transaction, command })
    }
}

/// A debit, a credit or a cancel, as far as they are alike.
struct Said {
    player: PlayerId,
    token: TokenHash,
    transaction: Transaction,
    command: Command,
}

impl Said {
    /// For calls whose sid may be over, but not somebody else's: whose it is, or else whose the bet
    /// is, must be the player that the call names.
    fn of_the_sids_player(self, debit: TxId, movement: Movement) -> Request {
        let Self { player, token, command, .. } = self;
        let command = Command { movements: vec![movement], ..command };
        let read = move |whose: PlayerId| {
            if whose == player {
                Ok(Request::Execute(command))
            } else {
                Err(Failure::Refused(Reason::SessionMismatch))
            }
        };
        Request::Unnamed(Unnamed { token, or_of: Some(debit), read: Box::new(read) })
    }
}

fn table(game: &Game) -> Result<Option<GameId>, Failure> {
    let details = game.details.as_ref().map(|Object(details)| details);
    let table = details.and_then(|details| details.table.as_ref()).map(|Object(table)| table);
    let id = table.and_then(|table| table.id.as_deref());
    id.map(|id| checked("game.details.table.id", GameId::parse(id))).transpose()
}

fn category(kind: &str) -> Category {
    match kind {
        "JackpotWin" => Category::Jackpot,
        "FreeRoundPlayableSpent"
        | "RewardGamePlayableSpent"
        | "RewardGameWinCapReached"
        | "RewardGameMinBetLimitReached" => Category::FreeRound,
        _ => Category::Promo,
    }
}

/// The type of a payout and what names its campaign, as written; nothing in it is an error.
fn campaign(promo: &PromoTransaction) -> Box<str> {
    let figure = |name: &str, value: &Option<Box<RawValue>>| {
        let text = value.as_ref().map(|value| value.get())?;
        (text.len() <= MAX_FIGURE_BYTES).then(|| format!(" {name}={text}"))
    };
    let figures = [
        figure("voucherId", &promo.voucher_id),
        figure("bonusConfigId", &promo.bonus_config_id),
        figure("rewardId", &promo.reward_id),
        figure("campaignId", &promo.campaign_id),
    ];
    let figures: String = figures.into_iter().flatten().collect();
    format!("type={}{figures}", promo.kind).into()
}

/// Keys are by bet, so the transaction's id is kept beside it.
fn detail_of(transaction: &Transaction) -> Option<Box<str>> {
    Some(format!("id={}", transaction.id).into())
}

// ---- Checks ----

fn read<'de, T: serde::Deserialize<'de>>(body: &'de [u8]) -> Result<T, Failure> {
    wire::parse(body).map_err(Failure::BadRequest)
}

fn checked<T, E: Display>(field: &str, value: Result<T, E>) -> Result<T, Failure> {
    value.map_err(|error| Failure::BadRequest(format!("{field}: {error}")))
}

/// From the digits as they are written, never by way of a float.
fn amount(number: &RawValue) -> Result<Amount, Failure> {
    checked("amount", Amount::parse_with_exponent(number.get(), 6))
}

fn key(kind: &str, text: &str) -> Result<TxId, Failure> {
    checked("id", TxId::parse(format!("{kind}:{}", id("id", text)?)))
}

fn id<'t>(field: &str, text: &'t str) -> Result<&'t str, Failure> {
    let wrong = match text {
        "" => "empty",
        _ if text.len() > MAX_ID_BYTES => "longer than 255 bytes",
        _ if text.chars().any(char::is_control) => "has a control character",
        _ => return Ok(text),
    };
    Err(Failure::BadRequest(format!("{field}: {wrong}")))
}

fn sid(text: String) -> Result<String, Failure> {
    match text.len() {
        0 => Err(Failure::BadRequest("sid: empty".to_owned())),
        1..=MAX_SID_BYTES => Ok(text),
        _ => Err(Failure::BadRequest("sid: longer than 250 bytes".to_owned())),
    }
}

fn test_uuid(uuid: Option<&str>) -> Result<(), Failure> {
    if uuid.is_some_and(|uuid| uuid.len() > MAX_UUID_BYTES) {
        return Err(Failure::BadRequest("uuid: longer than 100 bytes".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
