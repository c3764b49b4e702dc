//! A command for a wallet that is not there (yet): what gives money waits for it.

use super::draft::blank;
use crate::core::command::{Action, Attempt, Movement};
use crate::core::history::History;
use crate::core::money::Micros;
use crate::core::row::{Reason, Row};

/// The rows that a command without a wallet leaves: it is parked as a whole, or nothing of it is
/// written. A reversal waits as well: what it undoes may be waiting before it. Whatever is written,
/// the caller is told that there is no such player; a call that comes again writes nothing new.
pub fn park_without_wallet(history: &History, attempt: &Attempt) -> Vec<Row> {
    let command = &attempt.command;
    if !command.movements.iter().all(waits) || command.has_a_foreign_key(history) {
        return Vec::new();
    }
    let keys = command.keys_once(|tx_id| history.row(&command.key(tx_id)).is_none());
    let mut rows: Vec<Row> = Vec::with_capacity(keys.len());
    for (movement, ids) in command.movements.iter().zip(&attempt.ids) {
        let twice = rows.iter().any(|row| row.key.tx_id == movement.tx_id);
        if keys.contains(&&movement.tx_id) && !twice {
            let row = blank(attempt, movement, *ids);
            rows.push(row.parked(attempt, movement, &keys, Reason::PlayerUnknown));
        }
    }
    rows
}

/// True for what gives money, or takes back what gave some.
const fn waits(movement: &Movement) -> bool {
    match movement.action {
        Action::Credit { .. } | Action::Reverse { .. } => true,
        Action::Adjust(micros) => micros.get() >= Micros::ZERO.get(),
        Action::Debit(_) | Action::Note(_) | Action::DecidedElsewhere { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::core::ids::TxId;
    use crate::core::money::Amount;
    use crate::core::parked::{ParkedPart, ParkedRow, parked_command};
    use crate::core::row::RowOutcome;
    use crate::core::{Category, Command, PlayerId, Policy, ProviderId, TransactionId};

    fn attempt(actions: &[(&str, Action)]) -> Attempt {
        let movement = |(id, action): &(&str, Action)| Movement {
            tx_id: TxId::parse(id).expect("an id"),
            action: action.clone(),
            category: Category::Win,
            detail: None,
        };
        let command = Command {
            provider: ProviderId::parse("acme").expect("a slug"),
            player: PlayerId::parse("nobody").expect("an id"),
            currency: None,
            token: None,
            game: None,
            round: None,
            movements: actions.iter().map(movement).collect(),
            policy: Policy::PERMISSIVE,
            occurred_at: None,
        };
        Attempt::new(command, DateTime::UNIX_EPOCH, || TransactionId::new(Uuid::nil()))
    }

    fn euro(units: i64) -> Amount {
        Amount::from_minor(units, 0).expect("an amount")
    }

    #[test]
    fn what_gives_money_waits_as_a_whole_and_once() {
        let (win, prize) = (Action::credit(euro(1)), Action::credit(euro(2)));
        let attempt = attempt(&[("w", win.clone()), ("p", prize), ("w", win)]);
        let mut history = History::default();
        let rows = park_without_wallet(&history, &attempt);
        let keys: Vec<_> = rows.iter().map(|row| row.key.tx_id.as_str()).collect();
        assert_eq!(keys, ["w", "p"]);
        for row in &rows {
            assert_eq!(
                (row.outcome, row.reason),
                (RowOutcome::Parked, Some(Reason::PlayerUnknown))
            );
            assert_eq!(row.link, None);
        }
        for row in &rows {
            history.append(row.clone());
        }
        assert_eq!(park_without_wallet(&history, &attempt), [], "a repeat");

        // And it is put together again as it was.
        let kept = |row: Row| {
            let part = ParkedPart::parse(row.parked_command.as_deref()?)?;
            Some(ParkedRow { row, part })
        };
        let rows: Vec<ParkedRow> = rows.into_iter().filter_map(kept).collect();
        assert_eq!(rows[0].part.together().len(), 2);
        assert_eq!(rows[1].part.first().as_ref(), Some(&rows[0].row.key.tx_id));
        let command = parked_command(&rows).expect("a command");
        for (movement, row) in command.movements.iter().zip(&rows) {
            assert_eq!(command.fingerprint(movement), row.row.fingerprint);
        }
        assert_eq!(command.policy, attempt.command.policy);
    }

    #[test]
    fn beside_a_key_of_another_player_nothing_waits() {
        let alone = attempt(&[("w", Action::credit(euro(1)))]);
        let mut history = History::default();
        for row in park_without_wallet(&history, &alone) {
            let player = PlayerId::parse("somebody").expect("an id");
            history.append(Row { player, ..row });
        }
        let win = |id| (id, Action::credit(euro(1)));
        let both = attempt(&[win("new"), win("w")]);
        assert_eq!(park_without_wallet(&history, &both), []);
    }

    #[test]
    fn a_stake_waits_for_no_wallet_and_nothing_beside_it_does() {
        let attempt = attempt(&[("b", Action::Debit(euro(1))), ("w", Action::credit(euro(1)))]);
        assert_eq!(park_without_wallet(&History::default(), &attempt), []);
    }
}
