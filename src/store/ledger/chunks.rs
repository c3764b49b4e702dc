//! The rows of a long answer, some at a time: they come from the database only as fast as they
//! are taken.

use futures_util::{Stream, TryStreamExt};
use tokio::sync::mpsc;

use crate::core::Row;
use crate::store::LookupError;
use crate::store::rows::StoredRow;

/// Sends all that is found, `size` rows at once, each as what it is wanted as. It waits while the
/// receiver is behind, and ends when there is none any more.
///
/// # Errors
/// [`LookupError`], as of a search.
pub(super) async fn send_all<T>(
    mut found: impl Stream<Item = Result<StoredRow, sqlx::Error>> + Unpin,
    wanted: impl Fn(Row) -> T,
    size: usize,
    to: &mpsc::Sender<Vec<T>>,
) -> Result<(), LookupError> {
    let mut chunk = Vec::new();
    while let Some(row) = found.try_next().await.map_err(LookupError::of_search)? {
        chunk.push(wanted(row.into_row()?));
        if chunk.len() >= size && to.send(std::mem::take(&mut chunk)).await.is_err() {
            return Ok(());
        }
    }
    if !chunk.is_empty() {
        // A receiver that is gone wants nothing more.
        let _: Result<(), _> = to.send(chunk).await;
    }
    Ok(())
}
