//! Every field, parameter and header that may be sent: left out, null, of another type, too short,
//! too long, too small, too large, none of the words.

use axum::http::Method;
use serde_json::{Value, json};

use super::document::{Document, Operation, types};
use super::stage::Stage;
use crate::support::http::Reply;

/// What a document says of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// It is allowed.
    Take,
    /// It is not.
    Refuse,
}

/// Values at and beyond the edges of what a schema allows, with what it says of each.
pub fn variants(schema: &Value, good: Option<&Value>) -> Vec<(Value, Says)> {
    use Says::{Refuse, Take};
    // Of which nothing is said may be anything.
    let any = types(schema).next().is_none() && schema.get("enum").is_none();
    let takes =
        |word: &str| if any || types(schema).any(|one| one == word) { Take } else { Refuse };
    let mut all = vec![
        (Value::Null, takes("null")),
        (json!({}), takes("object")),
        (json!([]), takes("array")),
        (json!(1.5), takes("number")),
    ];
    if takes("string") == Take {
        let other = if any { Take } else { Refuse };
        all.extend([(json!(7), other), (json!(true), other)]);
        all.extend(texts(schema));
    }
    if takes("integer") == Take && !any {
        all.push((json!("7"), Refuse));
        let (least, most) = (schema["minimum"].as_i64(), schema["maximum"].as_i64());
        all.extend(least.into_iter().flat_map(|at| [(json!(at), Take), (json!(at - 1), Refuse)]));
        all.extend(most.into_iter().flat_map(|at| [(json!(at), Take), (json!(at + 1), Refuse)]));
    }
    if takes("number") == Take && !any {
        all.push((json!("1.5"), Refuse));
    }
    if takes("boolean") == Take && !any {
        all.extend([(json!(true), Take), (json!(false), Take), (json!("true"), Refuse)]);
    }
    all.extend(good.map(|good| (good.clone(), Take)));
    all
}

fn texts(schema: &Value) -> Vec<(Value, Says)> {
    use Says::{Refuse, Take};
    if let Some(words) = schema["enum"].as_array() {
        let words = words.iter().map(|word| (word.clone(), Take));
        return words.chain([(json!("unheard-of"), Refuse), (json!(""), Refuse)]).collect();
    }
    if schema.get("pattern").is_some() || schema.get("format").is_some() {
        return vec![(json!("§"), Refuse), (json!(""), Refuse), (json!("x".repeat(1000)), Refuse)];
    }
    let length = |name: &str| Some(usize::try_from(schema[name].as_u64()?).expect("a length"));
    let mut all = Vec::new();
    match length("minLength") {
        Some(least) => {
            all.push((json!("x".repeat(least)), Take));
            all.push((json!("x".repeat(least - 1)), Refuse));
        }
        None => all.push((json!(""), Take)),
    }
    match length("maxLength") {
        Some(most) => {
            all.push((json!("x".repeat(most)), Take));
            all.push((json!("x".repeat(most + 1)), Refuse));
        }
        None => all.push((json!("x".repeat(2000)), Take)),
    }
    all
}

/// Whether a call was refused for how it was written, and not for what it asks for. `None` where
/// nothing is known by the name that was sent, which is said of any name.
fn is_refused(reply: &Reply) -> Option<bool> {
    assert!(reply.status.as_u16() < 500, "{}", reply.text());
    let text = reply.text();
    if text.contains("configured provider") || text.contains("provider of this name") {
        return None;
    }
    let form = ["invalid_path", "invalid_query", "invalid_body", "invalid_value", "malformed_json"];
    let key = ["idempotency_key_missing", "idempotency_key_invalid"];
    let code = if reply.status.is_success() { Value::Null } else { reply.json()["code"].clone() };
    Some(form.iter().chain(&key).any(|word| code == *word))
}

struct Walk<'a> {
    stage: &'a Stage,
    wrong: Vec<String>,
    calls: usize,
}

impl Walk<'_> {
    async fn hold(&mut self, operation: Operation<'_>, call: &Call, what: &str, says: Says) {
        let reply = call.send(self.stage, operation).await;
        self.calls += 1;
        let wanted = says == Says::Refuse;
        if is_refused(&reply).is_some_and(|refused| refused != wanted) {
            let name = operation.name();
            let answer = reply.text();
            self.wrong.push(format!("{name}: {what}: the document says {says:?}, but: {answer}"));
        }
    }
}

/// A call that may be altered in one place.
#[derive(Clone)]
struct Call {
    path: String,
    query: Vec<(String, String)>,
    key: Option<String>,
    body: Option<Value>,
}

impl Call {
    fn of(stage: &Stage, operation: Operation<'_>) -> Self {
        let mut path = operation.path.to_owned();
        for parameter in operation.parameters("path") {
            let name = parameter["name"].as_str().expect("a name");
            path = path.replace(&format!("{{{name}}}"), &stage.in_path(operation.path, name));
        }
        let required = operation.parameters("query").filter(|one| one["required"] == true);
        let query = required.map(|one| (word(&one["name"]), word(&one["example"]))).collect();
        let key = operation.parameters("header").next().map(|_| stage.next_key());
        let body = operation.body().map(|_| operation.example());
        Self { path, query, key, body }
    }

    fn with_query(&self, name: &str, value: &str) -> Self {
        let mut call = self.clone();
        call.query.retain(|(one, _)| one != name);
        call.query.push((name.to_owned(), value.to_owned()));
        call
    }

