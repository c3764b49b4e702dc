//! A provider's own list of transactions against the ledger: `wallet reconcile-provider`.

use std::path::PathBuf;
use std::process::Output;

use serde_json::{Value, json};

use crate::support::bank::Bank;
use crate::support::database::Database;
use crate::support::node::{Node, Setup};
use crate::support::pragmatic;
use crate::support::process::Folder;

/// As in `deploy/dev.toml`.
pub const FEED: &str = r#"
    [providers.pragmatic.feed]
    skip_lines = 1
    time_format = "%Y-%m-%d %H:%M:%S"
    columns = { tx_id = "referenceID", type = "type", amount = "amount", time = "timestamp", currency = "currency", player = "extPlayerID", round = "playSessionID" }
    [providers.pragmatic.feed.types]
    B = { kind = "debit" }
    W = { kind = "credit" }
    R = { kind = "reverse", tx_id = "~refund:{tx_id}" }
"#;

/// What was captured, in the form of Pragmatic Play's transaction feed.
fn captured() -> String {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/feeds/pragmatic-transactions.csv");
    std::fs::read_to_string(path).expect("the captured feed")
}

/// A ledger in which everything of the captured feed has happened when it says.
struct Ledger {
    database: Database,
    node: Node,
    setup: Setup,
    folder: Folder,
}

impl Ledger {
    async fn of_the_feed(without: &[&str]) -> Self {
        let database = Database::fresh().await;
        let setup = Setup::on(&database).with(FEED);
        let node = Node::start(&setup).await;
        let bank = Bank::at(&database);
        for player in ["ann", "bob"] {
            bank.open(player, "100.00").await;
        }
        let ledger = Self { database, node, setup, folder: Folder::new("wallet-feed-test") };
        for line in captured().lines().skip(2) {
            let cells: Vec<&str> = line.split(',').collect();
            let [_, player, _, round, time, reference, word, amount, _] = cells[..] else {
                panic!("{line}");
            };
            if !without.contains(&format!("{word}:{reference}").as_str()) {
                ledger.play((player, round), (word, reference, amount), time).await;
            }
        }
        ledger.as_if_it_had_been_then().await;
        ledger
    }

    async fn play(
        &self,
        (player, round): (&str, &str),
        (word, reference, amount): (&str, &str, &str),
        time: &str,
    ) {
        let call = match word {
            "B" => pragmatic::bet(player, reference, round, amount),
            "W" => pragmatic::result(player, reference, round, amount),
            _ => pragmatic::refund(player, reference).with("roundId", round),
        };
        let at = chrono::NaiveDateTime::parse_from_str(time, "%Y-%m-%d %H:%M:%S").expect("a time");
        let at = at.and_utc().timestamp_millis().to_string();
        let answer = call.with("timestamp", &at).send(&self.node.api).await;
        assert_eq!(answer.error, 0, "{word} {reference}: {}", answer.json);
    }

    async fn as_if_it_had_been_then(&self) {
        let sql = "UPDATE trx_log SET created_at = occurred_at, transaction_id = (
                       lpad(to_hex((extract(epoch FROM occurred_at) * 1000)::bigint), 12, '0')
                       || substr(replace(transaction_id::text, '-', ''), 13))::uuid
                   WHERE provider = 'pragmatic'";
        sqlx::query(sql).execute(&self.database.pool).await.expect("a ledger");
    }

    /// Compares the ledger with a list.
    async fn compare(&self, list: &str, arguments: &[&str]) -> Output {
        let path = self.folder.path().join("feed.csv");
        std::fs::write(&path, list).expect("a file");
        let path = path.to_str().expect("a path");
        let all = ["reconcile-provider", "--provider", "pragmatic", "--file", path];
        let all: Vec<&str> = all.iter().chain(arguments).copied().collect();
        self.setup.run(&all).await
    }

    async fn report(&self, list: &str, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        let output = self.compare(list, &arguments).await;
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let status = if report["agrees"] == true { 0 } else { 1 };
        assert_eq!(output.status.code(), Some(status), "the exit status says so, too");
        report
    }
}

