//! The OpenAPI documents of the API port, made from the code: one for the operator's own API,
//! one for each protocol, and one of all together.

use utoipa::OpenApi;
use utoipa::openapi::{self, Server};

use super::operator::OperatorApi;
use crate::providers::{Page, page, pages};

/// The document of everything.
pub const ALL: &str = "wallet";
/// The document of the operator's own API; the others have the names of their protocols.
pub const OPERATOR: &str = "operator";

/// What an operator's people have to know before they call.
const OPERATOR_TEXT: &str = "\
JSON in and out. Money is a decimal string in major units, such as `\"12.50\"`; every refusal is a
problem document (RFC 9457), whose `code` is a stable word for programs.

### How to sign

Nothing is signed: every call has a bearer key, which is for reading or for reading and writing.

```http
Authorization: Bearer demo-operator-key
```

The wallet knows a key by its SHA-256 alone. For the configuration it is made so

```sh
printf '%s' 'demo-operator-key' | sha256sum | cut -d' ' -f1
```

which prints

```text
4a7c449d22a99026fac16a47621ff68792ff589f72334ea3950ce186a5615e9a
```

A call that moves money has an `Idempotency-Key` too: sent again under the same key, it moves money
once, and is answered as before.
";

/// Whom a document is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everybody who connects something.
    Everybody,
    /// The casino's own back office.
    Operator,
    /// A provider, or who connects one.
    Provider,
}

/// Every document's name and whom it is for.
pub fn names() -> impl Iterator<Item = (&'static str, Audience)> {
    let own = [(ALL, Audience::Everybody), (OPERATOR, Audience::Operator)];
    own.into_iter().chain(pages().map(|(name, _)| (name, Audience::Provider)))
}

/// What a document is called where there is little room.
pub fn title(name: &str) -> String {
    match name {
        ALL => "Everything".to_owned(),
        OPERATOR => "Operator's API".to_owned(),
        name => page(name)
            .map(|page| short(&(page.openapi)().info.title).to_owned())
            .unwrap_or_default(),
    }
}

/// The document of that name.
pub fn document(name: &str) -> Option<openapi::OpenApi> {
    let mut document = match name {
        ALL => everything(),
        OPERATOR => operator(),
        name => provider(page(name)?),
    };
    document.servers = Some(vec![described("http://127.0.0.1:8080", "The demo: `make run`")]);
    Some(document)
}

/// A server for a document's list.
pub fn described(url: &str, description: &str) -> Server {
    let mut server = Server::new(url);
    server.description = Some(description.to_owned());
    server
}

fn operator() -> openapi::OpenApi {
    let mut document = OperatorApi::openapi();
    "Operator's API: seamless wallet".clone_into(&mut document.info.title);
    document.info.description = Some(OPERATOR_TEXT.to_owned());
    name_operations(&mut document);
    group_tags(&mut document, "For the operator");
    document
}

fn provider(page: &Page) -> openapi::OpenApi {
    let mut document = (page.openapi)();
    let title = document.info.title.clone();
    group_tags(&mut document, &format!("For game providers: {}", short(&title)));
    document
}

/// All of them, each with its description under a heading and its groups of tags.
fn everything() -> openapi::OpenApi {
    let mut all = operator();
    "Seamless wallet".clone_into(&mut all.info.title);
    let mut text = "The operator's own API and the callbacks of every provider's protocol. \
        Each of them has a document of its own, too. What calls over gRPC is described by \
        `wallet.proto`, and by the node's reflection service.\n\n## The operator's API\n\n"
        .to_owned();
    text.push_str(all.info.description.as_deref().unwrap_or_default());
    let mut groups = tag_groups(&all);
    for (_, page) in pages() {
        let other = provider(page);
        let description = other.info.description.as_deref().unwrap_or_default();
        text.push_str(&format!("\n\n## {}\n\n{description}", short(&other.info.title)));
        groups.extend(tag_groups(&other));
        all.merge(other);
    }
    all.info.description = Some(text);
    set_tag_groups(&mut all, groups);
    all
}

/// "Name: what it is", without what it is.
fn short(title: &str) -> &str {
    title.split_once(':').map_or(title, |(name, _)| name)
}

/// An operation's name is unique over all documents; handlers' names are so among one tag.
fn name_operations(document: &mut openapi::OpenApi) {
    for item in document.paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            let tag = operation.tags.iter().flatten().next().map_or(OPERATOR, String::as_str);
            let name = operation.operation_id.as_deref().unwrap_or_default();
            operation.operation_id = Some(format!("{tag}_{name}"));
        }
    }
}

const TAG_GROUPS: &str = "x-tagGroups";

/// Puts all tags of a document under one heading, for readers that show such.
fn group_tags(document: &mut openapi::OpenApi, heading: &str) {
    let tags: Vec<_> = document.tags.iter().flatten().map(|tag| tag.name.clone()).collect();
    let group = serde_json::json!({ "name": heading, "tags": tags });
    set_tag_groups(document, vec![group]);
}

fn tag_groups(document: &openapi::OpenApi) -> Vec<serde_json::Value> {
    let extensions = document.extensions.as_ref();
    let groups = extensions.and_then(|extensions| extensions.get(TAG_GROUPS));
    groups.and_then(serde_json::Value::as_array).cloned().unwrap_or_default()
}

fn set_tag_groups(document: &mut openapi::OpenApi, groups: Vec<serde_json::Value>) {
    let extensions = document.extensions.get_or_insert_default();
    extensions.insert(TAG_GROUPS.to_owned(), groups.into());
}
