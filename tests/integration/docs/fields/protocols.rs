//! The fields of providers' calls: left out, null, of another type, too short, too long. What comes
//! back is held against the document by the protocols' own tests, which make the examples.

use serde_json::{Map, Value};

use super::document::Document;
use super::requests::{Says, variants};
use crate::support::world::World;
use crate::support::{evolution, pragmatic, softswiss, spribe};

/// A node with the player and the token of the documents' examples.
async fn world() -> World {
    let world = World::tuned(1, spribe::PROVIDER).await;
    world.bank.open("p-42", "1000.00").await;
    world
}

/// Fields of an object with what the document says of each value, and of none.
fn tries(
    document: &Document,
    schema: &Value,
    example: &Value,
) -> Vec<(String, Option<Value>, Says)> {
    let required =
        |name: &str| schema["required"].as_array().is_some_and(|all| all.contains(&name.into()));
    let fields = schema["properties"].as_object().expect("fields").iter();
    let mut all = Vec::new();
    for (name, field) in fields {
        let values = variants(document.resolved(field), example.get(name));
        all.extend(values.into_iter().map(|(value, says)| (name.clone(), Some(value), says)));
        let left_out = if required(name) { Says::Refuse } else { Says::Take };
        all.push((name.clone(), None, left_out));
    }
    all
}

