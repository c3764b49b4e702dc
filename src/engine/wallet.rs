//! The one door to money: execute, balance, authenticate (`authenticate`). Everything outside (HTTP callbacks,
//! the operator's API, jobs) comes through here, so every movement is claimed, committed,
//! published and counted in the same way.
//!
//! - here: the door;
//! - `course`: the way of a command from its claim to its answer;
//! - `notes`: what is counted and logged of it.

use std::sync::Arc;

use chrono::Utc;
use sqlx::PgPool;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::ExecuteError;
use super::claims::Claims;
use super::job::{Job, Seen};
use super::lanes::Engine;
use super::publisher::put_right;
use super::token_owners::TokenOwners;
use crate::cache::{Cache, CachedBalance};
use crate::core::policy::SessionRule;
use crate::core::{
    Attempt, Checks, Command, PlayerId, PlayerStatus, PlayerView, ProviderId, Reason, Receipt,
    SessionFact, TokenHash, TransactionId,
};
use crate::store::LookupError;
use crate::store::directory::players;
use crate::telemetry::timeline::Traced;

/// The door. One for each node.
pub struct Wallet {
    engine: Engine,
    claims: Claims,
    pool: PgPool,
    cache: Cache,
    token_owners: TokenOwners,
}

/// Why nothing came through the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WalletError {
    /// A rule about the player, the session or the game stands against it.
    #[error("refused: {}", .0.as_str())]
    Refused(Reason),
    /// Too much at once; nothing was done.
    #[error("busy")]
    Busy,
    /// The deadline passed; a command may have been executed all the same.
    #[error("deadline passed")]
    Timeout,
    /// The database cannot be reached; a command may have been executed all the same.
    #[error("unavailable")]
    Unavailable,
    /// A fault of ours.
    #[error("internal error")]
    Internal,
}

impl From<ExecuteError> for WalletError {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::PlayerUnknown => Self::Refused(Reason::PlayerUnknown),
            ExecuteError::Busy => Self::Busy,
            ExecuteError::Timeout => Self::Timeout,
            ExecuteError::Unavailable => Self::Unavailable,
            ExecuteError::Internal => Self::Internal,
        }
    }
}

impl From<LookupError> for WalletError {
    fn from(error: LookupError) -> Self {
        tracing::warn!(%error, "look-up failed");
        match error {
            LookupError::Unavailable(_) => Self::Unavailable,
            LookupError::TooSlow | LookupError::TimedOut(_) => Self::Timeout,
            LookupError::Unreadable(_) | LookupError::Other(_) => Self::Internal,
        }
    }
}

impl Wallet {
    /// A door to this engine, these look-ups and this cache. The engine's outbox must be a
    /// [`Publisher`] to the same cache.
    pub fn new(engine: Engine, pool: PgPool, cache: Cache) -> Self {
        let claims = Claims::start(cache.clone());
        Self { engine, claims, pool, cache, token_owners: TokenOwners::default() }
    }

    /// The look-ups that move no money.
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The cache, for its state.
    pub const fn cache(&self) -> &Cache {
        &self.cache
    }

    pub(super) const fn token_owners(&self) -> &TokenOwners {
        &self.token_owners
    }

    /// Commands that wait for a batch.
    pub fn queued(&self) -> usize {
        self.engine.queued()
    }

    /// Executes a command exactly once and says what came of it, by the deadline. It runs to its end
    /// even when the caller goes away: the retry then finds the result.
    ///
    /// # Errors
    /// [`WalletError`]. A business refusal is no error: it is in the receipt.
    pub async fn execute(
        &self,
        command: Command,
        deadline: Instant,
    ) -> Result<Receipt, WalletError> {
        let executed = timeout_at(deadline, self.execute_unbounded(command, deadline, None)).await;
        executed.map_err(|_| WalletError::Timeout)?
    }

