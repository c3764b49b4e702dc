//! Every rule of money, as one pure function.

use super::command::{Action, Attempt, AttemptIds, Command, Movement, Reversible};
use super::history::{GameState, History, RoundFacts, Standing, WalletState};
use super::ids::{Key, RoundId, TxId};
use super::money::{Amount, Micros};
use super::outcome::{Entry, Outcome, Receipt};
use super::policy::{
    CreditAfterReversal, CreditWithoutDebit, FundsTest, LateOriginal, ReversalAfterSettlement,
    SessionRule,
};
use super::row::{Kind, Link, PlayerStatus, Reason, Row, RowOutcome};

/// What follows from a command. Written as a whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The wallet after it.
    pub wallet: WalletState,
    /// One for each movement, in order.
    pub outcomes: Vec<Outcome>,
    /// New rows, in the order of the chain.
    pub inserts: Vec<Row>,
    /// Rows that were parked and are decided now, in the order of the chain.
    pub promotions: Vec<Row>,
}

impl Decision {
    /// The answer to the caller.
    pub fn receipt(&self) -> Receipt {
        Receipt {
            currency: self.wallet.currency.clone(),
            balance: self.wallet.balance,
            version: self.wallet.version,
            status: self.wallet.status,
            outcomes: self.outcomes.clone(),
        }
    }
}

/// Decides an attempt on a wallet. `history` must hold what was stored under the keys of the
/// command's reversal targets and, for credits whose policy asks for it, of their round; the
/// rows under the command's own keys may be left out where they are thought not to exist,
/// because writing a key twice fails.
pub fn decide(
    wallet: &WalletState,
    standing: &Standing,
    history: &History,
    attempt: &Attempt,
) -> Decision {
    let mut draft = Draft::new(wallet, history, attempt);
    match draft.run(standing) {
        Ok(()) => draft.finish(),
        Err(refusal) => draft.refuse(refusal),
    }
}

/// Why a command moves nothing, and which of its movements are to blame.
struct Refusal {
    reason: Reason,
    culprits: Culprits,
}

enum Culprits {
    /// Every new debit: the test was made on all of them.
    Debits,
    /// One movement, by its place.
    One(usize),
    /// None: it was refused before, or it is not remembered.
    Nobody,
}

impl Refusal {
    const fn of_debits(reason: Reason) -> Self {
        Self { reason, culprits: Culprits::Debits }
    }

    const fn of(place: usize, reason: Reason) -> Self {
        Self { reason, culprits: Culprits::One(place) }
    }

    const fn unremembered(reason: Reason) -> Self {
        Self { reason, culprits: Culprits::Nobody }
    }
}

/// A decision in the making. Dropped whole when a movement is refused.
struct Draft<'a> {
    before: &'a WalletState,
    history: &'a History,
    attempt: &'a Attempt,
    wallet: WalletState,
    outcomes: Vec<Option<Outcome>>,
    /// With `true` for a promotion.
    rows: Vec<(Row, bool)>,
}

impl<'a> Draft<'a> {
    fn new(wallet: &'a WalletState, history: &'a History, attempt: &'a Attempt) -> Self {
        Self {
            before: wallet,
            history,
            attempt,
            wallet: wallet.clone(),
            outcomes: vec![None; attempt.command.movements.len()],
            rows: Vec::new(),
        }
    }

