//! The few rules that the statement knows are those of `decide`: whatever it lets through is what
//! `decide` says on all that is known, to the last unit, and of an ordinary wallet it lets through
//! all that `decide` lets through.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use seamless_wallet::core::policy::SessionRule;
use seamless_wallet::core::{
    Action, Attempt, Category, Command, Currency, Decision, GameId, Movement, Outcome,
    PlayerStatus, Policy, TokenHash, TxId, refuse_on,
};
use seamless_wallet::store::money::written::Written;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::runtime::Runtime;

use super::{arrival, attempt, decide_on_facts, tx, write_assumed};
use crate::support::bank::Bank;
use crate::support::database::Database;
use crate::support::model::{Spec, policy, spec};

/// What the world is like when a command comes.
#[derive(Clone, Debug)]
struct World {
    balance: i64,
    status: PlayerStatus,
    bet_limit: Option<i64>,
    session: &'static str,
    game: &'static str,
    /// What was done in the round, by SQL: pairs of key, kind, outcome.
    round: Vec<Past>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Past {
    Bet,
    RefundedBet,
    Tombstone,
    Win,
    /// A bet under the key of the first movement.
    SameKey,
    /// Under the key of the debit that a credit names.
    Named(Named),
    /// A credit that was paid for that debit, and perhaps taken back.
    Settled {
        stands: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    Bet,
    RefundedBet,
    RefusedBet,
    Tombstone,
    Win,
    OfAnother,
}

fn world() -> impl Strategy<Value = World> {
    let past = select(vec![
        Past::Bet,
        Past::Bet,
        Past::RefundedBet,
        Past::Tombstone,
        Past::Win,
        Past::SameKey,
        Past::Named(Named::Bet),
        Past::Named(Named::Bet),
        Past::Named(Named::Bet),
        Past::Named(Named::RefundedBet),
        Past::Named(Named::RefusedBet),
        Past::Named(Named::Tombstone),
        Past::Named(Named::Win),
        Past::Named(Named::OfAnother),
        Past::Settled { stands: true },
        Past::Settled { stands: false },
    ]);
    (
        0i64..60,
        select(vec![
            PlayerStatus::Active,
            PlayerStatus::Active,
            PlayerStatus::Active,
            PlayerStatus::Frozen,
            PlayerStatus::Closed,
        ]),
        proptest::option::weighted(0.3, 0i64..20),
        select(vec![
            "valid",
            "valid",
            "for this game",
            "for another game",
            "expired",
            "replaced",
            "another player's",
            "another provider's",
            "none",
        ]),
        select(vec!["no row", "on", "off"]),
        proptest::collection::vec(past, 0..3),
    )
        .prop_map(|(balance, status, bet_limit, session, game, round)| World {
            balance,
            status,
            bet_limit,
            session,
            game,
            round,
        })
}

impl World {
    /// True for a command whose debits stand, as they usually do.
    fn is_ordinary_for(&self, attempt: &Attempt) -> bool {
        let round = attempt.command.round.as_ref().map(|round| round.as_str());
        let stakes = round == Some("r0") && self.round.contains(&Past::Bet);
        let named = names(attempt);
        self.status == PlayerStatus::Active
            && (!looks_at_round(attempt) || stakes)
            && named.iter().all(|debit| named[0] == *debit && self.bears_what_is_named())
    }

    /// The debit that credits name stands, and none was ever paid for it.
    fn bears_what_is_named(&self) -> bool {
        let first = self.round.iter().find(|past| matches!(past, Past::Named(_)));
        first == Some(&Past::Named(Named::Bet))
            && !self.round.iter().any(|past| matches!(past, Past::Settled { .. }))
    }

    /// As SQL; it is rolled back after each case.
    fn sql(&self, first_key: &str, named: Option<&str>) -> String {
        let limit = self.bet_limit.map_or("NULL".to_owned(), |units| format!("{units}000000"));
        let mut sql = format!(
            "UPDATE wallet SET balance_micros = {}000000, status = '{}', bet_limit_micros = {limit}
             WHERE player_id = 'ann';",
            self.balance,
            self.status.as_str()
        );
        let (player, provider, ends) = match self.session {
            "expired" => ("ann", "acme", "-1 s"),
            "another player's" => ("bob", "acme", "1 h"),
            "another provider's" => ("ann", "other", "1 h"),
            _ => ("ann", "acme", "1 h"),
        };
        let game = match self.session {
            "for this game" => "'g'",
            "for another game" => "'h'",
            _ => "NULL",
        };
        if self.session != "none" {
            let hash = hex::encode(TokenHash::of("token").as_bytes());
            sql += &format!(
                "INSERT INTO session (token_hash, player_id, provider, game_id, expires_at)
                 VALUES ('\\x{hash}', '{player}', '{provider}', {game},
                         now() + interval '{ends}');"
            );
        }
        if self.session == "replaced" {
            sql += "UPDATE session SET replaced_by = 'x';";
        }
        if self.game != "no row" {
            sql += &format!("INSERT INTO game VALUES ('acme', 'g', {});", self.game == "on");
        }
        // A key is written once.
        let mut is_written = named.is_none_or(|named| named == first_key);
        for (number, past) in (1..).zip(&self.round) {
            let is_named = matches!(past, Past::Named(_));
            if !(is_named && std::mem::replace(&mut is_written, true)) {
                sql += &past.sql(number, first_key, named.unwrap_or("none"));
            }
        }
        sql
    }
}

/// A row of Ann's in the round `r0`.
#[derive(Clone, Copy)]
struct Line<'a> {
    key: &'a str,
    kind: &'a str,
    outcome: &'a str,
    player: &'a str,
    reverses: Option<&'a str>,
    settles: Option<&'a str>,
    version: usize,
}

impl Line<'_> {
    fn sql(&self) -> String {
        let Self { key, kind, outcome, player, version, .. } = self;
        let text = |of: Option<&str>| of.map_or("NULL".to_owned(), |of| format!("'{of}'"));
        let (reverses, settles) = (text(self.reverses), text(self.settles));
        format!(
            "INSERT INTO trx_log (provider, tx_id, player_id, transaction_id, kind, category,
                 outcome, requested_micros, amount_micros, balance_after_micros, wallet_version,
                 reverses, settles, round_id, fingerprint, created_at)
             VALUES ('acme', '{key}', '{player}', gen_random_uuid(), '{kind}', 'bet', '{outcome}',
                     0, 0, 0, {version}, {reverses}, {settles}, 'r0', 7, now());
             UPDATE wallet SET version = {version} WHERE player_id = '{player}';"
        )
    }
}

