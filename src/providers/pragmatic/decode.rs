//! From a form to a command.

use secrecy::SecretString;

use super::settings::{FreeRounds, Settings};
use super::wire::Form;
use crate::core::policy::SessionRule;
use crate::core::{
    Action, Amount, Category, Command, Currency, GameId, Micros, Movement, PlayerId, Policy,
    ProviderId, Reversible, RoundId, TokenHash, TxId,
};
use crate::providers::adapter::{Checks, from_unix_ms};
use crate::providers::{Failure, RawCall, Request};

/// Decimals that an amount may have on this wire.
const DIGITS: u32 = 2;
/// The most bytes of what is kept of a provider's own words.
const DETAIL_MAX: usize = 65_536;
/// Keys that are made here begin with one of these; a reference must not.
const OWN_PREFIXES: [&str; 3] = ["refund:", "end:", "details:"];

/// What a call with a good hash says.
pub fn request(
    provider: &ProviderId,
    settings: &Settings,
    call: &RawCall<'_>,
) -> Result<Request, Failure> {
    let form = Form::parse(call.body)?;
    if let Some(name) = form.doubled() {
        return Err(Failure::BadRequest(format!("{name} is there twice")));
    }
    if form.need("providerId")? != settings.provider_id {
        return Err(Failure::BadRequest("providerId is not the one agreed".to_owned()));
    }
    let decoder = Decoder { provider, settings, form: &form };
    match call.operation.name {
        "authenticate" => decoder.authenticate(),
        "balance" => decoder.balance(Vec::new()),
        "GetBalancePerGame" => decoder.balance(decoder.game_list()?),
        "bet" => decoder.bet(),
        "result" => decoder.result(),
        "bonusWin" => decoder.bonus_win(),
        "jackpotWin" => decoder.jackpot_win(),
        "promoWin" => decoder.promo_win(),
        "refund" => decoder.refund(),
        "adjustment" => decoder.adjustment(),
        "endRound" => decoder.end_round(),
        "roundDetails" => decoder.round_details(),
        "sessionExpired" => decoder.session_expired(),
        _ => Err(Failure::UnknownOperation),
    }
}

struct Decoder<'a> {
    provider: &'a ProviderId,
    settings: &'a Settings,
    form: &'a Form<'a>,
}

