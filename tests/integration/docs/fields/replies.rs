//! Every reply that is a success, from a node on which everything has happened: each field is
//! there, is of its type, and may be null where the document says so and only there.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use serde_json::{Value, json};

use super::document::{Document, Operation, types};
use super::stage::Stage;
use crate::support::http::Reply;
use crate::support::{pragmatic, softswiss};

const JSON: &str = "application/json";

/// Fields that are null, or are not, only where something is broken that this does not break.
const SEEN_ELSEWHERE: [&str; 8] = [
    // A run that failed.
    "ReconciliationRun.error",
    "ReconciliationRun.finished_at",
    // Something is kept while a wallet is closed.
    "Corrected.balance_after",
    "Corrected.balance_before",
    // A provider's calls are counted from the first one on.
    "ProviderStatus.last_call_at",
    "ReconciliationDrift.detail",
    // What Redis or the ledger has of nobody.
    "ReconciliationDrift.expected_balance",
    "ReconciliationDrift.expected_version",
];

/// A wallet that is closed in the same moment: said with the schema of the other successes.
const KEPT: u16 = 202;

/// What comes about rarely, or takes a job: an attempt that left a movement where it was, and calls
/// under a used key that named no round.
const RARELY: &[&str] = &[
    "INSERT INTO parked_movement (provider, tx_id, player_id, attempts, next_attempt_at, last_reason)
     SELECT provider, tx_id, player_id, 1, now(), 'debit_unknown' FROM trx_log WHERE round_id = 'r-7'",
    "INSERT INTO ledger_mismatch (mismatch_id, provider, tx_id, player_id, kind, category,
                                  requested_micros, transaction_id, at)
     SELECT gen_random_uuid(), provider, tx_id, player_id, kind, category, 1, transaction_id, now()
     FROM trx_log WHERE tx_id LIKE '%b-1'",
];
/// What an issue came to whose currency nobody knows the decimals of.
const NAMED: &[&str] =
    &["INSERT INTO free_round_result (provider, issue_id, player_id, currency, status, units)
     VALUES ('softswiss', 'i-3', 'p-42', 'TON', 'played', '5')"];
/// A wallet that is wrong, and rows without one.
const DAMAGE: &[&str] = &[
    "UPDATE wallet SET balance_micros = balance_micros + 1 WHERE player_id = 'ann'",
    "DELETE FROM wallet WHERE player_id = 'gone'",
];

struct Seen<'a> {
    document: &'a Document,
    stage: &'a Stage,
    /// Operations, with the statuses that they have answered with.
    answers: BTreeSet<(String, u16)>,
    /// Of each field that may be null: whether it was, and whether it was not.
    nulls: BTreeMap<String, [bool; 2]>,
}

impl Seen<'_> {
    fn operation(&self, method: &str, path: &str) -> Operation<'_> {
        let found = self.document.operations().into_iter().find(|one| {
            let same = |(said, called): (&str, &str)| said.starts_with('{') || said == called;
            let parts = (one.path.split('/'), path.split('/'));
            one.method == method
                && parts.0.clone().count() == parts.1.clone().count()
                && parts.0.zip(parts.1).all(same)
        });
        found.unwrap_or_else(|| panic!("{method} {path} is not documented"))
    }

    /// Calls, and holds the reply against the document.
    async fn call(&mut self, method: &str, path: &str, body: Option<Value>, status: u16) -> Value {
        let key = self.stage.next_key();
        self.call_under(&key, method, path, body, status).await
    }

    async fn call_under(
        &mut self,
        key: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
        status: u16,
    ) -> Value {
        let verb: Method = method.to_uppercase().parse().expect("a method");
        let reply = self.stage.call(verb, path, Some(key), body.as_ref()).await;
        assert_eq!(reply.status, status, "{method} {path}: {}", reply.text());
        let bare = path.split('?').next().unwrap_or_default();
        let name = self.operation(method, bare).name();
        self.answers.insert((name, status));
        if reply.body.is_empty() {
            return Value::Null;
        }
        let schema = self.operation(method, bare).reply(status, JSON).cloned();
        let schema =
            schema.unwrap_or_else(|| panic!("{method} {path}: {status} is not documented"));
        let value = reply.json();
        self.hold(&schema, &value, path);
        value
    }

    fn hold(&mut self, schema: &Value, value: &Value, path: &str) {
        let wrong = self.document.complaints(schema, value, path);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        observe(self.document, schema, value, &mut self.nulls);
    }

    async fn get(&mut self, path: &str) -> Value {
        self.call("get", path, None, 200).await
    }

    /// An export as lines; all but those that are no `Transaction` are held against it.
    async fn export(&mut self, path: &str) {
        let reply: Reply = self.stage.call(Method::GET, path, None, None).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let bare = path.split('?').next().unwrap_or_default();
        let operation = self.operation("get", bare);
        let schema = operation.reply(200, reply.header("content-type")).cloned();
        let schema = schema.expect("the type of a file");
        for line in reply.text().lines() {
            let value: Value = serde_json::from_str(line).expect("JSON");
            if value.get("statement").or(value.get("export")).is_none() {
                self.hold(&schema, &value, path);
            }
        }
    }
}

