//! Sids: whose they are, what they open, and what needs none.

use super::{ann, told};
use crate::support::evolution::{Call, balance, cancel, check, credit, debit};
use crate::support::world::World;

async fn status(world: &World, call: &Call) -> String {
    call.send(world.api(0)).await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_user_is_refused_without_a_balance_and_does_not_use_the_sid_up() {
    let world = ann(1).await;
    world.bank.open("bob", "100.00").await;
    for (slug, sid, expected) in
        [("evolution", "s", "INVALID_PARAMETER"), ("evolution-other", "so", "INVALID_SID")]
    {
        let bet = debit(sid, "ann", "r1", "1").at(slug);
        assert_eq!(status(&world, &bet).await, "OK");
        for wrong in ["bob", "nobody"] {
            for call in [
                balance(sid, wrong),
                debit(sid, wrong, "r2", "1"),
                credit(sid, wrong, "r1", "1"),
                cancel(sid, wrong, "r1", "1"),
            ] {
                told(&world, &call.at(slug), expected, "null").await;
            }
            let came = check(sid, wrong).at(slug).send(world.api(0)).await;
            assert_eq!((came.status.as_str(), came.json["sid"].is_null()), (expected, true));
        }
        assert_eq!(status(&world, &check(sid, "ann").at(slug)).await, "OK", "not used up");
    }
    assert_eq!((world.balance("ann").await, world.balance("bob").await), (9_800, 10_000));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_may_give_another_sid_and_the_old_one_is_good_for_what_is_owed_alone() {
    let world = ann(1).await;
    let kept = check("s", "ann").send(world.api(0)).await;
    assert_eq!(kept.json["sid"], "s");
    assert_eq!(status(&world, &check("s", "ann")).await, "OK");

    let at = |call: Call| call.at("evolution-other");
    for bet in ["r1", "r2"] {
        assert_eq!(status(&world, &at(debit("so", "ann", bet, "1").in_round(bet))).await, "OK");
    }
    let came = at(check("so", "ann")).send(world.api(0)).await;
    let new = came.json["sid"].as_str().expect("a sid").to_owned();
    assert!(new != "so" && new.len() == 32, "{new}");
    for refused in [balance("so", "ann"), debit("so", "ann", "r3", "1"), check("so", "ann")] {
        assert_eq!(status(&world, &at(refused)).await, "INVALID_SID");
    }
    let (win, undo) = (credit("so", "ann", "r1", "2"), cancel("so", "ann", "r2", "1"));
    told(&world, &at(win.in_round("r1")), "OK", "100.00").await;
    told(&world, &at(undo.in_round("r2")), "OK", "101.00").await;
    told(&world, &at(balance(&new, "ann")), "OK", "101.00").await;
    told(&world, &at(debit(&new, "ann", "r4", "1")), "OK", "100.00").await;
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sid_that_is_over_or_unknown_opens_nothing_and_wins_and_cancels_are_taken() {
    let world = ann(1).await;
    for bet in ["r1", "r2", "r3"] {
        assert_eq!(status(&world, &debit("s", "ann", bet, "1")).await, "OK");
    }
    world.bank.session("s", "ann", "evolution", -1).await;
    for sid in ["s", "never-seen"] {
        for refused in [balance(sid, "ann"), debit(sid, "ann", "r4", "1"), check(sid, "ann")] {
            assert_eq!(status(&world, &refused).await, "INVALID_SID", "{sid}");
        }
    }
    told(&world, &credit("s", "ann", "r1", "2"), "OK", "99.000000").await;
    told(&world, &cancel("s", "ann", "r2", "1"), "OK", "100.000000").await;
    // Nobody knows the sid: the bet tells whose the win is.
    told(&world, &credit("never-seen", "ann", "r3", "2"), "OK", "102.000000").await;
    let nothing = credit("never-seen", "ann", "r9", "2");
    assert_eq!(status(&world, &nothing).await, "BET_DOES_NOT_EXIST");
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sids_of_one_player_are_both_good_and_a_sid_of_another_brand_is_not() {
    let world = ann(1).await;
    world.bank.session("mobile", "ann", "evolution", 3600).await;
    told(&world, &debit("s", "ann", "r1", "1"), "OK", "99.000000").await;
    told(&world, &debit("mobile", "ann", "r2", "1"), "OK", "98.000000").await;
    told(&world, &credit("mobile", "ann", "r1", "1"), "OK", "99.000000").await;
    told(&world, &balance("s", "ann"), "OK", "99.000000").await;
    assert_ne!(status(&world, &debit("so", "ann", "r3", "1")).await, "OK");
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sids_are_handed_out_where_that_is_set_and_nowhere_else() {
    let world = ann(1).await;
    let mut asked = check("", "ann");
    assert_eq!(status(&world, &check("", "ann")).await, "INVALID_PARAMETER");
    asked = asked.at("evolution-other");
    let came = asked.clone().to("sid").send(world.api(0)).await;
    let sid = came.json["sid"].as_str().expect("a sid").to_owned();
    assert_eq!(status(&world, &debit(&sid, "ann", "r1", "1").at("evolution-other")).await, "OK");
    let another = asked.to("sid").send(world.api(0)).await;
    assert_ne!(another.json["sid"], came.json["sid"]);
    let nobody = check("", "nobody").at("evolution-other").to("sid");
    let refused = nobody.send(world.api(0)).await;
    assert_eq!((refused.status.as_str(), refused.json["sid"].is_null()), ("INVALID_SID", true));
    // There is no such path elsewhere; what was not read is not repeated.
    let reply = check("", "ann").to("sid").attempt(world.api(0)).await.expect("a reply");
    assert_eq!(reply.json()["status"], "INVALID_PARAMETER");
    world.check().await;
}