    const fn command(&self) -> &'a Command {
        &self.attempt.command
    }

    /// The movements with their place and their ids.
    fn steps(&self) -> impl Iterator<Item = (usize, &'a Movement, AttemptIds)> + use<'a> {
        let attempt = self.attempt;
        attempt
            .command
            .movements
            .iter()
            .zip(attempt.ids.iter().copied())
            .enumerate()
            .map(|(place, (movement, ids))| (place, movement, ids))
    }

    fn run(&mut self, standing: &Standing) -> Result<(), Refusal> {
        self.recognise_repeats()?;
        if self.outcomes.iter().all(Option::is_some) {
            return Ok(());
        }
        if self.command().currency.as_ref().is_some_and(|named| *named != self.wallet.currency) {
            return Err(Refusal::unremembered(Reason::CurrencyMismatch));
        }
        self.test_debits(standing)?;
        if let Some(reason) = self.must_park()? {
            // Money is never taken later than its own call, so a command with a negative
            // correction is not parked but asked for again.
            let takes = |(place, movement, _): (usize, &Movement, AttemptIds)| {
                self.is_new(place) && movement.action.requested().is_negative()
            };
            if self.steps().any(takes) {
                return Err(Refusal::unremembered(reason));
            }
            self.park(reason);
            return Ok(());
        }
        for (place, movement, ids) in self.steps() {
            if self.is_new(place) {
                let outcome = match self.written(&movement.tx_id) {
                    Some(row) => self.repeat_within(row)?,
                    None => self.step(place, movement, ids)?,
                };
                self.settle(place, outcome);
            }
        }
        Ok(())
    }

    fn settle(&mut self, place: usize, outcome: Outcome) {
        if let Some(slot) = self.outcomes.get_mut(place) {
            *slot = Some(outcome);
        }
    }

    fn is_new(&self, place: usize) -> bool {
        self.outcomes.get(place).is_some_and(Option::is_none)
    }

    // ---- What was decided before ----

    fn recognise_repeats(&mut self) -> Result<(), Refusal> {
        for (place, movement, ids) in self.steps() {
            let key = self.command().key(&movement.tx_id);
            if let Some(row) = self.history.row(&key)
                && let Some(outcome) = self.repeat_of(row, &key, ids)?
            {
                self.settle(place, outcome);
            }
        }
        Ok(())
    }

    /// The outcome of a movement whose key is taken; `None` when it is parked and has to be
    /// decided now.
    fn repeat_of(&self, row: &Row, key: &Key, ids: AttemptIds) -> Result<Option<Outcome>, Refusal> {
        let entry = Entry::of(row, self.history.reversal_of(key).is_some());
        if row.outcome == RowOutcome::Tombstone {
            return match self.command().policy.late_original {
                LateOriginal::Succeed => Ok(Some(Outcome::Cancelled(entry))),
                LateOriginal::Refuse => Err(Refusal::unremembered(Reason::Cancelled)),
            };
        }
        // A refusal stays one, whatever comes again under its key.
        if row.fingerprint != ids.fingerprint && row.outcome != RowOutcome::Refused {
            return self.mismatch(key, entry).map(Some);
        }
        // The attempt's own commit, whose reply was lost on the way from the database.
        let own = row.transaction_id == ids.own;
        match row.outcome {
            RowOutcome::Parked => Ok(None),
            RowOutcome::Refused => {
                let reason = row.reason.unwrap_or(Reason::InsufficientFunds);
                // The rest of an atomic command stays refused with it.
                Err(Refusal { reason, culprits: Culprits::Nobody })
            }
            RowOutcome::Noted if own && row.kind != Kind::Note => {
                Ok(Some(Outcome::NoEffect(entry)))
            }
            _ if own => Ok(Some(Outcome::Applied(entry))),
            _ => Ok(Some(Outcome::Replayed(entry))),
        }
    }

    /// Something else was done under the key. A stake that is no stake must not carry the
    /// wins beside it: then the whole command moves nothing.
    fn mismatch(&self, key: &Key, entry: Entry) -> Result<Outcome, Refusal> {
        let movements = &self.command().movements;
        let is_debit = movements.iter().any(|movement| {
            movement.tx_id == key.tx_id && matches!(movement.action, Action::Debit(_))
        });
        if is_debit && movements.len() > 1 {
            return Err(Refusal::unremembered(Reason::KeyReused));
        }
        Ok(Outcome::Mismatch(entry))
    }

    /// A key that this very command has used before.
    fn repeat_within(&self, row: &Row) -> Result<Outcome, Refusal> {
        let entry = Entry::of(row, false);
        match (row.outcome, self.command().policy.late_original) {
            (RowOutcome::Tombstone, LateOriginal::Succeed) => Ok(Outcome::Cancelled(entry)),
            (RowOutcome::Tombstone, LateOriginal::Refuse) => {
                Err(Refusal::unremembered(Reason::Cancelled))
            }
            _ => Ok(Outcome::Replayed(entry)),
        }
    }

    // ---- Debits: who may stake, and how much ----

    fn test_debits(&self, standing: &Standing) -> Result<(), Refusal> {
        let mut total = Micros::ZERO;
        let mut any = false;
        for (place, movement, _) in self.steps() {
            let Action::Debit(amount) = &movement.action else { continue };
            let twice =
                || self.steps().take(place).any(|(_, other, _)| other.tx_id == movement.tx_id);
            if !self.is_new(place) || twice() {
                continue;
            }
            any = true;
            if movement.category.is_stake() {
                self.test_limits(*amount)?;
            }
            total = total
                .checked_add(amount.micros())
                .ok_or(Refusal::of_debits(Reason::InsufficientFunds))?;
        }
        if !any {
            return Ok(());
        }
        self.test_player(standing)?;
        if self.command().policy.funds == FundsTest::Gross && total > self.wallet.balance {
            return Err(Refusal::of_debits(Reason::InsufficientFunds));
        }
        Ok(())
    }

    fn test_limits(&self, stake: Amount) -> Result<(), Refusal> {
        if self.wallet.bet_limit.is_some_and(|limit| stake > limit) {
            return Err(Refusal::of_debits(Reason::PlayerLimit));
        }
        if self.command().policy.max_bet.is_some_and(|limit| stake > limit) {
            return Err(Refusal::of_debits(Reason::MaxBet));
        }
        Ok(())
    }

    fn test_player(&self, standing: &Standing) -> Result<(), Refusal> {
        if let Some(reason) = self.session_fault(standing) {
            return Err(Refusal::of_debits(reason));
        }
        match self.wallet.status {
            PlayerStatus::Active => {}
            PlayerStatus::Frozen => return Err(Refusal::of_debits(Reason::PlayerFrozen)),
            PlayerStatus::Closed => return Err(Refusal::of_debits(Reason::PlayerClosed)),
        }
        if standing.game == GameState::Disabled {
            return Err(Refusal::of_debits(Reason::GameDisabled));
        }
        Ok(())
    }

    fn session_fault(&self, standing: &Standing) -> Option<Reason> {
        let command = self.command();
        match (command.policy.session, &command.token) {
            (SessionRule::Ignore, _) | (SessionRule::ValidIfGiven, None) => return None,
            (SessionRule::Required, None) => return Some(Reason::SessionUnknown),
            (SessionRule::ValidIfGiven | SessionRule::Required, Some(_)) => {}
        }
        match &standing.session {
            None => Some(Reason::SessionUnknown),
            Some(session)
                if session.player != command.player || session.provider != command.provider =>
            {
                Some(Reason::SessionMismatch)
            }
            Some(session) if session.expires_at <= self.attempt.received_at => {
                Some(Reason::SessionExpired)
            }
            Some(_) => None,
        }
    }

    // ---- Parking: what may not be lost and cannot be decided now ----

    /// Why the whole command has to wait, if it has to. Debits never wait.
    fn must_park(&self) -> Result<Option<Reason>, Refusal> {
        // Debits that stand beside a credit are known, wherever they stand.
        let debits = self.steps().filter(|(place, movement, _)| {
            self.is_new(*place) && matches!(movement.action, Action::Debit(_))
        });
        let beside = RoundFacts {
            debits: i64::try_from(debits.count()).unwrap_or(i64::MAX),
            ..RoundFacts::default()
        };
        for (place, movement, _) in self.steps() {
            if !self.is_new(place) {
                continue;
            }
            let gives = match &movement.action {
                Action::Credit(_) | Action::Reverse { .. } => true,
                Action::Adjust(micros) => !micros.is_negative(),
                Action::Debit(_) | Action::Note(_) => false,
            };
            if gives && self.wallet.status == PlayerStatus::Closed {
                return Ok(Some(Reason::WalletClosed));
            }
            let needs_debit = movement.category.settles_a_round();
            if needs_debit && self.waits_for_debit(place, movement, beside)? {
                return Ok(Some(Reason::DebitUnknown));
            }
        }
        Ok(None)
    }

    fn waits_for_debit(
        &self,
        place: usize,
        movement: &Movement,
        beside: RoundFacts,
    ) -> Result<bool, Refusal> {
        let facts = self.round_facts(self.command().round.as_ref()).plus(beside);
        if facts.debits > 0 && facts.debits > facts.cancelled {
            return Ok(false);
        }
        let policy = &self.command().policy;
        // A correction is about what was, so a debit that was reversed will do.
        if facts.debits > 0 && matches!(movement.action, Action::Adjust(_)) {
            return Ok(false);
        }
        if facts.cancelled > 0 {
            return match policy.credit_after_reversal {
                CreditAfterReversal::Pay => Ok(false),
                CreditAfterReversal::Refuse => Err(Refusal::of(place, Reason::DebitReversed)),
            };
        }
        match policy.credit_without_debit {
            CreditWithoutDebit::Pay => Ok(false),
            CreditWithoutDebit::Refuse => Err(Refusal::unremembered(Reason::DebitUnknown)),
            CreditWithoutDebit::Park { grace } => {
                let key = self.command().key(&movement.tx_id);
                let waited_enough = self.history.row(&key).is_some_and(|row| {
                    row.outcome == RowOutcome::Parked
                        && row.created_at + grace <= self.attempt.received_at
                });
                Ok(!waited_enough)
            }
        }
    }

    /// Parks every new credit and reversal of the command; nothing moves.
    fn park(&mut self, reason: Reason) {
        for (place, movement, ids) in self.steps() {
            if !self.is_new(place) {
                continue;
            }
            let key = self.command().key(&movement.tx_id);
            // Parked by an earlier call, or a key that this command uses twice.
            let entry = match self.history.row(&key).or_else(|| self.written(&movement.tx_id)) {
                Some(parked) => Entry::of(parked, false),
                None => {
                    let row = Row {
                        outcome: RowOutcome::Parked,
                        reason: Some(reason),
                        link: None,
                        amount: Micros::ZERO,
                        ..self.blank(movement, ids)
                    };
                    let entry = Entry::of(&row, false);
                    self.rows.push((row, false));
                    entry
                }
            };
            self.settle(place, Outcome::Parked(entry));
        }
    }

    // ---- One movement ----

    fn step(
        &mut self,
        place: usize,
        movement: &Movement,
        ids: AttemptIds,
    ) -> Result<Outcome, Refusal> {
        match &movement.action {
            Action::Debit(amount) => {
                self.apply(place, movement, ids, amount.micros().negated(), None)
            }
            Action::Credit(amount) => {
                let flag = self.unmatched(movement);
                self.apply(place, movement, ids, amount.micros(), flag)
            }
            Action::Adjust(micros) => {
                let flag = self.unmatched(movement);
                self.apply(place, movement, ids, *micros, flag)
            }
            Action::Note(status) => {
                if let Some(status) = status {
                    self.wallet.status = *status;
                }
                let row = self.decided(movement, ids, RowOutcome::Noted, None);
                Ok(Outcome::Applied(self.write(row)))
            }
            Action::Reverse { target, of, at_most } => {
                self.reverse(place, movement, ids, target, *of, *at_most)
            }
        }
    }

    /// The flag of a credit that is paid although its round's debit never came.
    fn unmatched(&self, movement: &Movement) -> Option<Reason> {
        let key = self.command().key(&movement.tx_id);
        let row = self.history.row(&key)?;
        (row.reason == Some(Reason::DebitUnknown)
            && self.round_facts(self.command().round.as_ref()).debits == 0)
            .then_some(Reason::Unmatched)
    }

    fn apply(
        &mut self,
        place: usize,
        movement: &Movement,
        ids: AttemptIds,
        effect: Micros,
        flag: Option<Reason>,
    ) -> Result<Outcome, Refusal> {
        let balance = self
            .wallet
            .balance
            .checked_add(effect)
            .filter(|balance| balance.get() <= Amount::MAX.micros().get())
            .ok_or(Refusal::unremembered(Reason::BalanceLimit))?;
        if balance.is_negative() {
            return Err(Refusal::of(place, Reason::InsufficientFunds));
        }
        self.wallet.balance = balance;
        let mut row = self.decided(movement, ids, RowOutcome::Applied, flag);
        row.amount = effect;
        Ok(Outcome::Applied(self.write(row)))
    }

    // ---- Reversals ----

    fn reverse(
        &mut self,
        place: usize,
        movement: &Movement,
        ids: AttemptIds,
        target: &TxId,
        of: Reversible,
        at_most: Option<Amount>,
    ) -> Result<Outcome, Refusal> {
        let target_key = self.command().key(target);
        if *target == movement.tx_id {
            return Err(Refusal::of(place, Reason::TargetNotReversible));
        }
        let Some(found) = self.known_row(&target_key) else {
            let outcome = self.no_effect(movement, ids, Reason::TargetUnknown);
            self.leave_tombstone(movement, ids, target_key);
            return Ok(outcome);
        };
        if found.player != self.command().player {
            // Not remembered: the key is the rightful player's, who may still need it.
            return Err(Refusal::unremembered(Reason::TargetNotReversible));
        }
        let fits = match found.kind {
            Kind::Debit => of != Reversible::Credit,
            Kind::Credit => of != Reversible::Debit,
            Kind::Reverse | Kind::Adjust | Kind::Note => false,
        };
        match found.outcome {
            RowOutcome::Tombstone => {
                return Ok(self.no_effect(movement, ids, Reason::AlreadyReversed));
            }
            RowOutcome::Refused => {
                return Ok(self.no_effect(movement, ids, Reason::TargetRefused));
            }
            _ if !fits => return Err(Refusal::of(place, Reason::TargetNotReversible)),
            RowOutcome::Noted => return Err(Refusal::of(place, Reason::TargetNotReversible)),
            RowOutcome::Parked => {
                let outcome = self.no_effect(movement, ids, Reason::TargetParked);
                self.cancel_parked(found);
                return Ok(outcome);
            }
            RowOutcome::Applied => {}
        }
        if self.is_reversed(&target_key) {
            return Ok(self.no_effect(movement, ids, Reason::AlreadyReversed));
        }
        let settled =
            found.kind == Kind::Debit && self.round_facts(found.round.as_ref()).credits > 0;
        match self.command().policy.reversal_after_settlement {
            ReversalAfterSettlement::Refuse if settled => {
                Err(Refusal::of(place, Reason::AlreadySettled))
            }
            ReversalAfterSettlement::NoEffect if settled => {
                Ok(self.no_effect(movement, ids, Reason::AlreadySettled))
            }
            _ => self.undo(movement, ids, &found, at_most, settled),
        }
    }

    /// Gives a debit back, or takes a credit back as far as the balance goes.
    fn undo(
        &mut self,
        movement: &Movement,
        ids: AttemptIds,
        found: &Row,
        at_most: Option<Amount>,
        settled: bool,
    ) -> Result<Outcome, Refusal> {
        let whole = found.amount.negated();
        let asked = match at_most {
            Some(limit) if whole.is_negative() => whole.max(limit.micros().negated()),
            Some(limit) => whole.min(limit.micros()),
            None => whole,
        };
        let floor = self.wallet.balance.negated();
        let effect = asked.max(floor);
        let shortfall = effect.checked_sub(asked).unwrap_or_default();
        let named_otherwise =
            at_most.is_some_and(|limit| limit.micros().get() != whole.get().saturating_abs());
        let flag = if shortfall > Micros::ZERO {
            Some(Reason::Shortfall)
        } else if named_otherwise {
            Some(Reason::AmountDiffers)
        } else {
            settled.then_some(Reason::SettledBefore)
        };
        let balance = self
            .wallet
            .balance
            .checked_add(effect)
            .filter(|balance| balance.get() <= Amount::MAX.micros().get())
            .ok_or(Refusal::unremembered(Reason::BalanceLimit))?;
        self.wallet.balance = balance;
        let mut row = self.decided(movement, ids, RowOutcome::Applied, flag);
        row.requested = asked;
        row.amount = effect;
        row.shortfall = shortfall;
        row.category = found.category;
        row.round = row.round.or_else(|| found.round.clone());
        row.game = row.game.or_else(|| found.game.clone());
        Ok(Outcome::Applied(self.write(row)))
    }

    fn no_effect(&mut self, movement: &Movement, ids: AttemptIds, why: Reason) -> Outcome {
        let row = self.decided(movement, ids, RowOutcome::Noted, Some(why));
        Outcome::NoEffect(self.write(row))
    }

    /// Takes the original's own key, so that the original can never be written.
    fn leave_tombstone(&mut self, movement: &Movement, ids: AttemptIds, target: Key) {
        let mut row =
            self.decided(movement, ids, RowOutcome::Tombstone, Some(Reason::TargetUnknown));
        row.key = target;
        row.transaction_id = ids.tombstone;
        row.reverses = None;
        row.fingerprint = 0;
        row.detail = None;
        self.rows.push((row, false));
    }

    /// Turns a parked movement into the tombstone of itself.
    fn cancel_parked(&mut self, mut parked: Row) {
        self.wallet.version += 1;
        parked.outcome = RowOutcome::Tombstone;
        parked.reason = Some(Reason::TargetParked);
        parked.link = Some(self.link());
        self.rows.push((parked, true));
    }

    // ---- Rows ----

    const fn link(&self) -> Link {
        Link { version: self.wallet.version, balance_after: self.wallet.balance.get() }
    }

    /// A row of the movement as the provider said it, not decided yet.
    fn blank(&self, movement: &Movement, ids: AttemptIds) -> Row {
        let command = self.command();
        Row {
            key: command.key(&movement.tx_id),
            player: command.player.clone(),
            transaction_id: ids.own,
            kind: movement.action.kind(),
            category: movement.category,
            outcome: RowOutcome::Parked,
            reason: None,
            requested: movement.action.requested(),
            amount: Micros::ZERO,
            shortfall: Micros::ZERO,
            link: None,
            reverses: match &movement.action {
                Action::Reverse { target, .. } => Some(target.clone()),
                _ => None,
            },
            round: command.round.clone(),
            game: command.game.clone(),
            fingerprint: ids.fingerprint,
            detail: movement.detail.clone(),
            occurred_at: command.occurred_at,
            created_at: self.attempt.received_at,
        }
    }

    /// The next row of the chain.
    fn decided(
        &mut self,
        movement: &Movement,
        ids: AttemptIds,
        outcome: RowOutcome,
        reason: Option<Reason>,
    ) -> Row {
        self.wallet.version += 1;
        Row { outcome, reason, link: Some(self.link()), ..self.blank(movement, ids) }
    }

    /// Adds a row, or promotes the parked one under its key, which keeps its id and its date.
    fn write(&mut self, mut row: Row) -> Entry {
        let parked = self.history.row(&row.key).filter(|row| row.outcome == RowOutcome::Parked);
        let promotion = parked.is_some();
        if let Some(parked) = parked {
            row.transaction_id = parked.transaction_id;
            row.created_at = parked.created_at;
        }
        let entry = Entry::of(&row, false);
        self.rows.push((row, promotion));
        entry
    }

    // ---- What is known, with this command's own rows ----

    fn known_row(&self, key: &Key) -> Option<Row> {
        self.written(&key.tx_id).or_else(|| self.history.row(key)).cloned()
    }

    /// What this command itself has written under a key so far.
    fn written(&self, tx_id: &TxId) -> Option<&Row> {
        self.rows.iter().rev().map(|(row, _)| row).find(|row| row.key.tx_id == *tx_id)
    }

    fn is_reversed(&self, target: &Key) -> bool {
        self.history.reversal_of(target).is_some()
            || self.rows.iter().any(|(row, _)| {
                row.outcome == RowOutcome::Applied && row.reverses.as_ref() == Some(&target.tx_id)
            })
    }

    fn round_facts(&self, round: Option<&RoundId>) -> RoundFacts {
        let Some(round) = round else { return RoundFacts::default() };
        self.rows
            .iter()
            .filter(|(row, _)| row.round.as_ref() == Some(round))
            .map(|(row, _)| RoundFacts::of(row))
            .fold(self.history.round(&self.command().provider, round), RoundFacts::plus)
    }

    // ---- The end ----

    fn finish(self) -> Decision {
        let (promotions, inserts): (Vec<_>, Vec<_>) =
            self.rows.into_iter().partition(|(_, promotion)| *promotion);
        Decision {
            wallet: self.wallet,
            outcomes: self.outcomes.into_iter().flatten().collect(),
            inserts: inserts.into_iter().map(|(row, _)| row).collect(),
            promotions: promotions.into_iter().map(|(row, _)| row).collect(),
        }
    }

    /// Undoes the draft and remembers the refusal with those movements that caused it.
    fn refuse(self, refusal: Refusal) -> Decision {
        let Refusal { reason, culprits } = refusal;
        let mut draft = Self::new(self.before, self.history, self.attempt);
        for (place, movement, ids) in self.steps() {
            let key = self.command().key(&movement.tx_id);
            let prior = self.history.row(&key);
            let decided = prior.filter(|row| row.outcome != RowOutcome::Parked);
            let to_blame = match culprits {
                Culprits::Debits => matches!(movement.action, Action::Debit(_)),
                Culprits::One(culprit) => culprit == place,
                Culprits::Nobody => false,
            };
            let entry = match decided {
                Some(row) => Some(Entry::of(row, self.history.reversal_of(&key).is_some())),
                None if to_blame && reason.is_remembered() => {
                    // A key that the command uses twice is remembered once.
                    let written = draft.written(&movement.tx_id).map(|row| Entry::of(row, false));
                    Some(written.unwrap_or_else(|| {
                        let row = draft.decided(movement, ids, RowOutcome::Refused, Some(reason));
                        draft.write(row)
                    }))
                }
                None => prior.map(|row| Entry::of(row, false)),
            };
            let replayed = prior.is_some_and(|row| {
                row.outcome == RowOutcome::Refused && row.transaction_id != ids.own
            });
            let mismatched = decided.is_some_and(|row| {
                row.fingerprint != ids.fingerprint
                    && !matches!(row.outcome, RowOutcome::Refused | RowOutcome::Tombstone)
            });
            let outcome = match entry {
                Some(entry) if mismatched => Outcome::Mismatch(entry),
                entry => Outcome::Refused { reason, entry, replayed },
            };
            draft.settle(place, outcome);
        }
        draft.finish()
    }
}
