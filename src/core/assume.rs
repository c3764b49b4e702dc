//! The usual, taken for granted: what commands come to if nothing stands against them, and what has
//! to hold of the wallet, the sessions, the games and the rounds for that to be true.
//!
//! The decision is made by [`decide`] on a wallet that is as wallets usually are. It holds for
//! every wallet that lies within the [`Bounds`], counted from where that wallet really stands. A
//! refusal is never assumed: whoever is refused has a right to be refused for what is.

use super::command::{Action, Attempt, Command, Movement};
use super::decide::{Decision, decide};
use super::history::{GameState, History, RoundFacts, SessionFact, Standing, WalletState};
use super::ids::{Currency, GameId, PlayerId, ProviderId, RoundId, TokenHash, TxId};
use super::money::{Amount, Micros};
use super::outcome::{Outcome, Receipt};
use super::policy::{FundsTest, SessionRule, Settlement};
use super::row::PlayerStatus;

/// What a player's commands come to on a wallet that nothing is known of.
#[derive(Clone, Debug)]
pub struct Assumed {
    /// The wallet that was assumed.
    pub start: WalletState,
    /// One for each command, in order, counted from `start`.
    pub decisions: Vec<Decision>,
    /// What must hold of the wallet.
    pub bounds: Bounds,
    /// What must hold beside the wallet: one for each command, in order.
    pub conditions: Vec<Conditions>,
}

/// Within these bounds every wallet gives the same decisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The lowest that the balance comes to, counted from the start: zero or below.
    pub lowest: Micros,
    /// The highest that it comes to: zero or above.
    pub highest: Micros,
    /// The largest stake.
    pub largest_stake: Micros,
    /// The currency that the commands name, where they do.
    pub currency: Option<Currency>,
}

/// What must hold for one command beside its wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// Whose command it is.
    pub provider: ProviderId,
    /// Nothing may be remembered under these keys.
    pub keys: Vec<TxId>,
    /// The session of this token must be valid.
    pub token: Option<TokenHash>,
    /// This game must take stakes.
    pub game: Option<GameId>,
    /// A stake of this round must stand. This is judged by the past, so nothing of the player's
    /// may be decided between the look at it and the write.
    pub round: Option<RoundId>,
    /// So must the debits be that its credits name. This is judged by the past, too.
    pub debits: Vec<NamedDebit>,
}

/// What must hold of a debit that a credit names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedDebit {
    /// Its key.
    pub tx_id: TxId,
    /// It is the player's, and it stands.
    pub stands: bool,
    /// No credit that names it was ever paid.
    pub unpaid: bool,
}

impl Conditions {
    /// True when nothing is asked of sessions, games and rounds.
    pub const fn are_of_the_ledger(&self) -> bool {
        self.token.is_none() && self.game.is_none() && self.round.is_none()
    }

    /// True when the past decides.
    pub const fn are_judged(&self) -> bool {
        self.round.is_some() || !self.debits.is_empty()
    }
}

impl Bounds {
    /// True when the decisions hold for this wallet.
    pub fn hold_for(&self, wallet: &WalletState) -> bool {
        let lowest = wallet.balance.checked_add(self.lowest);
        let highest = wallet.balance.checked_add(self.highest);
        wallet.status == PlayerStatus::Active
            && lowest.is_some_and(|balance| !balance.is_negative())
            && highest.is_some_and(|balance| balance <= Amount::MAX.micros())
            && wallet.bet_limit.is_none_or(|limit| self.largest_stake <= limit.micros())
            && self.currency.as_ref().is_none_or(|named| *named == wallet.currency)
    }
}

/// Assumes the usual for the commands of one player, in the order of their arrival. `None` where
/// one of them has to be judged by what was before: it reverses or corrects something, repeats
/// another, or is refused even so.
pub fn assume(attempts: &[&Attempt]) -> Option<Assumed> {
    let currency = named_currency(attempts)?;
    let player = &attempts.first()?.command.player;
    let start = usual_wallet(player, currency.as_ref())?;
    let assumed = fold(start, currency, None, attempts)?;
    let all = assumed.decisions.iter().zip(attempts);
    all.into_iter().all(|(decision, attempt)| is_the_usual(decision, attempt)).then_some(assumed)
}

