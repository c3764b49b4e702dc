//! Writing what was decided about a batch of players, by the one statement that moves money.

use sqlx::PgConnection;

use super::change::Change;
use super::columns::{Circumstances, Keys, NamedDebits, Rows, Wallets};
use super::error::WriteError;
use super::statement::Columns;
use super::written::{Written, written};

/// Writes the changes of a batch, all of those of which everything holds, in one transaction. There
/// is one answer for each change, in order. `changes` must be in the order of the players, so that
/// two nodes take the wallets' locks in the same order; keys are taken in one order as well, and
/// only after all wallets.
///
/// # Errors
/// [`WriteError`]: nothing was written or, where it is transient, nobody knows.
pub async fn batch(
    connection: &mut PgConnection,
    changes: &[Change<'_>],
) -> Result<Vec<Written>, WriteError> {
    let batch = Columns {
        rows: Rows::of(changes),
        circumstances: Circumstances::of(changes),
        wallets: Wallets::of(changes),
        keys: Keys::of(changes),
        debits: NamedDebits::of(changes),
    };
    let found = batch.execute(connection).await?;
    Ok(written(changes, found))
}