    /// As [`Self::execute`], for callers who bound the wait themselves: here the deadline only says
    /// until when the command may be begun. What happens on the way is written down where there is a timeline.
    ///
    /// # Errors
    /// As there.
    pub async fn execute_unbounded(
        &self,
        command: Command,
        deadline: Instant,
        timeline: Traced,
    ) -> Result<Receipt, WalletError> {
        let attempt = Attempt::new(command, Utc::now(), || TransactionId::new(Uuid::now_v7()));
        let (answer, receipt) = oneshot::channel();
        let attempt = Arc::new(attempt);
        let seen = Seen::default();
        let job = Job { attempt, seen, unusual: false, deadline, answer, timeline };
        self.claims.begin(&job);
        self.engine.submit(job);
        match receipt.await {
            Ok(result) => Ok(result?),
            // Whoever had the command in hand died with it: only a fault of ours does that.
            Err(_) => Err(WalletError::Internal),
        }
    }

    /// The balance of a player: never older than the last reply of this node; from any other
    /// node never older than the grace period.
    ///
    /// # Errors
    /// [`WalletError`]; refusals as the checks demand.
    pub async fn balance(
        &self,
        provider: &ProviderId,
        player: &PlayerId,
        checks: &Checks,
    ) -> Result<PlayerView, WalletError> {
        let found = match (checks.session, &checks.token) {
            (SessionRule::Ignore, _) | (SessionRule::ValidIfGiven, None) => {
                self.look_up(player).await?
            }
            (SessionRule::Required, None) => {
                return Err(WalletError::Refused(Reason::SessionUnknown));
            }
            (SessionRule::ValidIfGiven | SessionRule::Required, Some(token)) => {
                self.look_up_with_session(provider, player, token).await?
            }
        };
        if checks.currency.as_ref().is_some_and(|named| *named != found.currency) {
            return Err(WalletError::Refused(Reason::CurrencyMismatch));
        }
        if checks.active_only {
            refuse_inactive(found.status)?;
        }
        Ok(found)
    }

    async fn look_up(&self, player: &PlayerId) -> Result<PlayerView, WalletError> {
        if let Some(cached) = self.cache.balance(player).await {
            return Ok(PlayerView {
                player: player.clone(),
                currency: cached.currency,
                balance: cached.balance,
                version: cached.version,
                status: cached.status,
            });
        }
        let unknown = WalletError::Refused(Reason::PlayerUnknown);
        let mut wallet = players::find(&self.pool, player).await?.ok_or(unknown)?;
        if let Some(ahead) = self.cache.fill(player, &CachedBalance::from(&wallet)).await {
            // The wallet was read before that was seen, and may be the older of the two.
            let mut wallets = put_right(&self.cache, &self.pool, &[ahead]).await?;
            wallet = wallets.remove(player).ok_or(unknown)?;
        }
        Ok(wallet.into())
    }

    async fn look_up_with_session(
        &self,
        provider: &ProviderId,
        player: &PlayerId,
        token: &TokenHash,
    ) -> Result<PlayerView, WalletError> {
        match players::behind_token(&self.pool, token).await? {
            Some((session, wallet)) if session.player == *player => {
                refuse_session(&session, provider, session.live)?;
                Ok(wallet.into())
            }
            found => {
                // An unknown player is the greater fault of the two.
                self.look_up(player).await?;
                let reason = match found {
                    Some(_) => Reason::SessionMismatch,
                    None => Reason::SessionUnknown,
                };
                Err(WalletError::Refused(reason))
            }
        }
    }
}

pub(super) fn refuse_session(
    session: &SessionFact,
    provider: &ProviderId,
    is_open: bool,
) -> Result<(), WalletError> {
    if session.provider != *provider {
        return Err(WalletError::Refused(Reason::SessionMismatch));
    }
    if !is_open {
        return Err(WalletError::Refused(Reason::SessionExpired));
    }
    Ok(())
}

pub(super) const fn refuse_inactive(status: PlayerStatus) -> Result<(), WalletError> {
    match status {
        PlayerStatus::Active => Ok(()),
        PlayerStatus::Frozen => Err(WalletError::Refused(Reason::PlayerFrozen)),
        PlayerStatus::Closed => Err(WalletError::Refused(Reason::PlayerClosed)),
    }
}