    async fn send(&self, stage: &Stage, operation: Operation<'_>) -> Reply {
        let query: Vec<String> =
            self.query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let path = match query.is_empty() {
            true => self.path.clone(),
            false => format!("{}?{}", self.path, query.join("&")),
        };
        let method: Method = operation.method.to_uppercase().parse().expect("a method");
        stage.call(method, &path, self.key.as_deref(), self.body.as_ref()).await
    }
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

async fn walk_body(document: &Document, walk: &mut Walk<'_>, operation: Operation<'_>) {
    let Some(schema) = operation.body() else { return };
    let schema = document.resolved(schema);
    let call = Call::of(walk.stage, operation);
    let required =
        |name: &str| schema["required"].as_array().into_iter().flatten().any(|one| one == name);
    for (name, field) in schema["properties"].as_object().expect("fields") {
        let good = operation.example().get(name).cloned();
        let mut tries: Vec<(Option<Value>, Says)> =
            variants(document.resolved(field), good.as_ref())
                .into_iter()
                .map(|(value, says)| (Some(value), says))
                .collect();
        tries.push((None, if required(name) { Says::Refuse } else { Says::Take }));
        for (value, says) in tries {
            let mut call =
                Call { key: call.key.as_ref().map(|_| walk.stage.next_key()), ..call.clone() };
            let body = call.body.as_mut().and_then(Value::as_object_mut).expect("an object");
            let what = format!("{name} = {value:.40?}");
            match value {
                Some(value) => body.insert(name.clone(), value),
                None => body.remove(name),
            };
            walk.hold(operation, &call, &what, says).await;
        }
    }
    let mut further = call.clone();
    further.body.as_mut().expect("a body")["unheard_of"] = json!(1);
    let open = schema["additionalProperties"] != false;
    let says = if open { Says::Take } else { Says::Refuse };
    walk.hold(operation, &further, "a field that is not documented", says).await;
    for body in [json!([]), json!("text"), Value::Null] {
        let call = Call { body: Some(body), ..call.clone() };
        walk.hold(operation, &call, "no object", Says::Refuse).await;
    }
}

/// In a query everything is text, and nothing is null.
async fn walk_query(document: &Document, walk: &mut Walk<'_>, operation: Operation<'_>) {
    let call = Call::of(walk.stage, operation);
    for parameter in operation.parameters("query") {
        let name = parameter["name"].as_str().expect("a name");
        if ["cursor", "limit"].contains(&name) && operation.path.contains("/export/") {
            // The text says what it takes of these.
            continue;
        }
        let schema = document.resolved(&parameter["schema"]);
        let good = parameter.get("example").filter(|_| name != "cursor");
        let is_text = types(schema).any(|word| word == "string");
        for (value, says) in variants(schema, good) {
            // What a cursor is made of is nobody's business.
            let is_known = value.is_string() == is_text && name != "cursor";
            if is_known && !value.is_null() && !value.is_array() && !value.is_object() {
                let call = call.with_query(name, &word(&value));
                walk.hold(operation, &call, &format!("{name} = {value:.40}"), says).await;
            }
        }
        if !is_text {
            let call = call.with_query(name, "text");
            walk.hold(operation, &call, &format!("{name} = text"), Says::Refuse).await;
        }
        if parameter["required"] == true {
            let mut call = call.clone();
            call.query.retain(|(one, _)| one != name);
            walk.hold(operation, &call, &format!("no {name}"), Says::Refuse).await;
        }
    }
    let call = call.with_query("unheard_of", "1");
    walk.hold(operation, &call, "a parameter that is not documented", Says::Refuse).await;
}

async fn walk_path(document: &Document, walk: &mut Walk<'_>, operation: Operation<'_>) {
    let call = Call::of(walk.stage, operation);
    for parameter in operation.parameters("path") {
        let name = parameter["name"].as_str().expect("a name");
        for (value, says) in texts(document.resolved(&parameter["schema"])) {
            let value = word(&value);
            // Without it, it is another path.
            if value.is_empty() {
                continue;
            }
            let mut path = operation.path.replace(&format!("{{{name}}}"), &encoded(&value));
            for other in operation.parameters("path") {
                let other = other["name"].as_str().expect("a name");
                let there = walk.stage.in_path(operation.path, other);
                path = path.replace(&format!("{{{other}}}"), &there);
            }
            let what = format!("{name} = {value:.40}");
            walk.hold(operation, &Call { path, ..call.clone() }, &what, says).await;
        }
    }
}

async fn walk_headers(walk: &mut Walk<'_>, operation: Operation<'_>) {
    for parameter in operation.parameters("header") {
        assert_eq!(
            (&parameter["name"], &parameter["required"]),
            (&json!("Idempotency-Key"), &json!(true))
        );
        let call = Call::of(walk.stage, operation);
        let keys = [None, Some(String::new()), Some("two words".to_owned()), Some("k".repeat(201))];
        for key in keys {
            let what = format!("the key {key:.40?}");
            walk.hold(operation, &Call { key, ..call.clone() }, &what, Says::Refuse).await;
        }
        let longest = Call { key: Some("k".repeat(200)), ..call };
        walk.hold(operation, &longest, "the longest key", Says::Take).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_document_allows_is_taken_and_what_it_does_not_is_refused() {
    let document = Document::of_the_operator();
    let stage = Stage::open().await;
    let mut walk = Walk { stage: &stage, wrong: Vec::new(), calls: 0 };
    for operation in document.operations() {
        let call = Call::of(&stage, operation);
        walk.hold(operation, &call, "its own example", Says::Take).await;
        walk_body(&document, &mut walk, operation).await;
        walk_query(&document, &mut walk, operation).await;
        walk_path(&document, &mut walk, operation).await;
        walk_headers(&mut walk, operation).await;
    }
    assert!(walk.calls > 500, "{} calls", walk.calls);
    assert!(
        walk.wrong.is_empty(),
        "{} of {}:\n{}",
        walk.wrong.len(),
        walk.calls,
        walk.wrong.join("\n")
    );
}