/// As [`assume`], but on a wallet that is known. Here a command may be refused, too, if the
/// refusal is remembered; the rest is still assumed.
pub fn assume_on(wallet: &WalletState, attempts: &[&Attempt]) -> Option<Assumed> {
    let assumed = fold(wallet.clone(), None, None, attempts)?;
    let written =
        |decision: &Decision| !decision.inserts.is_empty() && decision.promotions.is_empty();
    assumed.decisions.iter().all(written).then_some(assumed)
}

/// As [`assume_on`], for a lone command of which it is known, too, what stands beside the wallet.
/// `None` where it would not be refused: what was found may hold no longer.
pub fn refuse_on(
    wallet: &WalletState,
    standing: &Standing,
    attempts: &[&Attempt],
) -> Option<Assumed> {
    let [attempt] = attempts else { return None };
    let mut assumed = fold(wallet.clone(), None, Some(standing), &[attempt])?;
    // The keys are still to be proven, where something is written.
    for conditions in &mut assumed.conditions {
        (conditions.token, conditions.game) = (None, None);
    }
    let refused = |outcome: &Outcome| matches!(outcome, Outcome::Refused { .. });
    let all = |decision: &Decision| {
        decision.promotions.is_empty() && decision.outcomes.iter().all(refused)
    };
    assumed.decisions.iter().all(all).then_some(assumed)
}

fn fold(
    start: WalletState,
    currency: Option<Currency>,
    standing: Option<&Standing>,
    attempts: &[&Attempt],
) -> Option<Assumed> {
    let mut history = History::default();
    let mut assumed = Assumed {
        bounds: Bounds {
            lowest: Micros::ZERO,
            highest: Micros::ZERO,
            largest_stake: Micros::ZERO,
            currency,
        },
        decisions: Vec::with_capacity(attempts.len()),
        conditions: Vec::with_capacity(attempts.len()),
        start,
    };
    for attempt in attempts {
        let conditions = conditions_of(attempt, &mut history)?;
        let now = assumed.decisions.last().map_or(&assumed.start, |before| &before.wallet);
        let usual = || usual_standing(attempt);
        let standing = standing.cloned().unwrap_or_else(usual);
        let decision = decide(now, &standing, &history, attempt);
        if attempts.len() > 1 {
            for row in &decision.inserts {
                history.append(row.clone());
            }
        }
        assumed.bounds.widen(&assumed.start, now.balance, &decision, attempt)?;
        assumed.decisions.push(decision);
        assumed.conditions.push(conditions);
    }
    Some(assumed)
}

impl Decision {
    /// The answer to the caller, where the decisions of a batch counted from an assumed wallet:
    /// `end` is what they come to there, and `is` what they have come to.
    pub fn into_receipt_at(mut self, end: &WalletState, is: &WalletState) -> Receipt {
        let balance = is.balance.get().saturating_sub(end.balance.get());
        let version = is.version.saturating_sub(end.version);
        for outcome in &mut self.outcomes {
            if let Some(balance_after) =
                outcome.entry_mut().and_then(|entry| entry.balance_after_micros.as_mut())
            {
                *balance_after = balance_after.saturating_add(balance);
            }
        }
        Receipt {
            currency: is.currency.clone(),
            balance: Micros::new(self.wallet.balance.get().saturating_add(balance)),
            version: self.wallet.version.saturating_add(version),
            status: is.status,
            outcomes: self.outcomes,
        }
    }
}

impl Bounds {
    /// Makes room for one command more, which finds `before`.
    fn widen(
        &mut self,
        start: &WalletState,
        before: Micros,
        decision: &Decision,
        attempt: &Attempt,
    ) -> Option<()> {
        for row in &decision.inserts {
            let after = Micros::new(row.link?.balance_after).checked_sub(start.balance)?;
            self.lowest = self.lowest.min(after);
            self.highest = self.highest.max(after);
        }
        let mut debits = Micros::ZERO;
        for movement in &attempt.command.movements {
            if let Action::Debit(amount) = &movement.action {
                debits = debits.checked_add(amount.micros())?;
                if movement.category.is_stake() {
                    self.largest_stake = self.largest_stake.max(amount.micros());
                }
            }
        }
        if attempt.command.policy.funds == FundsTest::Gross {
            let without_credits = before.checked_sub(start.balance)?.checked_sub(debits)?;
            self.lowest = self.lowest.min(without_credits);
        }
        Some(())
    }
}