impl Past {
    /// `named` is the key of the debit that credits name.
    fn sql(self, number: usize, first_key: &str, named: &str) -> String {
        let (key, undo) = (format!("before-{number}"), format!("undo-{number}"));
        let line = Line {
            key: &key,
            kind: "debit",
            outcome: "applied",
            player: "ann",
            reverses: None,
            settles: None,
            version: number * 10,
        };
        let undone = |line: Line<'_>| {
            let (kind, version) = ("reverse", line.version + 1);
            let reversal =
                Line { key: &undo, kind, reverses: Some(line.key), settles: None, version, ..line };
            line.sql() + &reversal.sql()
        };
        let named = Line { key: named, ..line };
        let paid = Line { kind: "credit", settles: Some(named.key), ..line };
        match self {
            Self::Bet => line.sql(),
            Self::RefundedBet => undone(line),
            Self::Tombstone => Line { kind: "reverse", outcome: "tombstone", ..line }.sql(),
            Self::Win => Line { kind: "credit", ..line }.sql(),
            Self::SameKey if number == 1 => Line { key: first_key, ..line }.sql(),
            Self::SameKey => String::new(),
            Self::Named(Named::Bet) => named.sql(),
            Self::Named(Named::RefundedBet) => undone(named),
            Self::Named(Named::RefusedBet) => Line { outcome: "refused", ..named }.sql(),
            Self::Named(Named::Tombstone) => Line { outcome: "tombstone", ..named }.sql(),
            Self::Named(Named::Win) => Line { kind: "credit", ..named }.sql(),
            Self::Named(Named::OfAnother) => Line { player: "bob", ..named }.sql(),
            Self::Settled { stands: true } => paid.sql(),
            Self::Settled { stands: false } => undone(paid),
        }
    }
}

/// A command with a session and a game, as the world may have them or not.
fn command(spec: &Spec, policy: &Policy, session: SessionRule, with_token: bool) -> Attempt {
    let mut command = spec.command("ann", &Policy { session, ..policy.clone() });
    command.token = with_token.then(|| TokenHash::of("token"));
    command.game = Some(GameId::parse("g").expect("an id"));
    arrival(command)
}

fn all_applied(decision: &Decision) -> bool {
    decision.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Applied(_)))
}

