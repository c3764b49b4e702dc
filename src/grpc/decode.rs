//! What a client says, as a core command. Pure; every field that is at fault is named at once.

use std::fmt;

use chrono::{DateTime, Utc};
use prost::UnknownEnumValue;
use prost_types::Timestamp;
use tonic_types::FieldViolation;

use super::proto::{self, movement};
use super::refusal::Refusal;
use crate::core::policy::{
    CreditAfterReversal, CreditWithoutDebit, FundsTest, LateOriginal, ReversalAfterSettlement,
    SessionRule,
};
use crate::core::{
    Action, Amount, Category, Checks, Command, Currency, GameId, Micros, Movement, PlayerId,
    Policy, ProviderId, Reversible, RoundId, TokenHash, TxId,
};

/// The most movements of one command.
const MAX_MOVEMENTS: usize = 64;
/// The longest detail of a movement, in bytes.
const MAX_DETAIL: usize = 1000;
/// From the year 1 to the year 9999, as a `Timestamp` is defined.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// Collects every field that is at fault.
#[derive(Default)]
pub struct Faults(Vec<FieldViolation>);

impl Faults {
    fn note(&mut self, field: impl Into<String>, what: impl fmt::Display) {
        self.0.push(FieldViolation::new(field, what.to_string()));
    }

    /// The value, or a note of what is wrong with it.
    pub fn check<T, E: fmt::Display>(
        &mut self,
        field: impl Into<String>,
        value: Result<T, E>,
    ) -> Option<T> {
        value.map_err(|error| self.note(field, error)).ok()
    }

    /// As [`Self::check`], for a text that may be empty, which is no fault.
    pub fn check_given<'a, T, E: fmt::Display>(
        &mut self,
        field: &str,
        text: &'a str,
        parse: impl FnOnce(&'a str) -> Result<T, E>,
    ) -> Option<T> {
        given(text).and_then(|text| self.check(field, parse(text)))
    }

    /// What a number means; `None` where it means nothing.
    fn choice<T: TryFrom<i32, Error = UnknownEnumValue>>(
        &mut self,
        field: impl Into<String>,
        number: i32,
    ) -> Option<T> {
        self.check(field, T::try_from(number))
    }

    /// What was noted, as a refusal.
    pub fn refusal(self) -> Refusal {
        Refusal::Invalid(self.0)
    }
}

/// A text, unless it is empty, which is how a field is left out.
pub fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// What must hold before a balance is told.
///
/// # Errors
/// [`Refusal::Invalid`].
pub fn balance(request: &proto::BalanceRequest) -> Result<(PlayerId, Checks), Refusal> {
    let mut faults = Faults::default();
    let player = faults.check("player_id", PlayerId::parse(&request.player_id));
    let currency = faults.check_given("currency", &request.currency, Currency::parse);
    let token = given(&request.session_token).map(TokenHash::of);
    match player {
        Some(player) if faults.0.is_empty() => Ok((
            player,
            Checks { session: SessionRule::ValidIfGiven, token, currency, active_only: false },
        )),
        _ => Err(faults.refusal()),
    }
}

/// A command of this client; what it leaves open goes by `usual`.
///
/// # Errors
/// [`Refusal::Invalid`].
pub fn command(
    request: &proto::ExecuteRequest,
    client: &ProviderId,
    usual: &Policy,
) -> Result<Command, Refusal> {
    let mut faults = Faults::default();
    let player = faults.check("player_id", PlayerId::parse(&request.player_id));
    let currency = faults.check("currency", Currency::parse(&request.currency));
    let game = faults.check_given("game_id", &request.game_id, GameId::parse);
    let round = faults.check_given("round_id", &request.round_id, RoundId::parse);
    let occurred_at = request.occurred_at.and_then(|at| faults.check("occurred_at", moment(at)));
    let policy = policy(&request.policy.unwrap_or_default(), usual, &mut faults);
    let movements = movements(&request.movements, &mut faults);
    let needs_round = movements.iter().any(|movement| movement.category.settles_a_round())
        && policy.credit_without_debit != CreditWithoutDebit::Pay;
    if needs_round && request.round_id.is_empty() {
        faults.note("round_id", "a win or a correction needs one, unless it is paid without debit");
    }
    match player.zip(currency) {
        Some((player, currency)) if faults.0.is_empty() => Ok(Command {
            provider: client.clone(),
            player,
            currency: Some(currency),
            token: given(&request.session_token).map(TokenHash::of),
            game,
            round,
            movements,
            policy,
            occurred_at,
        }),
        _ => Err(faults.refusal()),
    }
}