fn altered(body: &Value, name: &str, value: Option<&Value>) -> Value {
    let mut body: Map<String, Value> = body.as_object().expect("an object").clone();
    match value {
        Some(value) => body.insert(name.to_owned(), value.clone()),
        None => body.remove(name),
    };
    body.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn softswiss_takes_what_its_document_allows_and_nothing_else() {
    let document = Document::of_protocol("softswiss");
    let world = world().await;
    let mut wrong = Vec::new();
    for operation in document.operations() {
        let schema = document.resolved(operation.body().expect("a body"));
        let example = operation.example();
        let mut bodies = Vec::new();
        for (name, value, says) in tries(&document, schema, &example) {
            // What the text says: actions have their number, and a round.
            let in_words = match name.as_str() {
                "actions" => value.as_ref().is_some_and(Value::is_array),
                "game_id" => {
                    operation.path.ends_with("play") && value.as_ref().is_none_or(Value::is_null)
                }
                _ => false,
            };
            if !in_words {
                bodies.push((name.clone(), altered(&example, &name, value.as_ref()), says));
            }
        }
        let action = example.pointer("/actions/0");
        for (name, value, says) in action.into_iter().flat_map(|action| {
            let schema =
                document.resolved(&document.resolved(&schema["properties"]["actions"])["items"]);
            tries(&document, schema, action)
        }) {
            let action = altered(&example["actions"][0], &name, value.as_ref());
            let body = altered(&example, "actions", Some(&vec![action].into()));
            bodies.push((format!("actions[0].{name}"), body, says));
        }
        for (name, body, says) in bodies {
            let reply = softswiss::Call::of(operation.path, body.clone()).send(world.api(0)).await;
            if (reply.0 == 400) != (says == Says::Refuse) {
                wrong.push(format!(
                    "{} {name}: {says:?}, but {reply:?} to {body:.300}",
                    operation.path
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spribe_takes_what_its_document_allows_and_nothing_else() {
    let document = Document::of_protocol("spribe");
    let world = world().await;
    let mut wrong = Vec::new();
    for operation in document.operations() {
        let schema = document.resolved(operation.body().expect("a body"));
        let example = operation.example();
        for (name, value, says) in tries(&document, schema, &example) {
            let body = altered(&example, &name, value.as_ref());
            let reply = spribe::Call::of(operation.path, body.clone()).send(world.api(0)).await;
            let message = reply["message"].as_str().expect("a message");
            if message.starts_with("Bad request: ") != (says == Says::Refuse) {
                wrong.push(format!(
                    "{} {name}: {says:?}, but {reply} to {body:.300}",
                    operation.path
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

/// The objects within are tried by their own fields; who plays has to exist.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evolution_takes_what_its_document_allows_and_nothing_else() {
    const PROVIDER: &str = "[providers.evolution]
        protocol = 'evolution'
        secrets = ['env:EVOLUTION_TOKEN']
        allow = ['127.0.0.0/8']";
    let document = Document::of_protocol("evolution");
    let world = World::tuned(1, PROVIDER).await;
    world.bank.open("demo-player", "1000.00").await;
    let mut wrong = Vec::new();
    for operation in document.operations() {
        let schema = document.resolved(operation.body().expect("a body"));
        let example = operation.example();
        let mut bodies = Vec::new();
        for (name, value, says) in tries(&document, schema, &example) {
            let inner = document.resolved(&schema["properties"][&name]);
            if inner["properties"].is_object() {
                for (field, value, says) in tries(&document, inner, &example[&name]) {
                    let object = altered(&example[&name], &field, value.as_ref());
                    let body = altered(&example, &name, Some(&object));
                    if field != "details" {
                        bodies.push((format!("{name}.{field}"), body, says));
                    }
                }
            } else if name != "userId" || says == Says::Refuse {
                bodies.push((name.clone(), altered(&example, &name, value.as_ref()), says));
            }
        }
        for (name, body, says) in bodies {
            let call = evolution::Call::of(operation.path, body.clone());
            let reply = call.attempt(world.api(0)).await.expect("a reply").json();
            if (reply["status"] == "INVALID_PARAMETER") != (says == Says::Refuse) {
                wrong.push(format!(
                    "{} {name}: {says:?}, but {reply} to {body:.300}",
                    operation.path
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

/// In a form everything is text, nothing is null, and what is empty is not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pragmatic_takes_what_its_document_allows_and_nothing_else() {
    const BAD_PARAMETERS: i64 = 7;
    let document = Document::of_protocol("pragmatic");
    let world = world().await;
    let mut wrong = Vec::new();
    for operation in document.operations() {
        let schema = document.resolved(operation.body().expect("a body"));
        let example = operation.example();
        for (name, value, says) in tries(&document, schema, &example) {
            let as_text = match &value {
                None => None,
                Some(Value::String(text)) => Some(text.clone()),
                Some(Value::Number(number)) if number.is_i64() => Some(number.to_string()),
                Some(Value::Null) => {
                    assert_eq!(says, Says::Refuse, "{name}: a form has no null");
                    continue;
                }
                Some(_) => continue,
            };
            // What the text says: of a list each id has a length, and a time that cannot be read
            // costs nobody a win.
            let in_words = match name.as_str() {
                "gameIdList" => says == Says::Take && as_text.is_some(),
                "timestamp" => says == Says::Refuse && as_text.is_some(),
                _ => false,
            };
            if in_words {
                continue;
            }
            // They are about who calls.
            if ["hash", "providerId"].contains(&name.as_str()) {
                continue;
            }
            let is_text = value.as_ref().is_none_or(Value::is_string);
            let wants_text = schema["properties"][&name]["type"] == "string";
            let says = match as_text.as_deref() {
                Some("") => tries_left_out(schema, &name),
                Some(_) if wants_text && !is_text => continue,
                _ => says,
            };
            let form = altered(&example, &name, as_text.map(Value::from).as_ref());
            let reply = pragmatic::Call::of(operation.path, &form).send(world.api(0)).await;
            if (reply.error == BAD_PARAMETERS) != (says == Says::Refuse) {
                wrong.push(format!(
                    "{} {name}: {says:?}, but {} to {form:.300}",
                    operation.path, reply.json
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

fn tries_left_out(schema: &Value, name: &str) -> Says {
    let required = schema["required"].as_array().is_some_and(|all| all.contains(&name.into()));
    if required { Says::Refuse } else { Says::Take }
}
