//! Who may stake, and how much.

use super::draft::{Draft, Refusal};
use crate::core::command::Action;
use crate::core::history::{GameState, Standing};
use crate::core::money::{Amount, Micros};
use crate::core::policy::{FundsTest, SessionRule};
use crate::core::row::{PlayerStatus, Reason};

impl Draft<'_> {
    pub(super) fn test_debits(&self, standing: &Standing) -> Result<(), Refusal> {
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

    pub(super) fn test_limits(&self, stake: Amount) -> Result<(), Refusal> {
        if self.wallet.bet_limit.is_some_and(|limit| stake > limit) {
            return Err(Refusal::of_debits(Reason::PlayerLimit));
        }
        if self.command().policy.max_bet.is_some_and(|limit| stake > limit) {
            return Err(Refusal::of_debits(Reason::MaxBet));
        }
        Ok(())
    }

    pub(super) fn test_player(&self, standing: &Standing) -> Result<(), Refusal> {
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

    pub(super) fn session_fault(&self, standing: &Standing) -> Option<Reason> {
        let command = self.command();
        match (command.policy.session, &command.token) {
            (SessionRule::Ignore, _) | (SessionRule::ValidIfGiven, None) => return None,
            (SessionRule::Required, None) => return Some(Reason::SessionUnknown),
            (SessionRule::ValidIfGiven | SessionRule::Required, Some(_)) => {}
        }
        match &standing.session {
            None => Some(Reason::SessionUnknown),
            Some(session)
                if session.player != command.player
                    || session.provider != command.provider
                    || !session.opens(command.game.as_ref()) =>
            {
                Some(Reason::SessionMismatch)
            }
            Some(session) => (!session.live).then_some(Reason::SessionExpired),
        }
    }
}