fn moment(at: Timestamp) -> Result<DateTime<Utc>, &'static str> {
    let nanos = u32::try_from(at.nanos).ok().filter(|_| SECONDS.contains(&at.seconds));
    nanos
        .and_then(|nanos| DateTime::from_timestamp(at.seconds, nanos))
        .ok_or("not a moment between the years 1 and 9999")
}

fn movements(said: &[proto::Movement], faults: &mut Faults) -> Vec<Movement> {
    if !(1..=MAX_MOVEMENTS).contains(&said.len()) {
        faults.note("movements", format!("must be 1 to {MAX_MOVEMENTS}"));
        return Vec::new();
    }
    let read = |(place, said)| movement(&format!("movements[{place}]"), said, faults);
    said.iter().enumerate().filter_map(read).collect()
}

fn movement(at: &str, said: &proto::Movement, faults: &mut Faults) -> Option<Movement> {
    let tx_id = faults.check(format!("{at}.tx_id"), TxId::parse(&said.tx_id));
    let understood = match &said.action {
        Some(movement::Action::Debit(debit)) => {
            amount(&format!("{at}.debit.amount_micros"), debit.amount_micros, faults)
                .map(Action::Debit)
                .zip(debit_category(&format!("{at}.debit.category"), debit.category, faults))
        }
        Some(movement::Action::Credit(credit)) => {
            amount(&format!("{at}.credit.amount_micros"), credit.amount_micros, faults)
                .map(Action::credit)
                .zip(credit_category(&format!("{at}.credit.category"), credit.category, faults))
        }
        // What it undoes says which category it is.
        Some(movement::Action::Reverse(said)) => {
            reverse(at, said, faults).map(|action| (action, Category::Bet))
        }
        Some(movement::Action::Adjust(said)) => {
            let field = format!("{at}.adjust.amount_micros");
            amount(&field, said.amount_micros.saturating_abs(), faults)
                .map(|_| (Action::Adjust(Micros::new(said.amount_micros)), Category::Adjustment))
        }
        None => {
            faults.note(format!("{at}.action"), "must be debit, credit, reverse or adjust");
            None
        }
    };
    if said.detail.len() > MAX_DETAIL || said.detail.contains('\0') {
        let what = format!("must have at most {MAX_DETAIL} bytes, and no NUL among them");
        faults.note(format!("{at}.detail"), what);
    }
    let (action, category) = understood?;
    Some(Movement { tx_id: tx_id?, action, category, detail: given(&said.detail).map(Box::from) })
}

fn amount(field: &str, micros: i64, faults: &mut Faults) -> Option<Amount> {
    faults.check(field, Amount::try_from(Micros::new(micros)))
}

fn reverse(at: &str, said: &proto::Reverse, faults: &mut Faults) -> Option<Action> {
    let target =
        faults.check(format!("{at}.reverse.target_tx_id"), TxId::parse(&said.target_tx_id));
    let of = match faults.choice(format!("{at}.reverse.of"), said.of) {
        Some(proto::Reversible::Unspecified | proto::Reversible::Debit) => Some(Reversible::Debit),
        Some(proto::Reversible::Credit) => Some(Reversible::Credit),
        Some(proto::Reversible::Any) => Some(Reversible::Any),
        None => None,
    };
    let field = format!("{at}.reverse.at_most_micros");
    let at_most = said.at_most_micros.map(|micros| amount(&field, micros, faults));
    let at_most = at_most.map_or(Some(None), |limit| limit.map(Some));
    Some(Action::Reverse { target: target?, of: of?, at_most: at_most? })
}