/// The one currency that the commands name; `None` where they differ.
fn named_currency(attempts: &[&Attempt]) -> Option<Option<Currency>> {
    let mut named: Option<&Currency> = None;
    for currency in attempts.iter().filter_map(|attempt| attempt.command.currency.as_ref()) {
        match named {
            Some(other) if other != currency => return None,
            _ => named = Some(currency),
        }
    }
    Some(named.cloned())
}

/// Far from both ends of what a balance may be.
fn usual_wallet(player: &PlayerId, currency: Option<&Currency>) -> Option<WalletState> {
    let balance = Micros::new(Amount::MAX.micros().get() / 2);
    let wallet = WalletState { balance, ..WalletState::none(player)? };
    // What is written says the wallet's own currency, where none is named.
    Some(match currency {
        Some(currency) => WalletState { currency: currency.clone(), ..wallet },
        None => wallet,
    })
}

fn usual_standing(attempt: &Attempt) -> Standing {
    let Command { player, provider, token, .. } = &attempt.command;
    let session = token.map(|_| SessionFact {
        player: player.clone(),
        provider: provider.clone(),
        game: None,
        live: true,
    });
    Standing { session, game: GameState::Open, ..Standing::default() }
}

/// What the command asks for beside its wallet; the history learns what is assumed of its round.
/// `None` where it cannot be assumed.
fn conditions_of(attempt: &Attempt, history: &mut History) -> Option<Conditions> {
    let command = &attempt.command;
    let mut conditions = Conditions {
        provider: command.provider.clone(),
        keys: command.movements.iter().map(|movement| movement.tx_id.clone()).collect(),
        token: None,
        game: None,
        round: None,
        debits: Vec::new(),
    };
    let mut stakes = false;
    let mut settles = false;
    for movement in &command.movements {
        match &movement.action {
            Action::Debit(_) => stakes = true,
            Action::Credit { settles: Some(debit), .. } => {
                conditions.debits.extend(named_debit(command, movement, debit, history));
            }
            Action::Credit { settles: None, .. } => {
                settles |= movement.category.settles_a_round();
            }
            Action::Note(None) => {}
            Action::Reverse { .. }
            | Action::Adjust(_)
            | Action::Note(Some(_))
            | Action::DecidedElsewhere { .. } => return None,
        }
    }
    if stakes {
        conditions.token = command.token.filter(|_| command.policy.session != SessionRule::Ignore);
        conditions.game.clone_from(&command.game);
    } else if settles && command.policy.looks_at_debits() {
        let round = command.round.as_ref()?;
        let known = history.round(&command.player, &command.provider, round);
        // A stake of the same batch is written with it, or neither is.
        if known.debits == 0 {
            conditions.round = Some(round.clone());
            let stands = RoundFacts { debits: 1, ..RoundFacts::default() };
            history.learn_round(
                command.player.clone(),
                command.provider.clone(),
                round.clone(),
                known.plus(stands),
            );
        }
    }
    Some(conditions)
}

/// What is asked of the debit that a credit names; the history learns what is assumed of it.
fn named_debit(
    command: &Command,
    credit: &Movement,
    debit: &TxId,
    history: &mut History,
) -> Option<NamedDebit> {
    let is_it = |of: &Movement| of.tx_id == *debit && matches!(of.action, Action::Debit(_));
    let key = command.key(debit);
    // One of the same command, or of the same batch, is written with it, or neither is.
    let known = command.movements.iter().any(is_it) || history.stands(&command.player, &key);
    let asks = credit.category.settles_a_round() && command.policy.looks_at_debits();
    let stands = asks && !known;
    if stands {
        history.take_to_stand(key);
    }
    let unpaid = command.policy.settlement == Settlement::OncePerDebit;
    (stands || unpaid).then(|| NamedDebit { tx_id: debit.clone(), stands, unpaid })
}

/// Everything took effect, and every movement is a row of its own.
fn is_the_usual(decision: &Decision, attempt: &Attempt) -> bool {
    decision.promotions.is_empty()
        && decision.inserts.len() == attempt.command.movements.len()
        && decision.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Applied(_)))
}
