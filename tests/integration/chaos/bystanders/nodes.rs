//! Two nodes serve the same players.

use super::super::Intensity;
use super::measure::{Caller, Crowd, Measured};
use super::stand::{START, START_CENTS, open, world};
use crate::support::http::Endpoint;
use crate::support::pragmatic::{self, Call};

/// Connections of a provider's that bet for whoever plays.
struct Connection {
    place: usize,
    nodes: Vec<Endpoint>,
    players: usize,
    bets: usize,
    /// Whether a player's bets all go to one node, or each to the connection's.
    split: bool,
}

impl Caller for Connection {
    fn next(&mut self) -> (Call, Endpoint) {
        self.bets += 1;
        // Any player, over and over in another order.
        let player =
            (self.place * 7_919 + self.bets * 104_729 + self.bets * self.bets * 31) % self.players;
        let reference = format!("bet-{}-{}", self.place, self.bets);
        let bet = pragmatic::bet(&format!("player-{player}"), &reference, &reference, "1.00");
        let turn = if self.split { player } else { self.place };
        (bet, self.nodes[turn % self.nodes.len()].clone())
    }
}

fn split(crowd: &mut Crowd<Connection>, split: bool) {
    for connection in &mut crowd.callers {
        connection.split = split;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_that_serve_the_same_players_are_as_fast_as_two_that_share_them_out() {
    let how = Intensity::of_this_run();
    let (world, _server) = world(2, "").await;
    let players = how.pick(60, 900);
    let names = open(&world, "player", players, START).await;
    let connections = (0..how.pick(16, 128)).map(|place| Connection {
        place,
        nodes: world.apis(),
        players,
        bets: 0,
        split: true,
    });
    let mut crowd = Crowd { callers: connections.collect() };
    let mut measured = Measured::of("two nodes serve the same players", how);
    crowd.play(measured.slice() / 3).await;
    for _ in 0..measured.turns() {
        split(&mut crowd, true);
        measured.control(&mut crowd).await;
        split(&mut crowd, false);
        measured.beside_for(&mut crowd, measured.slice()).await;
    }
    measured.others_keep(0.8);
    measured.p99_within(2.0);
    let verdict = measured.end();
    world.check().await;
    let mut left = 0;
    for player in &names {
        left += world.balance(player).await;
    }
    let bets: usize = crowd.callers.iter().map(|connection| connection.bets).sum();
    let at_first = i64::try_from(players).expect("few") * START_CENTS;
    assert_eq!(left, at_first - i64::try_from(bets).expect("few") * 100, "{bets} bets");
    verdict.must_hold();
}