impl Decoder<'_> {
    fn authenticate(&self) -> Result<Request, Failure> {
        let token = SecretString::from(self.form.need("token")?);
        Ok(Request::Authenticate { token, game: self.optional_game()? })
    }

    fn balance(&self, games: Vec<GameId>) -> Result<Request, Failure> {
        Ok(Request::Balance {
            player: self.player("userId")?,
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

    fn game_list(&self) -> Result<Vec<GameId>, Failure> {
        let list = self.form.need("gameIdList")?;
        list.split(',').map(|id| GameId::parse(id).map_err(bad("gameIdList"))).collect()
    }

    /// A stake. In the mode in which free rounds are paid as a total, one with a `bonusCode`
    /// is remembered and moves nothing.
    fn bet(&self) -> Result<Request, Failure> {
        let amount = self.amount("amount")?;
        let stake = if self.is_counted_later() { Amount::ZERO } else { amount };
        let detail = self.detail(&["bonusCode", "jackpotContribution", "jackpotId"])?;
        let movement = self.movement(Action::Debit(stake), Category::Bet, detail)?;
        self.execute(self.required_round()?, vec![movement])
    }

    /// A win, and perhaps a prize drop beside it, under its own key in the same command: the
    /// prize's reference is shared with `promoWin`, so that no prize is paid twice.
    fn result(&self) -> Result<Request, Failure> {
        let amount = self.amount("amount")?;
        let free = self.form.get("bonusCode")?.is_some();
        let win = if self.is_counted_later() { Amount::ZERO } else { amount };
        let category = if free { Category::FreeRound } else { Category::Win };
        let detail = self.detail(&["bonusCode"])?;
        let mut movements = vec![self.movement(Action::Credit(win), category, detail)?];
        if let Some(text) = self.form.get("promoWinAmount")? {
            let prize = Amount::parse(text, DIGITS).map_err(bad("promoWinAmount"))?;
            let reference = self.form.get("promoWinReference")?;
            match reference {
                Some(reference) => movements.push(Movement {
                    tx_id: self.reference(reference)?,
                    action: Action::Credit(prize),
                    category: Category::PrizeDrop,
                    detail: self.detail(&["promoCampaignID", "promoCampaignType"])?,
                }),
                None if prize == Amount::ZERO => {}
                None => {
                    let what = "promoWinReference is missing";
                    return Err(Failure::BadRequest(what.to_owned()));
                }
            }
        }
        self.execute(self.required_round()?, movements)
    }

    /// The end of free rounds: their total, which is money in one mode and a notice in the
    /// other.
    fn bonus_win(&self) -> Result<Request, Failure> {
        let amount = self.amount("amount")?;
        let action = match self.settings.free_rounds {
            FreeRounds::Total => Action::Credit(amount),
            FreeRounds::PerSpin => Action::Note(None),
        };
        let detail = self.detail(&["amount", "bonusCode", "requestId", "remainAmount"])?;
        let movement = self.movement(action, Category::FreeRound, detail)?;
        self.execute(self.optional_round()?, vec![movement])
    }

    /// The whole jackpot, progressive or not. Its round may be unknown here.
    fn jackpot_win(&self) -> Result<Request, Failure> {
        let amount = self.amount("amount")?;
        self.form.need("jackpotId")?;
        let detail = self.detail(&["jackpotId", "jackpotDetails"])?;
        let movement = self.movement(Action::Credit(amount), Category::Jackpot, detail)?;
        self.execute(self.required_round()?, vec![movement])
    }

    /// A campaign's prize: the player may be offline, and this call alone names a currency.
    fn promo_win(&self) -> Result<Request, Failure> {
        let amount = self.amount("amount")?;
        self.form.need("campaignId")?;
        self.form.need("campaignType")?;
        let currency = Currency::parse(self.form.need("currency")?).map_err(bad("currency"))?;
        let detail = self.detail(&["campaignId", "campaignType", "dataType"])?;
        let movement = self.movement(Action::Credit(amount), Category::Promo, detail)?;
        let mut command = self.command(self.optional_round()?, vec![movement])?;
        command.currency = Some(currency);
        Ok(Request::Execute(command))
    }

    /// The cancellation of one bet, under the bet's own reference.
    fn refund(&self) -> Result<Request, Failure> {
        let target = self.reference(self.form.need("reference")?)?;
        let at_most = match self.form.get("amount")? {
            Some(text) => Some(Amount::parse(text, DIGITS).map_err(bad("amount"))?),
            None => None,
        };
        let movement = Movement {
            tx_id: TxId::parse(format!("refund:{target}")).map_err(bad("reference"))?,
            action: Action::Reverse { target, of: Reversible::Debit, at_most },
            category: Category::Bet,
            detail: self.detail(&["bonusCode"])?,
        };
        self.execute(self.optional_round()?, vec![movement])
    }

    /// A live table's correction, either way. It is decided without a session.
    fn adjustment(&self) -> Result<Request, Failure> {
        let amount = Micros::parse(self.form.need("amount")?, DIGITS).map_err(bad("amount"))?;
        if let Some(text) = self.form.get("validBetAmount")? {
            Amount::parse(text, DIGITS).map_err(bad("validBetAmount"))?;
        }
        let detail = self.detail(&["validBetAmount"])?;
        let movement = self.movement(Action::Adjust(amount), Category::Adjustment, detail)?;
        self.execute(self.required_round()?, vec![movement])
    }

    /// Has no reference: the round itself is the key. `win` is information and never booked.
    fn end_round(&self) -> Result<Request, Failure> {
        let round = self.required_round()?;
        let (player, game) = (self.player("userId")?, self.form.need("gameId")?);
        let key = format!("end:{player}:{game}:{}", self.form.need("roundId")?);
        let movement = Movement {
            tx_id: TxId::parse(key).map_err(bad("roundId"))?,
            action: Action::Note(None),
            category: Category::RoundEnd,
            detail: self.detail(&["win", "bonusCode"])?,
        };
        self.execute(round, vec![movement])
    }

    fn round_details(&self) -> Result<Request, Failure> {
        let player = self.player("userId")?;
        let key = format!("details:{player}:{}", self.form.need("roundId")?);
        for name in ["smResult", "gameCategory", "betMultiplier"] {
            self.form.need(name)?;
        }
        let movement = Movement {
            tx_id: TxId::parse(key).map_err(bad("roundId"))?,
            action: Action::Note(None),
            category: Category::RoundDetails,
            detail: self.detail(&["gameCategory", "betMultiplier", "smResult"])?,
        };
        let round = RoundId::parse(self.form.need("roundId")?).map_err(bad("roundId"))?;
        self.execute((Some(round), None), vec![movement])
    }

    /// Says `playerId` where every other call says `userId`.
    fn session_expired(&self) -> Result<Request, Failure> {
        self.form.need("sessionId")?;
        Ok(Request::Acknowledge { player: self.player("playerId")? })
    }

    // ---- Parts ----

    fn execute(
        &self,
        place: (Option<RoundId>, Option<GameId>),
        movements: Vec<Movement>,
    ) -> Result<Request, Failure> {
        Ok(Request::Execute(self.command(place, movements)?))
    }

    fn command(
        &self,
        (round, game): (Option<RoundId>, Option<GameId>),
        movements: Vec<Movement>,
    ) -> Result<Command, Failure> {
        let is_bet = movements.iter().any(|m| matches!(m.action, Action::Debit(_)));
        let token = if is_bet { self.form.get("token")? } else { None };
        Ok(Command {
            provider: self.provider.clone(),
            player: self.player("userId")?,
            currency: None,
            token: token.map(TokenHash::of),
            game,
            round,
            movements,
            policy: self.policy(),
            occurred_at: self.timestamp()?,
        })
    }

    fn policy(&self) -> Policy {
        self.settings.policy()
    }

    fn movement(
        &self,
        action: Action,
        category: Category,
        detail: Option<Box<str>>,
    ) -> Result<Movement, Failure> {
        self.form.need("timestamp")?;
        let tx_id = self.reference(self.form.need("reference")?)?;
        Ok(Movement { tx_id, action, category, detail })
    }

    fn reference(&self, text: &str) -> Result<TxId, Failure> {
        let too_long = text.len() > 255;
        if too_long || OWN_PREFIXES.iter().any(|prefix| text.starts_with(prefix)) {
            return Err(Failure::BadRequest("reference is too long or not allowed".to_owned()));
        }
        TxId::parse(text).map_err(bad("reference"))
    }

    /// True for a free round's bet or result whose money comes with `bonusWin`.
    fn is_counted_later(&self) -> bool {
        self.settings.free_rounds == FreeRounds::Total
            && matches!(self.form.get("bonusCode"), Ok(Some(_)))
    }

    fn player(&self, name: &str) -> Result<PlayerId, Failure> {
        PlayerId::parse(self.form.need(name)?).map_err(bad(name))
    }

    fn optional_game(&self) -> Result<Option<GameId>, Failure> {
        self.form.get("gameId")?.map(GameId::parse).transpose().map_err(bad("gameId"))
    }

    fn required_round(&self) -> Result<(Option<RoundId>, Option<GameId>), Failure> {
        self.form.need("roundId")?;
        self.form.need("gameId")?;
        self.optional_round()
    }

    fn optional_round(&self) -> Result<(Option<RoundId>, Option<GameId>), Failure> {
        let round = self.form.get("roundId")?.map(RoundId::parse).transpose();
        Ok((round.map_err(bad("roundId"))?, self.optional_game()?))
    }

    fn amount(&self, name: &str) -> Result<Amount, Failure> {
        Amount::parse(self.form.need(name)?, DIGITS).map_err(bad(name))
    }

    fn timestamp(&self) -> Result<Option<chrono::DateTime<chrono::Utc>>, Failure> {
        let Some(text) = self.form.get("timestamp")? else { return Ok(None) };
        let ms = text.parse::<i64>().ok().and_then(from_unix_ms);
        ms.map(Some).ok_or_else(|| Failure::BadRequest("timestamp is no time".to_owned()))
    }

    /// What is kept of the call beside the money: `name=value`, as far as it is there.
    fn detail(&self, names: &[&str]) -> Result<Option<Box<str>>, Failure> {
        let mut text = String::new();
        for name in names {
            if let Some(value) = self.form.get(name)? {
                if !text.is_empty() {
                    text.push('&');
                }
                text.push_str(name);
                text.push('=');
                text.push_str(value);
            }
        }
        if text.len() > DETAIL_MAX || text.contains('\0') {
            return Err(Failure::BadRequest("a parameter is too long or has a NUL".to_owned()));
        }
        Ok((!text.is_empty()).then(|| text.into_boxed_str()))
    }
}

/// Turns a parser's error into one that names the parameter.
fn bad<E: std::fmt::Display>(name: &str) -> impl FnOnce(E) -> Failure {
    move |error| Failure::BadRequest(format!("{name}: {error}"))
}
