//! One bet comes thousands of times.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;

use super::Intensity;
use super::stage::Stage;
use crate::support::pragmatic;

/// Copies that are on their way at the same time.
const AT_ONCE: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bet_thousands_of_times_at_two_nodes_is_one_debit_and_one_answer() {
    let how = Intensity::of_this_run();
    let stage = Stage::ordinary(how).await;
    stage.world.bank.open("ann", "100.00").await;
    let copies = how.pick(1_000, 10_000);
    let bet = pragmatic::bet("ann", "b-1", "r-1", "1.00");
    let sent = Arc::new(AtomicUsize::new(0));
    let senders = (0..AT_ONCE).map(|_| {
        let (bet, sent, nodes) = (bet.clone(), Arc::clone(&sent), stage.world.apis());
        tokio::spawn(async move {
            let mut answers = Vec::new();
            loop {
                let number = sent.fetch_add(1, Ordering::Relaxed);
                if number >= copies {
                    return answers;
                }
                let answer = bet.send(&nodes[number % nodes.len()]).await;
                answers.push((answer.id().to_owned(), answer.cash));
            }
        })
    });
    let answers = join_all(senders.collect::<Vec<_>>()).await;
    let mut answers: Vec<_> =
        answers.into_iter().flat_map(|answers| answers.expect("all answered")).collect();
    assert_eq!(answers.len(), copies);
    answers.dedup();
    assert_eq!(answers.len(), 1, "all answers are the same: {answers:?}");
    assert_eq!(answers[0].1, Some(9_900));
    assert_eq!(stage.world.applied("b-1").await, 1);
    assert_eq!(stage.world.balance("ann").await, 9_900);
    stage.rounds(20).await;
    let ended = stage.end().await;
    assert_eq!((ended.tally.unanswered, ended.tally.put_off), (0, 0), "nobody has to ask twice");
    let done = format!("one bet {copies} times, {AT_ONCE} at once, at two nodes under traffic");
    ended.report("storm of duplicates", &done, "one movement, and all answers are the same");
}
