//! A PostgreSQL that is there and takes nothing: made read-only, a standby behind the address of
//! the primary, with another password, a privilege or a migration short. As long as it lasts, the
//! node says so and callers are told to try again; afterwards all goes on by itself.

use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode};
use serde_json::json;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use crate::support::database::Database;
use crate::support::node::{Node, Setup};
use crate::support::operator;
use crate::support::postgres_server::PostgresServer;
use crate::support::pragmatic;
use crate::support::process::Folder;
use crate::support::proxy::Proxy;
use crate::support::world::World;

/// For a machine that is ten times slower; it is a second, as a rule.
const SOON: Duration = Duration::from_secs(30);
const QUICK: &str = "
    providers.pragmatic.deadline_ms = 1500
    database.batch_timeout_ms = 700
    database.timeout_ms = 1500
";

/// Runs a statement as the superuser, in no database of the wallet's.
async fn run(server: &PostgresServer, sql: &str) {
    let mut connection = server.options().connect().await.expect("a connection");
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    connection.close().await.expect("closed");
}

/// Ends the nodes' connections, so that they have to make new ones.
async fn end_connections(server: &PostgresServer) {
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE application_name LIKE 'seamless-wallet%'";
    run(server, sql).await;
}

/// Waits until the node says so of what a lane needs.
async fn wait_for_writes(node: &Node, word: &str) {
    let started = Instant::now();
    loop {
        let reply = node.ops.get("/readyz").await;
        if reply.json()["writes"] == word {
            let expected = if word == "taken" { 200 } else { 503 };
            assert_eq!(reply.status.as_u16(), expected, "{}", reply.text());
            let gauge = node.metric("wallet_database_takes_writes", &[]).await;
            assert_eq!(gauge > 0.5, word == "taken", "the metric says the same");
            return;
        }
        assert!(started.elapsed() < SOON, "not {word}: {}", reply.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A command and a change by the operator, and what each is answered.
async fn try_both(node: &Node, name: &str) -> (i64, StatusCode) {
    let bet = pragmatic::bet("ann", name, name, "1.00").send(&node.api).await;
    let player = json!({"player_id": name, "currency": "EUR"});
    let opened = operator::call(&node.api, Method::POST, "/players", Some(&player)).await;
    (bet.error, opened.status)
}

/// Told to try again, while it lasts.
async fn is_told_to_try_again(node: &Node, name: &str) {
    assert_eq!(try_both(node, name).await, (100, StatusCode::SERVICE_UNAVAILABLE));
}

/// And then the same calls are taken.
async fn goes_on(node: &Node, name: &str) {
    wait_for_writes(node, "taken").await;
    assert_eq!(try_both(node, name).await, (0, StatusCode::CREATED));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spell_of_read_only_is_said_and_over_when_it_is_over() {
    let server = PostgresServer::start().await;
    let world = World::on(&server, 1, QUICK).await;
    world.bank.open("ann", "100.00").await;
    let node = &world.nodes[0];
    goes_on(node, "before").await;
    let name = world.database.name();
    let set = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    run(&server, &set).await;
    // A connection keeps what held when it was made: so those of during the spell have to go.
    end_connections(&server).await;
    wait_for_writes(node, "refused").await;
    is_told_to_try_again(node, "during").await;
    assert_eq!(
        pragmatic::balance("ann").send(&node.api).await.cash,
        Some(9_900),
        "reading goes on"
    );
    let log = node.settled_log().await;
    assert!(log.contains("nothing can be committed") && log.contains("interrupted"), "{log}");
    assert!(!log.contains("the database answers again"), "nobody could know that yet: {log}");
    run(&server, &format!("ALTER DATABASE {name} RESET default_transaction_read_only")).await;
    goes_on(node, "during").await;
    goes_on(node, "after").await;
    assert_eq!(world.balance("ann").await, 9_700);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_behind_the_address_of_the_primary_answers_nothing_until_it_is_promoted() {
    let primary = PostgresServer::start().await;
    let database = Database::on(&primary).await;
    let standby = primary.standby().await;
    let mut world = World::around(database.copied_to(&standby), 0, "").await;
    world.bank.open("ann", "100.00").await;
    let address = Proxy::to(&primary.socket()).await;
    let url = format!("postgres://postgres@{}/{}", address.address, world.database.name());
    let setup = Setup::on(&world.database).with(QUICK).with(&format!("database.url = '{url}'"));
    let node = Node::start(&setup).await;
    goes_on(&node, "before").await;
    address.lead_to(&standby.socket());
    wait_for_writes(&node, "refused").await;
    is_told_to_try_again(&node, "during").await;
    let asked = pragmatic::balance("ann").send(&node.api).await;
    assert_eq!(asked.error, 100, "a standby may know less than was answered: {asked:?}");
    primary.kill9();
    standby.promote().await;
    goes_on(&node, "during").await;
    world.database.look_at_the_standby();
    assert_eq!(world.balance("ann").await, 9_800);
    world.check().await;
}

/// A world whose nodes come as a role that may do what a wallet has to, with a password.
async fn with_a_role(server: &PostgresServer, password: &str) -> World {
    let world = World::on(server, 0, "").await;
    world.bank.open("ann", "100.00").await;
    let hba = server.folder().join("data/pg_hba.conf");
    std::fs::write(hba, "local all wallet scram-sha-256\nlocal all all trust\n").expect("a file");
    run(server, "SELECT pg_reload_conf()").await;
    run(server, &format!("CREATE ROLE wallet LOGIN PASSWORD '{password}'")).await;
    let sql = "GRANT ALL ON ALL TABLES IN SCHEMA public TO wallet";
    sqlx::query(sql).execute(&world.database.pool).await.expect("privileges");
    world
}

fn url_with(world: &World, password: &str) -> String {
    let url = world.database.url();
    format!("postgres://wallet:{password}@{}", url.split_once('@').expect("a user").1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_was_changed_is_taken_from_the_file_of_the_address() {
    let server = PostgresServer::start().await;
    let world = with_a_role(&server, "one").await;
    let folder = Folder::new("wallet-secret");
    let file = folder.path().join("url");
    std::fs::write(&file, url_with(&world, "one")).expect("a file");
    let from_file = format!("database.url = 'file:{}'", file.display());
    let node = Node::start(&Setup::on(&world.database).with(QUICK).with(&from_file)).await;
    goes_on(&node, "before").await;
    run(&server, "ALTER ROLE wallet PASSWORD 'two'").await;
    end_connections(&server).await;
    wait_for_writes(&node, "unknown").await;
    is_told_to_try_again(&node, "during").await;
    std::fs::write(&file, url_with(&world, "two")).expect("a file");
    goes_on(&node, "during").await;
    run(&server, "ALTER ROLE wallet VALID UNTIL '2001-01-01'").await;
    end_connections(&server).await;
    wait_for_writes(&node, "unknown").await;
    is_told_to_try_again(&node, "expired").await;
    run(&server, "ALTER ROLE wallet VALID UNTIL 'infinity'").await;
    goes_on(&node, "expired").await;
    assert!(!node.log().contains("wallet:one") && !node.log().contains("wallet:two"));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_what_a_lane_needs_is_not_ready() {
    let server = PostgresServer::start().await;
    let world = with_a_role(&server, "one").await;
    let url = format!("database.url = '{}'", url_with(&world, "one"));
    let node = Node::start(&Setup::on(&world.database).with(QUICK).with(&url)).await;
    let newest = "(SELECT max(version) FROM _sqlx_migrations)";
    for (number, (take, give)) in [
        ("REVOKE INSERT ON trx_log FROM wallet", "GRANT INSERT ON trx_log TO wallet"),
        ("REVOKE SELECT ON session FROM wallet", "GRANT SELECT ON session TO wallet"),
        ("ALTER TABLE game RENAME TO games", "ALTER TABLE games RENAME TO game"),
        ("REVOKE UPDATE ON wallet FROM wallet", "GRANT UPDATE ON wallet TO wallet"),
    ]
    .into_iter()
    .enumerate()
    {
        sqlx::query(take).execute(&world.database.pool).await.expect(take);
        wait_for_writes(&node, "refused").await;
        let bet = pragmatic::bet("ann", &format!("b-{number}"), "r", "1.00");
        assert_eq!(bet.send(&node.api).await.error, 100, "after {take}");
        sqlx::query(give).execute(&world.database.pool).await.expect(give);
        wait_for_writes(&node, "taken").await;
        assert_eq!(bet.send(&node.api).await.error, 0, "after {give}");
    }
    let lacking = format!("UPDATE _sqlx_migrations SET success = false WHERE version = {newest}");
    sqlx::query(AssertSqlSafe(lacking)).execute(&world.database.pool).await.expect("an update");
    wait_for_writes(&node, "refused").await;
    assert_eq!(node.ops.get("/readyz").await.json()["schema"], "not migrated");
    let sql = "UPDATE _sqlx_migrations SET success = true";
    sqlx::query(sql).execute(&world.database.pool).await.expect("an update");
    wait_for_writes(&node, "taken").await;
    world.check().await;
}
