//! What is over goes, and nothing else does.

use seamless_wallet::cache::Swept;

use super::Crew;
use crate::support::pragmatic;
use crate::support::world::World;

impl World {
    /// Puts a value under a key, for so many milliseconds or for ever.
    fn put(&self, key: &str, value: &str, lives_ms: Option<u32>) {
        let lives = lives_ms.map(|ms| ms.to_string());
        let mut words: Vec<&[u8]> = vec![b"SET", key.as_bytes(), value.as_bytes()];
        if let Some(lives) = &lives {
            words.extend([&b"PX"[..], lives.as_bytes()]);
        }
        self.redis.command(&words);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_that_would_never_expire_go_and_everything_else_stays() {
    let world = World::with_nodes(0).await;
    let crew = Crew::of(&world, "jobs.cleanup_batch = 10").await;
    let gone = [
        ("idemp:{a}:p:made-permanent", "p:2"),
        ("idemp:{a}:p:of-an-earlier-version", "d:1:3:[]"),
        ("idemp:{a}:p:nonsense", "?"),
    ];
    let stay = [
        ("idemp:{a}:p:since-now", "p:3", Some(599_000)),
        // A repeat may still come.
        ("idemp:{a}:p:since-long", "p:1", Some(60_000)),
        ("idemp:{a}:p:nonsense-that-expires", "?", Some(60_000)),
        ("wallet:balance:{a}", "3|1|EUR|active", None),
        ("other:idemp:{a}", "p:4", None),
        ("somebody-elses", "p:5", None),
    ];
    for (key, value) in gone {
        world.put(key, value, None);
    }
    for (key, value, lives) in stay {
        world.put(key, value, lives);
    }
    for number in 0..200 {
        world.put(&format!("idemp:{{b{number}}}:p:t"), "p:6", Some(600_000));
    }
    world.redis.command(&[b"LPUSH", b"idemp:{a}:p:a-list", b"p:7"]);
    let report = crew.cleanup().await;
    assert_eq!(report.claims, Some(Swept { claims: 207, without_expiry: 4 }));
    for (key, _) in gone {
        assert_eq!(world.redis.get(key), None, "{key}");
    }
    for (key, value, _) in stay {
        assert_eq!(world.redis.get(key).as_deref(), Some(value), "{key}");
    }
    assert!(world.redis.command(&[b"EXISTS", b"idemp:{a}:p:a-list"]).starts_with(":0"));
    let report = crew.cleanup().await;
    assert_eq!(report.claims, Some(Swept { claims: 203, without_expiry: 0 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_is_answered_right_after_its_claim_was_removed() {
    let world = World::with_nodes(1).await;
    let crew = Crew::of(&world, "").await;
    world.bank.open("ann", "100.00").await;
    let bet = pragmatic::bet("ann", "b", "r", "1.00");
    let id = bet.send(world.api(0)).await.id().to_owned();
    world.put("idemp:{ann}:pragmatic:b", "p:dead", None);
    let swept = crew.cleanup().await.claims.expect("Redis is there");
    assert_eq!(swept.without_expiry, 1);
    assert_eq!(bet.send(world.api(0)).await.id(), id);
    assert_eq!(world.balance("ann").await, 9_900);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_have_been_over_for_a_day_go_in_pieces() {
    let mut world = World::with_nodes(0).await;
    let crew = Crew::of(&world, "jobs.cleanup_batch = 10").await;
    world.bank.open("ann", "1.00").await;
    for number in 0..35 {
        world.bank.session(&format!("old-{number}"), "ann", "pragmatic", -90_000).await;
    }
    world.bank.session("over", "ann", "pragmatic", -3_600).await;
    world.bank.session("open", "ann", "pragmatic", 3_600).await;
    world.redis.kill();
    let report = crew.cleanup().await;
    assert_eq!((report.sessions, report.claims), (35, None), "without Redis, too");
    assert_eq!(world.number("SELECT count(*) FROM session").await, 2);
    assert_eq!(crew.cleanup().await.sessions, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_reconciliations_go_and_the_marks_of_the_last_one_stay() {
    let world = World::with_nodes(0).await;
    let crew = Crew::of(&world, "").await;
    world.bank.open("ann", "1.00").await;
    crew.reconcile(seamless_wallet::jobs::reconcile::Scope::Full).await;
    assert_eq!(crew.cleanup().await.reports, 0);
    world.meddle("UPDATE reconciliation_run SET started_at = now() - interval '91 days'").await;
    assert_eq!(crew.cleanup().await.reports, 1);
    assert_eq!(world.number("SELECT count(*) FROM reconciliation_mark").await, 1);
}
