//! What settles single debits: the credits that name them, where a policy goes by those.

use sqlx::PgConnection;

use super::facts::{Facts, reversals};
use crate::core::policy::Settlement;
use crate::core::{Action, Attempt, Key, PlayerId, ProviderId, TxId};
use crate::store::LookupError;

/// Adds to the facts how many credits that name a debit stand, for each debit that an attempt turns
/// on. There is no round trip where none does. Of one debit's at most `window` are looked at.
///
/// # Errors
/// [`LookupError`].
pub(super) async fn read(
    connection: &mut PgConnection,
    attempts: &[&Attempt],
    window: Option<i64>,
    facts: &mut Facts,
) -> Result<(), LookupError> {
    let debits = Debits::of(attempts);
    if debits.keys.is_empty() {
        return Ok(());
    }
    let (players, providers, tx_ids) = debits.columns();
    // Each reversal beside takes at most one of those that were found to stand.
    let enough = 1 + reversals(attempts);
    let rows = sqlx::query!(
        r#"
        SELECT d.place AS "place!", (
                   SELECT count(*)
                   FROM (
                       SELECT FROM (
                           SELECT c.tx_id FROM trx_log c
                           WHERE c.player_id = d.player_id AND c.provider = d.provider
                             AND c.settles = d.tx_id AND c.outcome IN ('applied', 'noted')
                           LIMIT $4) c
                       WHERE NOT EXISTS (
                           SELECT FROM trx_log x
                           WHERE x.provider = d.provider AND x.player_id = d.player_id
                             AND x.reverses = c.tx_id AND x.outcome = 'applied' OFFSET 0)
                       LIMIT $5) c) AS "standing!",
               CASE WHEN $4::bigint IS NOT NULL THEN EXISTS (
                   SELECT FROM trx_log c
                   WHERE c.player_id = d.player_id AND c.provider = d.provider
                     AND c.settles = d.tx_id AND c.outcome IN ('applied', 'noted') OFFSET $4)
               ELSE false END AS "more!"
        FROM unnest($1::text[], $2::text[], $3::text[])
             WITH ORDINALITY AS d(player_id, provider, tx_id, place)
        "#,
        &players as &[&str],
        &providers as &[&str],
        &tx_ids as &[&str],
        window,
        enough,
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        let place = usize::try_from(row.place - 1).ok();
        let Some((player, provider, tx_id)) = place.and_then(|at| debits.keys.get(at)) else {
            continue;
        };
        if row.more && row.standing < enough {
            facts.undetermined.insert((*player).clone());
        }
        let debit = Key { provider: (*provider).clone(), tx_id: (*tx_id).clone() };
        facts.history.learn_settlements((*player).clone(), debit, row.standing);
    }
    Ok(())
}

/// The debits on whose settlement something turns.
struct Debits<'a> {
    keys: Vec<(&'a PlayerId, &'a ProviderId, &'a TxId)>,
}

impl<'a> Debits<'a> {
    fn of(attempts: &[&'a Attempt]) -> Self {
        let mut keys = Vec::new();
        for attempt in attempts {
            let command = &attempt.command;
            for movement in &command.movements {
                let debit = match (&movement.action, command.policy.settlement) {
                    (
                        Action::Reverse { target, .. },
                        Settlement::ByDebit | Settlement::OncePerDebit,
                    ) => Some(target),
                    (Action::Credit { settles, .. }, Settlement::OncePerDebit) => settles.as_ref(),
                    _ => None,
                };
                keys.extend(debit.map(|debit| (&command.player, &command.provider, debit)));
            }
        }
        Self { keys }
    }

    fn columns(&self) -> (Vec<&'a str>, Vec<&'a str>, Vec<&'a str>) {
        let text = |of: &(&'a PlayerId, &'a ProviderId, &'a TxId)| {
            (of.0.as_str(), of.1.as_str(), of.2.as_str())
        };
        self.keys.iter().map(text).collect()
    }
}
