//! Rows of the tables as the core knows them.

use uuid::Uuid;

use super::LookupError;
use crate::core::row::Link;
use crate::core::{
    Amount, Category, Currency, GameId, Key, Kind, Micros, PlayerId, PlayerStatus, ProviderId,
    Reason, RoundId, Row, RowOutcome, SessionFact, TransactionId, TxId, WalletState,
};

/// Builds a wallet from its columns.
///
/// # Errors
/// [`LookupError::Unreadable`].
pub(crate) fn wallet_state(
    player: PlayerId,
    currency: &str,
    balance_micros: i64,
    version: i64,
    status: &str,
    bet_limit_micros: Option<i64>,
) -> Result<WalletState, LookupError> {
    let bet_limit = bet_limit_micros.map(|micros| Amount::try_from(Micros::new(micros)));
    Ok(WalletState {
        player,
        currency: stored(Currency::parse(currency), "wallet.currency")?,
        balance: Micros::new(balance_micros),
        version,
        status: PlayerStatus::parse(status).ok_or(LookupError::Unreadable("wallet.status"))?,
        bet_limit: stored(bet_limit.transpose(), "wallet.bet_limit_micros")?,
    })
}

pub(crate) fn stored<T, E>(value: Result<T, E>, what: &'static str) -> Result<T, LookupError> {
    value.map_err(|_| LookupError::Unreadable(what))
}

/// A ledger row as its columns.
pub(crate) struct StoredRow {
    pub provider: String,
    pub tx_id: String,
    pub player_id: String,
    pub transaction_id: Uuid,
    pub kind: String,
    pub category: String,
    pub outcome: String,
    pub reason: Option<String>,
    pub requested_micros: i64,
    pub amount_micros: i64,
    pub shortfall_micros: i64,
    pub balance_after_micros: Option<i64>,
    pub wallet_version: Option<i64>,
    pub reverses: Option<String>,
    pub settles: Option<String>,
    pub round_id: Option<String>,
    pub game_id: Option<String>,
    pub fingerprint: i64,
    pub detail: Option<String>,
    pub occurred_at: Option<chrono::DateTime<chrono::Utc>>,
    pub created_at: chrono::DateTime<chrono::Utc>,
    pub parked_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// The ledger row in what a query has found, beside whatever else is in it.
macro_rules! stored_row {
    ($found:ident) => {
        $crate::store::rows::StoredRow {
            provider: $found.provider,
            tx_id: $found.tx_id,
            player_id: $found.player_id,
            transaction_id: $found.transaction_id,
            kind: $found.kind,
            category: $found.category,
            outcome: $found.outcome,
            reason: $found.reason,
            requested_micros: $found.requested_micros,
            amount_micros: $found.amount_micros,
            shortfall_micros: $found.shortfall_micros,
            balance_after_micros: $found.balance_after_micros,
            wallet_version: $found.wallet_version,
            reverses: $found.reverses,
            settles: $found.settles,
            round_id: $found.round_id,
            game_id: $found.game_id,
            fingerprint: $found.fingerprint,
            detail: $found.detail,
            occurred_at: $found.occurred_at,
            created_at: $found.created_at,
            parked_at: $found.parked_at,
        }
    };
}
pub(crate) use stored_row;

impl StoredRow {
    pub(crate) fn into_row(self) -> Result<Row, LookupError> {
        let unreadable = LookupError::Unreadable;
        let link = match (self.wallet_version, self.balance_after_micros) {
            (Some(version), Some(balance_after)) => Some(Link { version, balance_after }),
            _ => None,
        };
        let reason = self
            .reason
            .as_deref()
            .map(|word| Reason::parse(word).ok_or(unreadable("trx_log.reason")));
        Ok(Row {
            key: Key {
                provider: stored(ProviderId::parse(self.provider), "trx_log.provider")?,
                tx_id: stored(TxId::parse(self.tx_id), "trx_log.tx_id")?,
            },
            player: stored(PlayerId::parse(self.player_id), "trx_log.player_id")?,
            transaction_id: TransactionId::new(self.transaction_id),
            kind: Kind::parse(&self.kind).ok_or(unreadable("trx_log.kind"))?,
            category: Category::parse(&self.category).ok_or(unreadable("trx_log.category"))?,
            outcome: RowOutcome::parse(&self.outcome).ok_or(unreadable("trx_log.outcome"))?,
            reason: reason.transpose()?,
            requested: Micros::new(self.requested_micros),
            amount: Micros::new(self.amount_micros),
            shortfall: Micros::new(self.shortfall_micros),
            link,
            reverses: stored(self.reverses.map(TxId::parse).transpose(), "trx_log.reverses")?,
            settles: stored(self.settles.map(TxId::parse).transpose(), "trx_log.settles")?,
            round: stored(self.round_id.map(RoundId::parse).transpose(), "trx_log.round_id")?,
            game: stored(self.game_id.map(GameId::parse).transpose(), "trx_log.game_id")?,
            fingerprint: self.fingerprint,
            detail: self.detail.map(String::into_boxed_str),
            occurred_at: self.occurred_at,
            created_at: self.created_at,
            parked_at: self.parked_at,
            parked_command: None,
        })
    }
}

/// A session as its columns.
///
/// # Errors
/// [`LookupError::Unreadable`].
pub(crate) fn session_fact(
    player: &str,
    provider: &str,
    game: Option<&str>,
    live: bool,
) -> Result<SessionFact, LookupError> {
    Ok(SessionFact {
        player: stored(PlayerId::parse(player), "session.player_id")?,
        provider: stored(ProviderId::parse(provider), "session.provider")?,
        game: stored(game.map(GameId::parse).transpose(), "session.game_id")?,
        live,
    })
}