/// Notes what was null, and what was not, of the fields that may be.
fn observe(
    document: &Document,
    schema: &Value,
    value: &Value,
    nulls: &mut BTreeMap<String, [bool; 2]>,
) {
    let name = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()).unwrap_or_default();
    let schema = document.resolved(schema);
    for item in value.as_array().into_iter().flatten() {
        observe(document, &schema["items"], item, nulls);
    }
    let fields = schema["properties"].as_object().into_iter().flatten();
    for (field, schema) in fields {
        let value = &value[field];
        if types(schema).any(|word| word == "null") {
            let seen = nulls.entry(format!("{name}.{field}")).or_default();
            seen[usize::from(!value.is_null())] = true;
        }
        observe(document, schema, value, nulls);
    }
}

/// Money in and out, and who may play.
async fn cashier(seen: &mut Seen<'_>) {
    let ann = json!({"player_id": "ann", "currency": "EUR"});
    seen.call("post", "/players", Some(ann.clone()), 201).await;
    seen.call("post", "/players", Some(ann), 200).await;
    let limit = json!({"bet_limit": "10.00", "reason": null, "author": null});
    seen.call("patch", "/players/ann", Some(limit), 200).await;
    let money = |amount: &str| Some(json!({ "amount": amount }));
    let correction = Some(json!({"amount": "-1.00", "reason": "case 1", "author": "m.rossi"}));
    for status in [201, 200] {
        seen.call_under("d-1", "post", "/players/ann/deposits", money("100.00"), status).await;
        seen.call_under("w-1", "post", "/players/ann/withdrawals", money("5.00"), status).await;
        let path = "/players/ann/corrections";
        seen.call_under("c-1", "post", path, correction.clone(), status).await;
    }
    let change = |status: &str| {
        Some(json!({"status": status, "bet_limit": null, "reason": "case 2", "author": "m.rossi"}))
    };
    seen.call("patch", "/players/ann", change("closed"), 200).await;
    seen.call("patch", "/players/ann", change("active"), 200).await;
    seen.get("/players/ann").await;
    let session = json!({"player_id": "ann", "provider": "pragmatic", "ttl_seconds": null});
    let token = seen.call("post", "/sessions", Some(session), 201).await["token"].clone();
    seen.call("post", "/sessions/revoke", Some(json!({ "token": token })), 204).await;
}

