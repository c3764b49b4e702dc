//! Calls into the core's words.

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::Pragmatic;
use super::settings::FreeRounds;
use super::wire::{Form, bad};
use crate::core::money::AmountError;
use crate::core::policy::SessionRule;
use crate::core::{
    Action, Amount, Category, Checks, Command, Currency, Exchange, GameId, Micros, Movement,
    PlayerId, Reversible, RoundId, TokenHash, TxId,
};
use crate::providers::adapter::from_unix_ms;
use crate::providers::{Failure, Operation, Request};

/// Decimals that an amount may have.
const DIGITS: u32 = 2;
/// The most bytes of a reference.
pub(super) const MAX_REFERENCE_BYTES: usize = 255;
/// The most bytes of what is kept of the provider's own words.
const MAX_DETAIL_BYTES: usize = 65_536;
/// The most games of one `GetBalancePerGame`.
const MAX_GAMES: usize = 1000;

impl Pragmatic {
    /// What a call with a good hash says.
    pub(super) fn request(
        &self,
        operation: &'static Operation,
        form: &Form<'_>,
    ) -> Result<Request, Failure> {
        form.refuse_doubled()?;
        if form.need("providerId")? != self.settings.provider_id {
            return Err(bad("providerId", "not the one agreed"));
        }
        let call = Call { adapter: self, form };
        match operation.name {
            "authenticate" => call.authenticate(),
            "balance" => call.balance(Vec::new()),
            "GetBalancePerGame" => call.balance(call.games()?),
            "bet" => call.bet(),
            "result" => call.result(),
            "bonusWin" => call.bonus_win(),
            "jackpotWin" => call.jackpot_win(),
            "promoWin" => call.promo_win(),
            "refund" => call.refund(),
            "adjustment" => call.adjustment(),
            "endRound" => call.end_round(),
            "roundDetails" => call.round_details(),
            "sessionExpired" => call.session_expired(),
            _ => Err(Failure::UnknownOperation),
        }
    }
}

/// One call on its way.
struct Call<'a> {
    adapter: &'a Pragmatic,
    form: &'a Form<'a>,
}

/// The round and the game of a call.
type Place = (Option<RoundId>, Option<GameId>);

