//! Tokens: what they open, what takes their place, and whose they are.

use std::time::Duration;

use chrono::Utc;
use futures_util::future::join_all;
use seamless_wallet::core::policy::SessionRule;
use seamless_wallet::core::{
    Action, Amount, Category, Command, Exchange, GameId, Movement, PlayerStatus, Policy,
    ProviderId, Reason, Receipt, TokenHash, TxId,
};
use seamless_wallet::engine::{Authenticated, Named, WalletError};
use seamless_wallet::store::directory::sessions::{self, Issued, NewSession};
use secrecy::ExposeSecret as _;

use crate::support::bank::{Bank, player_id};
use crate::support::database::Database;

/// Two nodes on one database, and Ann with a launch token.
struct House {
    database: Database,
    nodes: [Bank; 2],
}

fn acme() -> ProviderId {
    ProviderId::parse("acme").expect("a slug")
}

impl House {
    async fn open() -> Self {
        let database = Database::fresh().await;
        let nodes = [Bank::at(&database), Bank::at(&database)];
        for player in ["ann", "bob"] {
            nodes[0].open(player, "10").await;
        }
        nodes[0].session("launch", "ann", "acme", 3_600).await;
        Self { database, nodes }
    }

    async fn lets_in(
        &self,
        turn: usize,
        token: &str,
        exchange: Exchange,
    ) -> Result<Authenticated, WalletError> {
        self.lets_in_as(turn, token, None, None, exchange).await
    }

    async fn lets_in_as(
        &self,
        turn: usize,
        token: &str,
        player: Option<&str>,
        game: Option<&str>,
        exchange: Exchange,
    ) -> Result<Authenticated, WalletError> {
        let (player, token) = (player.map(player_id), TokenHash::of(token));
        let game = game.map(|game| GameId::parse(game).expect("an id"));
        let wallet = &self.nodes[turn % 2].wallet;
        let named = Named { player: player.as_ref(), currency: None, game: game.as_ref() };
        wallet.authenticate(&acme(), &token, named, exchange).await
    }

    /// A bet or a win of Ann's with that token.
    async fn moves(&self, tx_id: &str, token: &str, action: Action) -> Receipt {
        let category =
            if matches!(action, Action::Debit(_)) { Category::Bet } else { Category::Win };
        let tx_id = TxId::parse(tx_id).expect("an id");
        let command = Command {
            provider: acme(),
            player: player_id("ann"),
            currency: None,
            token: Some(TokenHash::of(token)),
            game: None,
            round: None,
            movements: vec![Movement { tx_id, action, category, detail: None }],
            policy: Policy { session: SessionRule::Required, ..Policy::PERMISSIVE },
            occurred_at: None,
        };
        self.nodes[0].execute(command).await.expect("a receipt")
    }

    async fn bet_refused(&self, tx_id: &str, token: &str) -> Option<Reason> {
        self.moves(tx_id, token, Action::Debit(Amount::ZERO)).await.refusal()
    }

    async fn owner(&self, token: &str, key: Option<&str>) -> Option<String> {
        let key = key.map(|key| TxId::parse(key).expect("an id"));
        let found =
            self.nodes[0].wallet.player_of(&acme(), &TokenHash::of(token), key.as_ref()).await;
        found.expect("an answer").map(|player| player.to_string())
    }

    /// When the sessions of Ann's end, each once.
    async fn ends(&self) -> i64 {
        let sql = "SELECT count(DISTINCT expires_at) FROM session WHERE player_id = 'ann'";
        sqlx::query_scalar(sql).fetch_one(&self.database.pool).await.expect("a count")
    }
}

fn bind(token: &str) -> Exchange {
    Exchange::Bind(TokenHash::of(token))
}