/// The findings of a kind: key, theirs and ours.
fn found(report: &Value, kind: &str) -> Vec<(String, Value, Value)> {
    let findings = report["findings"].as_array().expect("findings").iter();
    findings
        .filter(|finding| finding["kind"] == kind)
        .map(|finding| {
            let key = finding["tx_id"].as_str().expect("a key").to_owned();
            (key, finding["theirs"].clone(), finding["ours"].clone())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_says_what_the_ledger_says_agrees_with_it() {
    let ledger = Ledger::of_the_feed(&[]).await;
    let report = ledger.report(&captured(), &[]).await;
    assert_eq!(report["findings"], json!([]), "{report}");
    assert_eq!((&report["rows"], &report["left_out"]), (&json!(9), &json!(1)), "the zero win");
    let euro = &report["currencies"]["EUR"];
    assert_eq!(euro["theirs"], json!({"count": 8, "amount": "5.70"}));
    assert_eq!(euro["ours"], euro["theirs"]);
    assert_eq!(euro["difference"], "0.00");
    assert_eq!(report["from"], "2026-10-01T09:30:01Z");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_on_either_side_or_differs_is_reported_by_movement_round_and_in_total() {
    let lost = ["W:64f0c2a19b3d5e7f80a1b207"];
    let ledger = Ledger::of_the_feed(&lost).await;
    let list = captured()
        // The bet of another amount there …
        .replace("64f0c2a19b3d5e7f80a1b204,B,3.00", "64f0c2a19b3d5e7f80a1b204,B,2.50")
        // … one that they do not know, and one that they list twice.
        .replace("64f0c2a19b3d5e7f80a1b202,W,4.20", "64f0c2a19b3d5e7f80a1b201,B,1.50");
    let report = ledger.report(&list, &[]).await;
    let key = |end: &str| format!("64f0c2a19b3d5e7f80a1b2{end}");
    assert_eq!(
        found(&report, "missing_here"),
        [(key("07"), json!("12.00"), json!(null))],
        "a win that was never paid"
    );
    assert_eq!(found(&report, "missing_there"), [(key("02"), json!(null), json!("4.20"))]);
    assert_eq!(found(&report, "amount_differs"), [(key("04"), json!("-2.50"), json!("-3.00"))]);
    assert_eq!(found(&report, "listed_twice"), [(key("01"), json!("-1.50"), json!(null))]);
    let euro = &report["currencies"]["EUR"];
    assert_eq!(euro["difference"], "-6.80", "-12.00 + 4.20 - 0.50 + 1.50");
    let parts: Vec<&str> = ["missing_here", "missing_there", "amount_differs", "listed_twice"]
        .iter()
        .map(|kind| euro["findings"][kind]["amount"].as_str().expect("a sum"))
        .collect();
    assert_eq!(parts, ["-12.00", "4.20", "-0.50", "1.50"]);
    let rounds = report["rounds"].as_array().expect("rounds");
    let of_bob: Vec<_> = rounds.iter().filter(|round| round["player"] == "bob").collect();
    assert_eq!(of_bob.len(), 2, "{report}");
    assert_eq!(
        (&of_bob[1]["round"], &of_bob[1]["difference"]),
        (&json!("66522376884170"), &json!("-12.00"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_movement_another_player_and_a_row_that_makes_no_sense_are_told() {
    let ledger = Ledger::of_the_feed(&["B:64f0c2a19b3d5e7f80a1b208"]).await;
    let refused = pragmatic::bet("bob", "64f0c2a19b3d5e7f80a1b208", "r", "1000.00");
    assert_ne!(refused.send(&ledger.node.api).await.error, 0);
    let list = captured()
        .replace("5610002,bob,vs20demogame,66522376884170", "5610003,cleo,g,66522376884170")
        + "5610002,bob,g,1,2026-10-01 09:34:00,x-1,Q,1.00,EUR\n"
        + "5610002,bob,g,1,2026-10-01 09:34:00,x-2,B,much,EUR\n";
    let report = ledger.report(&list, &[]).await;
    let differs = report["findings"].as_array().expect("findings").iter();
    let notes: Vec<&str> = differs.filter_map(|finding| finding["detail"].as_str()).collect();
    let refused = "refused here; round 66522376884180 there, r here";
    assert!(notes.contains(&refused), "one movement is one finding: {notes:?}");
    let euro = &report["currencies"]["EUR"];
    assert_eq!(euro["difference"], "1.00", "the refused bet");
    assert_eq!(euro["findings"]["amount_differs"], json!({"count": 1, "amount": "1.00"}));
    assert_eq!(euro["findings"]["detail_differs"]["amount"], "0.00");
    assert!(notes.contains(&"player cleo there, bob here"), "{notes:?}");
    assert_eq!(report["unreadable"], 2);
    let lines: Vec<&Value> = report["unreadable_rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| &row["line"])
        .collect();
    assert_eq!(lines, [12, 13], "as an editor counts them");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_of_another_currency_is_a_difference_in_both() {
    let ledger = Ledger::of_the_feed(&[]).await;
    let list = captured()
        .replace("64f0c2a19b3d5e7f80a1b202,W,4.20,EUR", "64f0c2a19b3d5e7f80a1b202,W,4.20,USD");
    let report = ledger.report(&list, &[]).await;
    for (currency, difference) in [("EUR", "4.20"), ("USD", "-4.20")] {
        let total = &report["currencies"][currency];
        assert_eq!(total["difference"], difference, "{report}");
        assert_eq!(total["findings"]["detail_differs"], json!({"count": 1, "amount": difference}));
    }
    let rounds = report["rounds"].as_array().expect("rounds").iter();
    let differences: Vec<&Value> = rounds.map(|round| &round["difference"]).collect();
    assert_eq!(differences, ["4.20", "-4.20"], "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_period_leaves_out_what_is_before_and_after_it_on_both_sides() {
    let ledger = Ledger::of_the_feed(&[]).await;
    let period = ["--from", "2026-10-01T09:31:00Z", "--to", "2026-10-01T09:32:00Z"];
    let report = ledger.report(&captured(), &period).await;
    assert_eq!(report["agrees"], true, "{report}");
    assert_eq!(report["currencies"]["EUR"]["ours"], json!({"count": 1, "amount": "-3.00"}));
    let head: String = captured().lines().take(2).map(|line| format!("{line}\n")).collect();
    let report = ledger.report(&head, &period).await;
    assert_eq!(found(&report, "missing_there").len(), 1, "a list without rows: {report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_table_and_the_page_say_it_to_people_whatever_the_list_holds() {
    let ledger = Ledger::of_the_feed(&[]).await;
    let list = captured().replace(
        "5610002,bob,vs20demogame,66522376884180,2026-10-01 09:33:00,64f0c2a19b3d5e7f80a1b208",
        "5610002,<script>alert(1)</script>\u{1b}[2J,g,66522376884180,2026-10-01 09:33:00,=cmd",
    );
    let page = ledger.folder.path().join("page.html");
    let output = ledger.compare(&list, &["--html", page.to_str().expect("a path")]).await;
    assert!(!output.status.success());
    let table = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(table.contains("NOT the same.") && table.contains("missing here"), "{table}");
    assert!(!table.contains('\u{1b}'), "nothing moves the cursor: {table:?}");
    let page = std::fs::read_to_string(page).expect("a page");
    assert!(page.contains("&#60;script&#62;") && !page.contains("<script"), "{page}");
    for elsewhere in ["http://", "https://", "src=", "@import"] {
        assert!(!page.contains(elsewhere), "the page stands alone: {elsewhere}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_cannot_be_compared_is_refused_with_a_reason() {
    let database = Database::fresh().await;
    let folder = Folder::new("wallet-feed-test");
    let file = |name: &str, list: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, list).expect("a file");
        path.to_str().expect("a path").to_owned()
    };
    let path = &file("feed.csv", captured().replace("referenceID", "reference"));
    let head: String = captured().lines().take(2).map(|line| format!("{line}\n")).collect();
    let (bare, empty) = (&file("bare.csv", head), &file("empty.csv", String::new()));
    let mapped = Setup::on(&database).with(FEED);
    for (setup, provider, file, complaint) in [
        (&mapped, "pragmatic", path, "there is no column `referenceID`"),
        (&mapped, "pragmatic", bare, "the list has no movement"),
        (&mapped, "pragmatic", empty, "there is no line that names the columns"),
        (&mapped, "pragmatic", &"/nowhere.csv".to_owned(), "cannot read /nowhere.csv"),
        (&mapped, "softswiss", path, "[providers.softswiss.feed] is missing"),
        (&mapped, "nobody", path, "there is no [providers.nobody]"),
    ] {
        let output =
            setup.run(&["reconcile-provider", "--provider", provider, "--file", file]).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(complaint), "{said}");
    }
}