fn debit_category(field: &str, number: i32, faults: &mut Faults) -> Option<Category> {
    match faults.choice(field, number)? {
        proto::Category::Unspecified | proto::Category::Bet => Some(Category::Bet),
        proto::Category::Tip => Some(Category::Tip),
        _ => {
            faults.note(field, "a debit is a BET or a TIP");
            None
        }
    }
}

fn credit_category(field: &str, number: i32, faults: &mut Faults) -> Option<Category> {
    match faults.choice(field, number)? {
        proto::Category::Unspecified | proto::Category::Win => Some(Category::Win),
        proto::Category::Jackpot => Some(Category::Jackpot),
        proto::Category::Promo => Some(Category::Promo),
        proto::Category::PrizeDrop => Some(Category::PrizeDrop),
        proto::Category::FreeRound => Some(Category::FreeRound),
        proto::Category::Bet | proto::Category::Tip | proto::Category::Adjustment => {
            faults.note(field, "a credit is a WIN, JACKPOT, PROMO, PRIZE_DROP or FREE_ROUND");
            None
        }
    }
}

/// The usual policy with what the command says otherwise.
fn policy(said: &proto::Policy, usual: &Policy, faults: &mut Faults) -> Policy {
    use proto::CreditAfterReversal as AfterReversal;
    use proto::CreditWithoutDebit as WithoutDebit;
    use proto::ReversalAfterSettlement as AfterSettlement;
    let mut policy = usual.clone();
    match faults.choice("policy.session", said.session) {
        Some(proto::SessionRule::Ignore) => policy.session = SessionRule::Ignore,
        Some(proto::SessionRule::ValidIfGiven) => policy.session = SessionRule::ValidIfGiven,
        Some(proto::SessionRule::Required) => policy.session = SessionRule::Required,
        Some(proto::SessionRule::Unspecified) | None => {}
    }
    match faults.choice("policy.funds", said.funds) {
        Some(proto::FundsTest::Gross) => policy.funds = FundsTest::Gross,
        Some(proto::FundsTest::InOrder) => policy.funds = FundsTest::InOrder,
        Some(proto::FundsTest::Unspecified) | None => {}
    }
    match faults.choice("policy.credit_without_debit", said.credit_without_debit) {
        Some(WithoutDebit::Pay) => policy.credit_without_debit = CreditWithoutDebit::Pay,
        Some(WithoutDebit::Refuse) => policy.credit_without_debit = CreditWithoutDebit::Refuse,
        // The usual one says for how long.
        Some(WithoutDebit::Park | WithoutDebit::Unspecified) | None => {}
    }
    match faults.choice("policy.credit_after_reversal", said.credit_after_reversal) {
        Some(AfterReversal::Pay) => policy.credit_after_reversal = CreditAfterReversal::Pay,
        Some(AfterReversal::Refuse) => policy.credit_after_reversal = CreditAfterReversal::Refuse,
        Some(AfterReversal::Unspecified) | None => {}
    }
    match faults.choice("policy.late_original", said.late_original) {
        Some(proto::LateOriginal::Succeed) => policy.late_original = LateOriginal::Succeed,
        Some(proto::LateOriginal::Refuse) => policy.late_original = LateOriginal::Refuse,
        Some(proto::LateOriginal::Unspecified) | None => {}
    }
    let settled = &mut policy.reversal_after_settlement;
    match faults.choice("policy.reversal_after_settlement", said.reversal_after_settlement) {
        Some(AfterSettlement::Allow) => *settled = ReversalAfterSettlement::Allow,
        Some(AfterSettlement::Refuse) => *settled = ReversalAfterSettlement::Refuse,
        Some(AfterSettlement::NoEffect) => *settled = ReversalAfterSettlement::NoEffect,
        Some(AfterSettlement::Unspecified) | None => {}
    }
    policy
}