fn refusal(answer: Result<Authenticated, WalletError>) -> Option<Reason> {
    match answer {
        Ok(_) => None,
        Err(WalletError::Refused(reason)) => Some(reason),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_kept_lets_in_again_and_again() {
    let house = House::open().await;
    for turn in 0..3 {
        let let_in = house.lets_in(turn, "launch", Exchange::Keep).await.expect("let in");
        assert_eq!(let_in.view.player, player_id("ann"));
        assert!(let_in.token.is_none());
    }
    assert_eq!(house.bet_refused("b1", "launch").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_token_opens_what_the_old_one_did_and_the_old_one_nothing_any_more() {
    let house = House::open().await;
    house.nodes[0].session_for("of-a-game", "ann", "acme", "g").await;
    let let_in = house.lets_in(0, "launch", Exchange::Issue).await.expect("let in");
    let token = let_in.token.expect("a new token").expose_secret().to_owned();
    assert_eq!(token.len(), 32);
    assert!(token.chars().all(|char| char.is_ascii_alphanumeric()), "{token}");
    // The other node knows it as well.
    let expired = Some(Reason::SessionExpired);
    for exchange in [Exchange::Keep, Exchange::Issue, bind("other")] {
        assert_eq!(refusal(house.lets_in(1, "launch", exchange).await), expired, "{exchange:?}");
    }
    assert_eq!(house.bet_refused("b1", "launch").await, expired);
    assert_eq!(house.bet_refused("b2", &token).await, None);
    // Wins ask for no session, and whose the old one was is still known.
    let win = Action::credit(Amount::from_minor(1, 0).expect("small"));
    assert_eq!(house.moves("w1", "launch", win).await.refusal(), None);
    assert_eq!(house.owner("launch", None).await.as_deref(), Some("ann"));
    // And so on.
    let again = house.lets_in(1, &token, Exchange::Issue).await.expect("let in");
    let newest = again.token.expect("a newer token").expose_secret().to_owned();
    assert_ne!(newest, token);
    assert_eq!(house.bet_refused("b3", &token).await, expired);
    assert_eq!(house.bet_refused("b4", &newest).await, None);

    let game = Some("g");
    let let_in = house.lets_in_as(0, "of-a-game", None, game, Exchange::Issue).await;
    let token = let_in.expect("let in").token.expect("a new token").expose_secret().to_owned();
    let other = house.lets_in_as(0, &token, None, Some("h"), Exchange::Keep).await;
    assert_eq!(refusal(other), Some(Reason::SessionMismatch));
    assert_eq!(house.ends().await, 2, "each new one ends with its first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callers_own_token_is_bound_once_and_the_same_pair_is_answered_again() {
    let house = House::open().await;
    for turn in 0..4 {
        let let_in = house.lets_in(turn, "launch", bind("own")).await.expect("let in");
        assert_eq!(let_in.view.player, player_id("ann"));
        assert!(let_in.token.is_none());
    }
    let expired = Some(Reason::SessionExpired);
    assert_eq!(refusal(house.lets_in(0, "launch", bind("another")).await), expired);
    assert_eq!(refusal(house.lets_in(0, "launch", Exchange::Keep).await), expired);
    assert_eq!(house.bet_refused("b1", "launch").await, expired);
    assert_eq!(house.bet_refused("b2", "own").await, None);
    assert_eq!(house.bet_refused("b3", "another").await, Some(Reason::SessionUnknown));
    assert_eq!(house.ends().await, 1, "it ends with the launch token");
    // The next launch may bring the same one.
    house.nodes[0].session("next", "ann", "acme", 7_200).await;
    assert_eq!(refusal(house.lets_in(1, "next", bind("own")).await), None);
    assert_eq!(refusal(house.lets_in(1, "launch", bind("own")).await), None);
    // Its own name changes nothing.
    house.nodes[0].session("same", "ann", "acme", 7_200).await;
    for turn in 0..2 {
        assert_eq!(refusal(house.lets_in(turn, "same", bind("same")).await), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_refused_has_not_used_the_token_up() {
    let house = House::open().await;
    let bank = &house.nodes[0];
    bank.session("bobs", "bob", "acme", 3_600).await;
    bank.session("elsewhere", "ann", "other", 3_600).await;
    bank.switch_game("acme", "off", false).await;
    let mismatch = Some(Reason::SessionMismatch);
    for exchange in [Exchange::Issue, bind("own")] {
        let wrong = house.lets_in_as(0, "launch", Some("bob"), None, exchange).await;
        assert_eq!(refusal(wrong), mismatch);
        let off = house.lets_in_as(0, "launch", None, Some("off"), exchange).await;
        assert_eq!(refusal(off), Some(Reason::GameDisabled));
        bank.set_status("ann", PlayerStatus::Frozen).await;
        let frozen = house.lets_in(0, "launch", exchange).await;
        assert_eq!(refusal(frozen), Some(Reason::PlayerFrozen));
        bank.set_status("ann", PlayerStatus::Active).await;
        assert_eq!(refusal(house.lets_in(0, "elsewhere", exchange).await), mismatch);
        let unknown = Some(Reason::SessionUnknown);
        assert_eq!(refusal(house.lets_in(0, "nobodys", exchange).await), unknown);
    }
    // Another player's, another provider's, one that was used up.
    assert_eq!(refusal(house.lets_in(0, "launch", bind("bobs")).await), mismatch);
    assert_eq!(refusal(house.lets_in(0, "launch", bind("elsewhere")).await), mismatch);
    bank.session("first", "ann", "acme", 3_600).await;
    assert_eq!(refusal(house.lets_in(0, "first", Exchange::Issue).await), None);
    assert_eq!(refusal(house.lets_in(0, "launch", bind("first")).await), mismatch);

    let right = house.lets_in_as(1, "launch", Some("ann"), None, bind("own")).await;
    assert_eq!(refusal(right), None);
    assert_eq!(house.owner("bobs", None).await.as_deref(), Some("bob"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_over_two_nodes_one_exchanges_a_token() {
    let house = House::open().await;
    for round in 0..10 {
        let (ours, theirs) = (format!("ours-{round}"), format!("theirs-{round}"));
        for token in [&ours, &theirs] {
            house.nodes[0].session(token, "ann", "acme", 3_600).await;
        }
        let issued = join_all((0..8).map(|turn| house.lets_in(turn, &ours, Exchange::Issue))).await;
        let tokens = issued.iter().flatten().filter(|of| of.token.is_some()).count();
        assert_eq!(tokens, 1);
        for answer in issued.into_iter().filter(Result::is_err) {
            assert_eq!(refusal(answer), Some(Reason::SessionExpired));
        }
        // Of two that are brought, each by several calls, one is bound, and all of its calls are let in.
        let own = [format!("one-{round}"), format!("two-{round}")];
        let bound = (0..8).map(|turn| house.lets_in(turn, &theirs, bind(&own[turn / 4])));
        let bound: Vec<_> = join_all(bound).await.into_iter().map(refusal).collect();
        let expired = Some(Reason::SessionExpired);
        let (one, two) = bound.split_at(4);
        let all = |calls: &[Option<Reason>], are: Option<Reason>| calls.iter().all(|of| *of == are);
        let first = all(one, None) && all(two, expired);
        let second = all(two, None) && all(one, expired);
        assert!(first || second, "{bound:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_two_players_bring_at_once_is_one_players_and_uses_one_launch_up() {
    let house = House::open().await;
    for round in 0..20 {
        let launches = [("ann", format!("a-{round}")), ("bob", format!("b-{round}"))];
        for (player, token) in &launches {
            house.nodes[0].session(token, player, "acme", 3_600).await;
        }
        let own = format!("own-{round}");
        let both = launches.iter().enumerate();
        let both =
            join_all(both.map(|(turn, (_, token))| house.lets_in(turn, token, bind(&own)))).await;
        let answers: Vec<_> = both.into_iter().map(refusal).collect();
        let bound = answers.iter().position(Option::is_none).expect("one is bound");
        assert_eq!(answers[1 - bound], Some(Reason::SessionMismatch), "{answers:?}");
        assert_eq!(house.owner(&own, None).await.as_deref(), Some(launches[bound].0));
        let other = &launches[1 - bound].1;
        assert_eq!(refusal(house.lets_in(0, other, Exchange::Keep).await), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_never_changes_its_player() {
    let house = House::open().await;
    let pool = house.nodes[0].wallet.pool();
    let session = |player: &str| NewSession {
        token: TokenHash::of("launch"),
        player: player_id(player),
        provider: acme(),
        game: None,
        expires_at: Utc::now() + chrono::TimeDelta::hours(1),
    };
    let issue = async |player| sessions::issue(pool, &session(player)).await.expect("an answer");
    assert_eq!(issue("bob").await, Issued::AnotherPlayers);
    assert_eq!(issue("nobody").await, Issued::PlayerUnknown);
    assert_eq!(house.owner("launch", None).await.as_deref(), Some("ann"));
    // Nor once it is over; and it is opened again for the one whose it is.
    assert!(sessions::revoke(pool, &TokenHash::of("launch")).await.expect("an answer"));
    assert_eq!(issue("bob").await, Issued::AnotherPlayers);
    let over = house.lets_in(0, "launch", Exchange::Keep).await;
    assert_eq!(refusal(over), Some(Reason::SessionExpired));
    assert_eq!(issue("ann").await, Issued::Done);
    assert_eq!(refusal(house.lets_in(0, "launch", Exchange::Keep).await), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_ends_a_session_ends_what_took_its_place() {
    let house = House::open().await;
    let let_in = house.lets_in(0, "launch", Exchange::Issue).await.expect("let in");
    let token = let_in.token.expect("a new token").expose_secret().to_owned();
    assert_eq!(refusal(house.lets_in(0, &token, bind("own")).await), None);
    assert_eq!(house.bet_refused("b1", "own").await, None);
    let pool = house.nodes[0].wallet.pool();
    let revoke = async || sessions::revoke(pool, &TokenHash::of("launch")).await.expect("done");
    assert!(revoke().await);
    for token in ["launch", &token, "own"] {
        let answer = house.lets_in(1, token, Exchange::Keep).await;
        assert_eq!(refusal(answer), Some(Reason::SessionExpired), "{token}");
    }
    assert_eq!(house.bet_refused("b2", "own").await, Some(Reason::SessionExpired));
    assert!(!revoke().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_that_is_broken_off_half_way_can_be_made_again() {
    let house = House::open().await;
    assert_eq!(refusal(house.lets_in(0, "launch", bind("own")).await), None);
    let mut lock = house.database.pool.begin().await.expect("a transaction");
    let sql = "SELECT 1 FROM session WHERE token_hash = $1 FOR UPDATE";
    let own = TokenHash::of("own");
    let locked = sqlx::query(sql).bind(own.as_bytes().as_slice()).execute(&mut *lock).await;
    locked.expect("a lock");
    let pool = house.nodes[0].wallet.pool();
    let revoke = async || sessions::revoke(pool, &TokenHash::of("launch")).await;
    // It has ended the first one, as far as it saw, and nobody waits for the second.
    tokio::time::timeout(Duration::from_millis(500), revoke()).await.expect_err("too long");
    lock.rollback().await.expect("the end of the lock");
    assert!(revoke().await.expect("done"));
    assert_eq!(house.bet_refused("b1", "own").await, Some(Reason::SessionExpired));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whose_a_token_is_is_looked_up_once_and_is_else_told_by_a_movements_key() {
    let house = House::open().await;
    assert_eq!(house.owner("launch", Some("nothing")).await.as_deref(), Some("ann"));
    assert_eq!(house.bet_refused("b1", "launch").await, None);
    house.nodes[0].session("elsewhere", "bob", "other", 3_600).await;
    house.nodes[0].session("over", "bob", "acme", -60).await;
    assert_eq!(house.owner("over", None).await.as_deref(), Some("bob"));
    for token in ["nobodys", "elsewhere"] {
        assert_eq!(house.owner(token, None).await, None, "{token}");
        assert_eq!(house.owner(token, Some("nothing")).await, None, "{token}");
        assert_eq!(house.owner(token, Some("b1")).await.as_deref(), Some("ann"), "{token}");
    }
    // This node needs nobody to know it by now; nobody else has been asked.
    sqlx::query("DELETE FROM session").execute(&house.database.pool).await.expect("gone");
    assert_eq!(house.owner("launch", None).await.as_deref(), Some("ann"));
    let other = house.nodes[1].wallet.player_of(&acme(), &TokenHash::of("launch"), None).await;
    assert_eq!(other, Ok(None));
}