/// Rounds of every kind, and what waits.
async fn play(seen: &mut Seen<'_>) {
    let stage = seen.stage;
    let api = stage.world.api(0);
    pragmatic::bet("p-42", "b-1", "r-1", "1.00").send(api).await;
    pragmatic::bet("p-42", "b-1", "r-1", "2.00").send(api).await;
    pragmatic::result("p-42", "w-1", "r-1", "3.00").send(api).await;
    pragmatic::bet("p-42", "b-2", "r-1", "1.00").send(api).await;
    pragmatic::refund("p-42", "b-2").send(api).await;
    pragmatic::bet("p-42", "b-3", "r-3", "9999.00").send(api).await;
    for round in ["r-4", "r-5", "r-6", "r-7"] {
        pragmatic::result("p-42", &format!("w-{round}"), round, "4.00").send(api).await;
    }
    let parked = seen.get("/parked").await;
    let ids: Vec<String> = parked["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|item| item["transaction"]["provider"] == "pragmatic")
        .map(|item| item["transaction"]["transaction_id"].as_str().expect("an id").to_owned())
        .collect();
    let [first, second, third, _] = &ids[..] else { panic!("{parked}") };
    let because = Some(json!({"reason": "case 4", "author": null}));
    seen.call("post", &format!("/parked/{first}/redrive"), None, 200).await;
    seen.call("post", &format!("/parked/{second}/leave-to-provider"), because.clone(), 200).await;
    seen.call("post", &format!("/parked/{third}/decided-elsewhere"), because, 200).await;
    stage.plant(RARELY).await;
    seen.get("/parked").await;
    seen.get("/parked?limit=1").await;
    for round in ["r-1", "r-3", "r-4", "r-5", "r-6", "r-7"] {
        seen.get(&format!("/rounds?player_id=p-42&round_id={round}")).await;
    }
    let free = |issue: &str| softswiss::freespins("p-42", issue, "played", 250);
    free("i-1").with("user_id", Value::Null).with("currency", Value::Null).send(api).await;
    seen.get("/free-rounds").await;
    stage.plant(NAMED).await;
    for (issue, status) in [("i-1", 201), ("i-1", 200), ("i-2", 201)] {
        let issue = json!({"provider": "softswiss", "issue_id": issue, "player_id": "p-42",
            "currency": "EUR", "reason": null, "author": null});
        seen.call("post", "/free-rounds", Some(issue), status).await;
    }
    seen.get("/free-rounds").await;
}

async fn watch(seen: &mut Seen<'_>) {
    let off = json!({"enabled": false, "reason": "case 5"});
    seen.call("put", "/games/softswiss/acceptance:test", Some(off), 200).await;
    seen.get("/games/softswiss/acceptance:test").await;
    seen.call("put", "/games/softswiss/another", Some(json!({"enabled": true})), 200).await;
    seen.get("/games?limit=1").await;
    seen.get("/providers").await;
    let world = &seen.stage.world;
    world.redis.command(&[b"SET", b"wallet:balance:{p-42}", b"99|1|EUR|active"]);
    world.redis.command(&[b"SET", b"wallet:balance:{ann}", b"nonsense"]);
    let reconcile = world.setup("").run(&["reconcile", "--full"]).await;
    assert_eq!(reconcile.status.code(), Some(1), "something is found");
    world.bank.open("gone", "1.00").await;
    seen.stage.plant(DAMAGE).await;
    let reconcile = world.setup("").run(&["reconcile", "--full"]).await;
    assert_eq!(reconcile.status.code(), Some(1), "something is found");
    for path in [
        "/reconciliation/runs",
        "/reconciliation/runs?limit=1",
        "/reconciliation/drift",
        "/reconciliation/drift?limit=1",
        "/audit?limit=500",
        "/audit?limit=1",
        "/transactions?limit=500",
        "/transactions?limit=1",
        "/players/p-42/statement?all=true&limit=500",
        "/games",
    ] {
        seen.get(path).await;
    }
    let page = seen.get("/players/p-42/statement?limit=1").await;
    let next = page["next_cursor"].as_str().expect("a next page");
    seen.get(&format!("/players/p-42/statement?limit=1&cursor={next}")).await;
    seen.export("/transactions/export/ndjson").await;
    seen.export("/players/p-42/statement/export/ndjson").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_back_is_what_the_document_says() {
    let document = Document::of_the_operator();
    let stage = Stage::open().await;
    let (answers, nulls) = (BTreeSet::new(), BTreeMap::new());
    let mut seen = Seen { document: &document, stage: &stage, answers, nulls };
    cashier(&mut seen).await;
    play(&mut seen).await;
    watch(&mut seen).await;
    let missed: Vec<_> = document
        .operations()
        .into_iter()
        .filter(|operation| operation.replies_with(JSON))
        .flat_map(|operation| {
            let said = (200..300).filter(move |status| operation.reply(*status, JSON).is_some());
            said.map(move |status| (operation.name(), status))
        })
        .filter(|answer| answer.1 != KEPT && !seen.answers.contains(answer))
        .collect();
    assert!(missed.is_empty(), "never answered: {missed:?}");
    let one_sided: Vec<_> = seen
        .nulls
        .iter()
        .filter(|(name, seen)| **seen != [true, true] && !SEEN_ELSEWHERE.contains(&name.as_str()))
        .collect();
    assert!(one_sided.is_empty(), "[null, not null]: {one_sided:?}");
}