/// True for what is paid for a round that was staked on, by a protocol that asks for the stake.
fn looks_at_round(attempt: &Attempt) -> bool {
    let Command { movements, policy, .. } = &attempt.command;
    let stakes = movements.iter().any(|of| matches!(of.action, Action::Debit(_)));
    let for_it = |of: &Movement| of.category.settles_a_round() && of.action.settles().is_none();
    !stakes && policy.looks_at_debits() && movements.iter().any(for_it)
}

/// The debits that the credits of a command name.
fn names(attempt: &Attempt) -> Vec<&TxId> {
    attempt.command.movements.iter().filter_map(|of| of.action.settles()).collect()
}

/// Compares what the statement does with what the rules say, and undoes it.
async fn compare(connection: &mut PgConnection, world: &World, attempt: &Attempt) {
    let mut transaction = connection.begin().await.expect("begun");
    let key = attempt.command.movements[0].tx_id.as_str();
    let named = names(attempt).first().map(|debit| debit.as_str());
    sqlx::raw_sql(AssertSqlSafe(world.sql(key, named)))
        .execute(&mut *transaction)
        .await
        .expect("set up");
    let truth = decide_on_facts(&mut transaction, attempt).await;
    let written = write_assumed(&mut transaction, attempt).await.expect("a statement");
    let Some(written) = written else { return };
    let case = || format!("{world:?}\n{:?}\n{written:?}", attempt.command);
    match &written {
        Written::Moved(moved) => {
            assert!(all_applied(&truth.decision), "let through: {}", case());
            assert_eq!(moved.balance, truth.decision.wallet.balance, "{}", case());
            assert_eq!(moved.version, truth.decision.wallet.version, "{}", case());
            let rows: Vec<(i64, i64)> = sqlx::query_as(
                "SELECT wallet_version, balance_after_micros FROM trx_log
                 WHERE player_id = 'ann' AND wallet_version > $1 ORDER BY wallet_version",
            )
            .bind(truth.start.version)
            .fetch_all(&mut *transaction)
            .await
            .expect("rows");
            let links = truth.decision.inserts.iter().filter_map(|row| row.link);
            let links: Vec<_> = links.map(|link| (link.version, link.balance_after)).collect();
            assert_eq!(rows, links, "{}", case());
        }
        Written::Standing(wallet, standing) => {
            assert!(!all_applied(&truth.decision), "left out: {}", case());
            if let Some(refused) = refuse_on(wallet, standing, &[attempt]) {
                assert_eq!(refused.decisions, [truth.decision], "{}", case());
            }
        }
        _ => {
            let ordinary = world.is_ordinary_for(attempt);
            assert!(!(ordinary && all_applied(&truth.decision)), "left out: {}", case());
        }
    }
    transaction.rollback().await.expect("undone");
}

#[test]
fn what_the_statement_lets_through_is_what_the_rules_let_through() {
    let runtime = Runtime::new().expect("a runtime");
    let (database, connection) = runtime.block_on(async {
        let database = Database::fresh().await;
        Bank::at(&database).open("ann", "0").await;
        Bank::at(&database).open("bob", "0").await;
        let connection = database.pool.acquire().await.expect("a connection").detach();
        (database, connection)
    });
    let connection = std::cell::RefCell::new(connection);
    let rules = vec![SessionRule::Ignore, SessionRule::ValidIfGiven, SessionRule::Required];
    let strategy = (world(), spec(), policy(), select(rules), proptest::bool::weighted(0.8));
    let config = Config { cases: 800, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&strategy, |(world, spec, policy, rule, token)| {
        let attempt = command(&spec, &policy, rule, token);
        runtime.block_on(compare(&mut connection.borrow_mut(), &world, &attempt));
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    runtime.block_on(async { drop((database, connection)) });
}

#[test]
fn the_currency_that_a_command_names_is_the_wallets() {
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let database = Database::fresh().await;
        Bank::at(&database).open("ann", "10").await;
        let mut connection = database.pool.acquire().await.expect("a connection");
        let one = Action::Debit(super::euro(1));
        let mut bet = attempt("b1", one, Category::Bet, &Policy::PERMISSIVE);
        bet.command.currency = Some(Currency::parse("USD").expect("a code"));
        let written = write_assumed(&mut connection, &bet).await.expect("a statement");
        assert!(matches!(written, Some(Written::Wallet(_))), "{written:?}");
        assert_eq!(tx("b1"), bet.command.movements[0].tx_id);
        assert_eq!(database.ledger_rows().await, 1);
    });
}
