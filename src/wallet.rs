//! The one door to money: execute, balance, authenticate. Everything outside (HTTP callbacks,
//! the operator's API, jobs) comes through here, so every movement is claimed, committed,
//! published and counted in the same way.

use std::sync::Arc;

use chrono::Utc;
use metrics::counter;
use sqlx::PgPool;
use tokio::time::Instant;
use uuid::Uuid;

use crate::cache::{Cache, CachedBalance, Claimed, Finished, Publication};
use crate::core::policy::{LateOriginal, SessionRule};
use crate::core::{
    Action, Attempt, Checks, Command, GameId, GameState, Outcome, PlayerId, PlayerStatus,
    PlayerView, ProviderId, Reason, Receipt, SessionFact, TokenHash, TransactionId,
};
use crate::store::{Engine, ExecuteError, LookupError, games, players};

/// The door. One for each node.
pub struct Wallet {
    engine: Engine,
    pool: PgPool,
    cache: Cache,
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
            LookupError::Unreadable(_) | LookupError::Other(_) => Self::Internal,
        }
    }
}

/// Which layer caught a repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Redis,
    Database,
}

impl Layer {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Database => "database",
        }
    }
}

impl Wallet {
    /// A door to this engine, these look-ups and this cache.
    pub const fn new(engine: Engine, pool: PgPool, cache: Cache) -> Self {
        Self { engine, pool, cache }
    }

    /// The look-ups that move no money.
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The cache, for its state.
    pub const fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Commands that wait for a batch.
    pub fn queued(&self) -> usize {
        self.engine.queued()
    }

    /// Executes a command exactly once and says what came of it. It runs to its end even when
    /// the caller goes away: the retry then finds the result.
    ///
    /// # Errors
    /// [`WalletError`]. A business refusal is no error: it is in the receipt.
    pub async fn execute(
        self: &Arc<Self>,
        command: Command,
        deadline: Instant,
    ) -> Result<Receipt, WalletError> {
        let attempt = Attempt::new(command, Utc::now(), || TransactionId::new(Uuid::now_v7()));
        let wallet = Arc::clone(self);
        // Boxed, because a task's future is moved several times before it comes to rest, and
        // this one is as large as everything below it.
        let run = Box::pin(async move { wallet.run(Arc::new(attempt), deadline).await });
        tokio::spawn(run).await.unwrap_or_else(|error| {
            tracing::error!(%error, "execution panicked");
            Err(WalletError::Internal)
        })
    }

    async fn run(&self, attempt: Arc<Attempt>, deadline: Instant) -> Result<Receipt, WalletError> {
        let command = &attempt.command;
        let Some(first) = command.movements.first() else { return Err(WalletError::Internal) };
        let key = command.key(&first.tx_id);
        let fingerprint = attempt.fingerprint();
        let claimed = self.cache.claim(&key, &command.player, fingerprint).await;
        let repeat_expected = match claimed {
            Claimed::Finished(receipt) if !may_have_been_undone(command) => {
                note_repeats(&attempt, &receipt, Layer::Redis);
                return Ok(receipt);
            }
            Claimed::Finished(_) | Claimed::Seen => true,
            Claimed::New | Claimed::Unavailable => false,
        };
        let receipt = self.engine.execute(Arc::clone(&attempt), repeat_expected, deadline).await?;
        note_repeats(&attempt, &receipt, Layer::Database);
        note_flags(&attempt, &receipt);
        self.cache
            .publish(Publication {
                player: command.player.clone(),
                balance: CachedBalance {
                    currency: receipt.currency.clone(),
                    balance: receipt.balance,
                    version: receipt.version,
                    status: receipt.status,
                },
                finished: Some(Finished { key, fingerprint, receipt: receipt.clone() }),
            })
            .await;
        Ok(receipt)
    }

