//! What is counted and logged of a command that was decided.

use metrics::counter;
use tokio::sync::mpsc;

use crate::core::{Action, Attempt, Category, Command, Entry, Movement, Outcome, Reason, Receipt};
use crate::store::ledger::mismatches::Mismatch;

/// Calls under a key that says something else, on their way to where they are kept. One that
/// finds no room is counted and logged all the same.
pub type MismatchSender = mpsc::Sender<Mismatch>;

/// Is shown each movement of free rounds that was booked; it has to return at once.
pub type FreeRoundWatch = Box<dyn Fn(&Command, &Movement) + Send + Sync>;

/// Counts and logs what had been decided before, naming the first transaction.
pub(super) fn note_repeats(
    attempt: &Attempt,
    receipt: &Receipt,
    mismatches: Option<&MismatchSender>,
) {
    let command = &attempt.command;
    for (movement, outcome) in command.movements.iter().zip(&receipt.outcomes) {
        let mismatch = outcome.is_mismatch();
        if !mismatch && !outcome.is_repeat() {
            continue;
        }
        if let (Outcome::Mismatch(first), Some(sender)) = (outcome, mismatches) {
            // No reply waits for it.
            let _: Result<(), _> = sender.try_send(mismatch_of(attempt, movement, first));
        }
        counter!(
            "wallet_duplicates_total",
            "provider" => command.provider.to_string(),
            "mismatch" => if mismatch { "yes" } else { "no" },
        )
        .increment(1);
        let first = outcome.entry().map(|entry| entry.id().to_string()).unwrap_or_default();
        let (provider, player, tx_id) = (&command.provider, &command.player, &movement.tx_id);
        if mismatch {
            tracing::warn!(
                %provider, %player, %tx_id, first_transaction_id = first,
                "a key came again with other contents: nothing moved"
            );
        } else {
            tracing::info!(
                %provider, %player, %tx_id, first_transaction_id = first,
                "a repeat: nothing moved"
            );
        }
    }
}

fn mismatch_of(attempt: &Attempt, movement: &Movement, first: &Entry) -> Mismatch {
    let command = &attempt.command;
    Mismatch {
        key: command.key(&movement.tx_id),
        player: command.player.clone(),
        round: command.round.clone(),
        game: command.game.clone(),
        kind: movement.action.kind(),
        category: movement.category,
        requested: movement.action.requested(),
        transaction_id: first.id(),
        at: attempt.received_at,
    }
}

/// Counts and logs what a person should look at.
pub(super) fn note_flags(attempt: &Attempt, receipt: &Receipt) {
    let command = &attempt.command;
    for (movement, outcome) in command.movements.iter().zip(&receipt.outcomes) {
        let reason = match outcome {
            Outcome::Applied(entry) => entry.reason.filter(|reason| reason.is_flag()),
            Outcome::Refused { reason: reason @ Reason::DebitReversed, .. } => Some(*reason),
            Outcome::Parked(entry) => entry.reason,
            // Its provider takes back what was paid by hand: somebody has to, too.
            Outcome::NoEffect(entry) if matches!(movement.action, Action::Reverse { .. }) => {
                entry.reason.filter(|reason| *reason == Reason::DecidedElsewhere)
            }
            _ => None,
        };
        let cut_off = movement.is_cut_off() && matches!(outcome, Outcome::Applied(_));
        let reasons = reason.map(Reason::as_str).into_iter();
        for reason in reasons.chain(cut_off.then_some(Movement::CUT_OFF)) {
            flag(command, movement, reason, outcome);
        }
    }
}

fn flag(command: &Command, movement: &Movement, reason: &'static str, outcome: &Outcome) {
    counter!(
        "wallet_flagged_total",
        "provider" => command.provider.to_string(),
        "reason" => reason,
    )
    .increment(1);
    tracing::warn!(
        provider = %command.provider, player = %command.player, tx_id = %movement.tx_id,
        reason, outcome = outcome.as_str(), "a movement to look at"
    );
}

/// Shows what was booked of free rounds.
pub(super) fn show_free_rounds(attempt: &Attempt, receipt: &Receipt, watch: &FreeRoundWatch) {
    for (movement, outcome) in attempt.command.movements.iter().zip(&receipt.outcomes) {
        if movement.category == Category::FreeRound && matches!(outcome, Outcome::Applied(_)) {
            watch(&attempt.command, movement);
        }
    }
}
