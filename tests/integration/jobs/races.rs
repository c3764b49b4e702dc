//! The job and the provider at the same time.

use futures_util::future::join_all;
use seamless_wallet::core::{Key, ProviderId, TxId};
use seamless_wallet::jobs::reapply::{self, Attempted};
use seamless_wallet::store::jobs::parked::Place;

use super::{AFTER_THE_GRACE, Crew, QUICK};
use crate::support::bank::player_id;
use crate::support::pragmatic;
use crate::support::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_job_and_the_providers_retries_on_two_nodes_pay_a_parked_win_once() {
    let world = World::tuned(2, QUICK).await;
    let crew = Crew::of(&world, "").await;
    for number in 0..12 {
        let player = format!("ann-{number}");
        world.bank.open(&player, "100.00").await;
        let results: Vec<_> = (0..3)
            .map(|win| {
                let (tx, round) = (format!("w{number}-{win}"), format!("r{number}-{win}"));
                pragmatic::result(&player, &tx, &round, "2.50").at("quick")
            })
            .collect();
        for result in &results {
            assert_eq!(result.send(world.api(0)).await.error, 100);
        }
        tokio::time::sleep(AFTER_THE_GRACE).await;
        let places: Vec<Place> = results
            .iter()
            .map(|result| Place {
                player: player_id(&player),
                key: Key {
                    provider: ProviderId::parse("quick").expect("a slug"),
                    tx_id: TxId::parse(result.param("reference").expect("one")).expect("an id"),
                },
            })
            .collect();
        let attempts = join_all(places.iter().map(|place| reapply::attempt(&crew.app.jobs, place)));
        let retries = join_all(
            results
                .iter()
                .chain(&results)
                .enumerate()
                .map(async |(turn, result)| result.send(world.api(turn)).await),
        );
        let (attempts, answers, report) = tokio::join!(attempts, retries, crew.reapply());
        for attempted in attempts {
            assert!(matches!(attempted, Ok(Attempted::Decided(_))), "{attempted:?}");
        }
        assert!(answers.iter().all(|answer| answer.error == 0), "{answers:?}");
        for (one, other) in answers.iter().zip(&answers[results.len()..]) {
            assert_eq!(one.id(), other.id(), "a win has one id, whoever paid it");
        }
        assert_eq!(report.given_up, 0);
        assert_eq!(world.balance(&player).await, 10_750, "player {number}");
    }
    assert_eq!(world.number("SELECT count(*) FROM trx_log WHERE outcome = 'parked'").await, 0);
    world.check().await;
}