    /// Who is behind a launch token, and what they have.
    ///
    /// # Errors
    /// [`WalletError`]; a token that is unknown, over or another provider's, a player who is
    /// not active and a game that is off are refusals.
    pub async fn authenticate(
        &self,
        provider: &ProviderId,
        token: &TokenHash,
        game: Option<&GameId>,
    ) -> Result<PlayerView, WalletError> {
        let found = players::behind_token(&self.pool, token).await?;
        let (session, wallet) = found.ok_or(WalletError::Refused(Reason::SessionUnknown))?;
        if session.provider != *provider {
            return Err(WalletError::Refused(Reason::SessionMismatch));
        }
        if session.expires_at <= Utc::now() {
            return Err(WalletError::Refused(Reason::SessionExpired));
        }
        refuse_inactive(wallet.status)?;
        if let Some(game) = game
            && games::state(&self.pool, provider, game).await? == GameState::Disabled
        {
            return Err(WalletError::Refused(Reason::GameDisabled));
        }
        Ok(wallet.into())
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
        let wallet = players::find(&self.pool, player)
            .await?
            .ok_or(WalletError::Refused(Reason::PlayerUnknown))?;
        let view = PlayerView::from(wallet);
        let fresh = CachedBalance {
            currency: view.currency.clone(),
            balance: view.balance,
            version: view.version,
            status: view.status,
        };
        self.cache.fill(player, &fresh).await;
        Ok(view)
    }

    async fn look_up_with_session(
        &self,
        provider: &ProviderId,
        player: &PlayerId,
        token: &TokenHash,
    ) -> Result<PlayerView, WalletError> {
        match players::behind_token(&self.pool, token).await? {
            Some((session, wallet)) if session.player == *player => {
                refuse_session(&session, provider)?;
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

fn refuse_session(session: &SessionFact, provider: &ProviderId) -> Result<(), WalletError> {
    if session.provider != *provider {
        return Err(WalletError::Refused(Reason::SessionMismatch));
    }
    if session.expires_at <= Utc::now() {
        return Err(WalletError::Refused(Reason::SessionExpired));
    }
    Ok(())
}

const fn refuse_inactive(status: PlayerStatus) -> Result<(), WalletError> {
    match status {
        PlayerStatus::Active => Ok(()),
        PlayerStatus::Frozen => Err(WalletError::Refused(Reason::PlayerFrozen)),
        PlayerStatus::Closed => Err(WalletError::Refused(Reason::PlayerClosed)),
    }
}

/// True when a repeat must not be answered from Redis: another node may have undone the stake
/// since and may have failed to say so, and the protocol tells a stake that stands from one
/// that does not.
fn may_have_been_undone(command: &Command) -> bool {
    command.policy.late_original == LateOriginal::Refuse
        && command.movements.iter().any(|movement| matches!(movement.action, Action::Debit(_)))
}

/// Counts and logs what had been decided before, naming the first transaction.
fn note_repeats(attempt: &Attempt, receipt: &Receipt, layer: Layer) {
    let command = &attempt.command;
    for (movement, outcome) in command.movements.iter().zip(&receipt.outcomes) {
        if !outcome.is_repeat() {
            continue;
        }
        let mismatch = matches!(outcome, Outcome::Mismatch(_));
        counter!(
            "wallet_duplicates_total",
            "provider" => command.provider.to_string(),
            "layer" => layer.as_str(),
            "mismatch" => if mismatch { "yes" } else { "no" },
        )
        .increment(1);
        let first = outcome.entry().map(|entry| entry.id().to_string()).unwrap_or_default();
        let (provider, player, tx_id) = (&command.provider, &command.player, &movement.tx_id);
        if mismatch {
            tracing::warn!(
                %provider, %player, %tx_id, first_transaction_id = first, layer = layer.as_str(),
                "a key came again with other contents: nothing moved"
            );
        } else {
            tracing::info!(
                %provider, %player, %tx_id, first_transaction_id = first, layer = layer.as_str(),
                "a repeat: nothing moved"
            );
        }
    }
}

/// Counts and logs what a person should look at.
fn note_flags(attempt: &Attempt, receipt: &Receipt) {
    let command = &attempt.command;
    for (movement, outcome) in command.movements.iter().zip(&receipt.outcomes) {
        let reason = match outcome {
            Outcome::Applied(entry) => entry.reason.filter(|reason| reason.is_flag()),
            Outcome::Refused { reason: reason @ Reason::DebitReversed, .. } => Some(*reason),
            Outcome::Parked(entry) => entry.reason,
            _ => None,
        };
        let Some(reason) = reason else { continue };
        counter!(
            "wallet_flagged_total",
            "provider" => command.provider.to_string(),
            "reason" => reason.as_str(),
        )
        .increment(1);
        tracing::warn!(
            provider = %command.provider, player = %command.player, tx_id = %movement.tx_id,
            reason = reason.as_str(), outcome = outcome.as_str(), "a movement to look at"
        );
    }
}