impl Call<'_> {
    fn authenticate(&self) -> Result<Request, Failure> {
        let token = SecretString::from(self.form.need("token")?);
        let game = self.form.read_any("gameId", GameId::parse)?;
        Ok(Request::Authenticate {
            token,
            player: None,
            currency: None,
            game,
            exchange: Exchange::Keep,
        })
    }

    fn balance(&self, games: Vec<GameId>) -> Result<Request, Failure> {
        Ok(Request::Balance {
            player: self.form.read("userId", PlayerId::parse)?,
            checks: Checks {
                session: SessionRule::ValidIfGiven,
                token: self.form.get("token")?.map(TokenHash::of),
                currency: None,
                active_only: true,
            },
            games,
            echo: None,
        })
    }

    fn games(&self) -> Result<Vec<GameId>, Failure> {
        let games: Vec<GameId> = self.form.read("gameIdList", |list| {
            list.split(',').map(str::trim).map(GameId::parse).collect::<Result<_, _>>()
        })?;
        if games.len() > MAX_GAMES {
            return Err(bad("gameIdList", "more than 1000 games"));
        }
        Ok(games)
    }

    fn bet(&self) -> Result<Request, Failure> {
        let (stake, kept) = self.due(&["bonusCode", "jackpotId", "jackpotContribution"])?;
        let bet = self.movement(Action::Debit(stake), Category::Bet, kept)?;
        self.execute(self.round()?, vec![bet])
    }

    /// A win, and perhaps a prize beside it, in one command.
    fn result(&self) -> Result<Request, Failure> {
        let (win, kept) = self.due(&["bonusCode"])?;
        let is_free = self.form.has("bonusCode");
        let category = if is_free { Category::FreeRound } else { Category::Win };
        let win = self.movement(Action::credit(win), category, kept)?;
        let prize = self.prize(&win.tx_id)?;
        self.execute(self.round()?, [win].into_iter().chain(prize).collect())
    }

    /// The prize that fell into a round. Its reference is a key that a `promoWin` of the same
    /// prize meets, so that no prize is paid twice; one without a reference of its own gets a
    /// key made of the result's.
    fn prize(&self, result: &TxId) -> Result<Option<Movement>, Failure> {
        let prize = self.form.read_any("promoWinAmount", amount)?.unwrap_or(Amount::ZERO);
        if prize == Amount::ZERO {
            return Ok(None);
        }
        let named = self.form.read_any("promoWinReference", reference)?;
        let tx_id = match named.filter(|named| named != result) {
            Some(named) => named,
            None => own_key("promoWinReference", &format!("~prize:{result}"))?,
        };
        Ok(Some(Movement {
            tx_id,
            action: Action::credit(prize),
            category: Category::PrizeDrop,
            detail: self.detail(&["promoCampaignID", "promoCampaignType"])?,
        }))
    }

    /// The end of free rounds with their total: money or a notice, as agreed.
    fn bonus_win(&self) -> Result<Request, Failure> {
        let total = self.form.read("amount", amount)?;
        let action = match self.adapter.settings.free_rounds {
            FreeRounds::Total => Action::credit(total),
            FreeRounds::PerSpin => Action::Note(None),
        };
        let kept = &["bonusCode", "requestId", "remainAmount", "amount"];
        let movement = self.movement(action, Category::FreeRound, kept)?;
        self.execute(self.last_round()?, vec![movement])
    }

    /// The whole jackpot, progressive or not. Its round may be unknown here.
    fn jackpot_win(&self) -> Result<Request, Failure> {
        let win = self.form.read("amount", amount)?;
        self.form.need("jackpotId")?;
        let kept = &["jackpotId", "jackpotDetails"];
        let win = self.movement(Action::credit(win), Category::Jackpot, kept)?;
        self.execute(self.round()?, vec![win])
    }

    /// A campaign's prize: the player may be offline, and this call alone names a currency.
    fn promo_win(&self) -> Result<Request, Failure> {
        let prize = self.form.read("amount", amount)?;
        self.form.need("campaignId")?;
        let types = self.form.need("campaignType")?;
        let noted = &self.adapter.settings.noted_campaigns;
        let is_noted = types.split(',').any(|kind| noted.iter().any(|noted| noted == kind));
        let action = if is_noted { Action::Note(None) } else { Action::credit(prize) };
        let kept = &["campaignId", "campaignType", "dataType", "amount"];
        let prize = self.movement(action, Category::Promo, kept)?;
        let mut command = self.command(self.last_round()?, vec![prize])?;
        command.currency = Some(self.form.read("currency", Currency::parse)?);
        Ok(Request::Execute(command))
    }

    /// The cancellation of one bet, under the bet's own reference.
    fn refund(&self) -> Result<Request, Failure> {
        let target = self.form.read("reference", reference)?;
        let movement = Movement {
            tx_id: own_key("reference", &format!("~refund:{target}"))?,
            action: Action::Reverse {
                target,
                of: Reversible::Debit,
                at_most: self.form.read_any("amount", amount)?,
            },
            category: Category::Bet,
            detail: self.detail(&["bonusCode"])?,
        };
        self.execute(self.last_round()?, vec![movement])
    }

    /// A live table's correction, either way.
    fn adjustment(&self) -> Result<Request, Failure> {
        let change = self.form.read("amount", |text| Micros::parse_with_exponent(text, DIGITS))?;
        let kept = &["validBetAmount"];
        let correction = self.movement(Action::Adjust(change), Category::Adjustment, kept)?;
        self.execute(self.round()?, vec![correction])
    }

    /// Has no reference: the player, the game and the round are the key. `win` is information
    /// and never booked.
    fn end_round(&self) -> Result<Request, Failure> {
        let player = self.form.need("userId")?;
        let (game, round) = (self.form.need("gameId")?, self.form.need("roundId")?);
        let key = format!("~end:{}:{player}:{}:{game}:{round}", player.len(), game.len());
        let movement = Movement {
            tx_id: own_key("roundId", &key)?,
            action: Action::Note(None),
            category: Category::RoundEnd,
            detail: self.detail(&["bonusCode", "win"])?,
        };
        self.execute(self.round()?, vec![movement])
    }

    fn round_details(&self) -> Result<Request, Failure> {
        let (player, round) = (self.form.need("userId")?, self.form.need("roundId")?);
        for name in ["smResult", "gameCategory", "betMultiplier"] {
            self.form.need(name)?;
        }
        let movement = Movement {
            tx_id: own_key("roundId", &format!("~details:{}:{player}:{round}", player.len()))?,
            action: Action::Note(None),
            category: Category::RoundDetails,
            detail: self.detail(&["gameCategory", "betMultiplier", "smResult"])?,
        };
        self.execute(self.last_round()?, vec![movement])
    }

    /// Says `playerId` where every other call says `userId`.
    fn session_expired(&self) -> Result<Request, Failure> {
        self.form.need("sessionId")?;
        Ok(Request::Acknowledge { player: self.form.read("playerId", PlayerId::parse)? })
    }

    // ---- Parts ----

    /// The amount that a bet or a result moves now, and what to keep of it. A free round that
    /// is paid with `bonusWin` moves nothing; its amount is kept.
    fn due<'n>(&self, kept: &'n [&'n str]) -> Result<(Amount, &'n [&'n str]), Failure> {
        let amount = self.form.read("amount", amount)?;
        let paid_as_total = self.adapter.settings.free_rounds == FreeRounds::Total;
        if paid_as_total && self.form.has("bonusCode") {
            return Ok((Amount::ZERO, &["bonusCode", "amount"]));
        }
        Ok((amount, kept))
    }

    fn execute(&self, place: Place, movements: Vec<Movement>) -> Result<Request, Failure> {
        Ok(Request::Execute(self.command(place, movements)?))
    }

    fn command(&self, (round, game): Place, movements: Vec<Movement>) -> Result<Command, Failure> {
        let is_bet = movements.iter().any(|m| matches!(m.action, Action::Debit(_)));
        Ok(Command {
            provider: self.adapter.provider.clone(),
            player: self.form.read("userId", PlayerId::parse)?,
            currency: None,
            token: if is_bet { self.form.get("token")?.map(TokenHash::of) } else { None },
            game,
            round,
            movements,
            policy: self.adapter.policy.clone(),
            occurred_at: self.form.read_any("timestamp", timestamp)?,
        })
    }

    /// A movement of a call that has a reference; such a call has a time, too.
    fn movement(
        &self,
        action: Action,
        category: Category,
        kept: &[&str],
    ) -> Result<Movement, Failure> {
        self.form.need("timestamp")?;
        let tx_id = self.form.read("reference", reference)?;
        Ok(Movement { tx_id, action, category, detail: self.detail(kept)? })
    }

    /// The round and the game, which have to be there.
    fn round(&self) -> Result<Place, Failure> {
        let round = self.form.read("roundId", RoundId::parse)?;
        Ok((Some(round), Some(self.form.read("gameId", GameId::parse)?)))
    }

    /// The round and the game, as far as they are there.
    fn last_round(&self) -> Result<Place, Failure> {
        let round = self.form.read_any("roundId", RoundId::parse)?;
        Ok((round, self.form.read_any("gameId", GameId::parse)?))
    }

    /// What is kept of the call beside the money: `name=value`, as far as it is there, and as text
    /// whatever it is: no win is refused for words beside it.
    fn detail(&self, names: &[&str]) -> Result<Option<Box<str>>, Failure> {
        let mut text = String::new();
        for name in names {
            if let Some(value) = self.form.words(name) {
                let and = if text.is_empty() { "" } else { "&" };
                text.extend([and, name, "=", &value]);
            }
        }
        if text.len() > MAX_DETAIL_BYTES || text.contains('\0') {
            return Err(bad(&names.join(", "), "too long, or with a NUL"));
        }
        Ok((!text.is_empty()).then(|| text.into_boxed_str()))
    }
}

/// The provider may write ten millions as `1.0E7`.
pub(super) fn amount(text: &str) -> Result<Amount, AmountError> {
    Amount::parse_with_exponent(text, DIGITS)
}

fn timestamp(text: &str) -> Result<DateTime<Utc>, &'static str> {
    text.parse().ok().and_then(from_unix_ms).ok_or("no time in milliseconds since 1970")
}

// ---- Keys ----
//
// The key of a movement is its reference as sent. Keys of our own making begin with one tilde
// and a letter, so a reference that begins with a tilde gets a second one: no two things share
// a key, and no reference is refused for its spelling.

fn reference(text: &str) -> Result<TxId, String> {
    if text.len() > MAX_REFERENCE_BYTES {
        return Err(format!("longer than {MAX_REFERENCE_BYTES} bytes"));
    }
    let escape = if text.starts_with('~') { "~" } else { "" };
    TxId::parse(format!("{escape}{text}")).map_err(|error| error.to_string())
}

fn own_key(name: &str, key: &str) -> Result<TxId, Failure> {
    TxId::parse(key).map_err(|error| bad(name, error))
}

#[cfg(test)]
mod tests;
