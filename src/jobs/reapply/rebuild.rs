//! A command, put together again from the rows that it left when it was parked.
//!
//! A row holds what the movement said, but not the command's currency, and of the provider's
//! terms nothing: these the adapter knows. The fingerprint, a hash of everything that was said,
//! proves that what was put together is what had been taken apart.

use crate::core::{
    Action, Amount, Command, Currency, Kind, Micros, Movement, Policy, Reversible, Row, WalletState,
};
use crate::providers::Terms;

/// The command that `row` is part of, from all parked rows of its player, less what of it was
/// decided before. `None` where the rows do not say what the provider had said.
pub(super) fn command(
    terms: Terms<'_>,
    wallet: &WalletState,
    row: &Row,
    rows: &[Row],
) -> Option<Command> {
    let undoes = match terms.undoes {
        Reversible::Any | Reversible::Unpaid => Reversible::Unpaid,
        only @ (Reversible::Debit | Reversible::Credit) => only,
    };
    // One arrival stamps all its rows with one time.
    let mut own: Vec<&Row> = rows
        .iter()
        .filter(|other| {
            other.key.provider == row.key.provider
                && other.round == row.round
                && other.game == row.game
                && other.created_at == row.created_at
        })
        .collect();
    own.sort_by_key(|row| row.transaction_id);
    // Whoever names a currency that is not the wallet's is not parked but refused.
    [None, Some(&wallet.currency)]
        .into_iter()
        .find_map(|currency| with_currency(row, &own, undoes, currency, terms.policy))
}

fn with_currency(
    row: &Row,
    rows: &[&Row],
    undoes: Reversible,
    currency: Option<&Currency>,
    policy: &Policy,
) -> Option<Command> {
    let mut command = Command {
        provider: row.key.provider.clone(),
        player: row.player.clone(),
        currency: currency.cloned(),
        token: None,
        game: row.game.clone(),
        round: row.round.clone(),
        movements: Vec::with_capacity(rows.len()),
        policy: policy.clone(),
        occurred_at: row.occurred_at,
    };
    for row in rows {
        let movement = actions(row, undoes)
            .into_iter()
            .flatten()
            .map(|action| Movement {
                tx_id: row.key.tx_id.clone(),
                action,
                category: row.category,
                detail: row.detail.clone(),
            })
            .find(|movement| command.fingerprint(movement) == row.fingerprint)?;
        command.movements.push(movement);
    }
    Some(command)
}

/// What the row may have said: a reversal's limit is no limit where none is stored.
fn actions(row: &Row, undoes: Reversible) -> [Option<Action>; 2] {
    match row.kind {
        Kind::Credit => [Amount::try_from(row.requested).ok().map(Action::Credit), None],
        Kind::Adjust if row.requested >= Micros::ZERO => {
            [Some(Action::Adjust(row.requested)), None]
        }
        Kind::Reverse => {
            let reverse = |at_most| {
                let target = row.reverses.clone()?;
                Some(Action::Reverse { target, of: undoes, at_most })
            };
            let limit = Amount::try_from(row.requested).ok();
            [reverse(None), limit.and_then(|limit| reverse(Some(limit)))]
        }
        // What takes money is never parked, and never done later.
        Kind::Debit | Kind::Adjust | Kind::Note => [None, None],
    }
}
