//! `/docs`: a page with the API's documents, on which calls can be tried out. Everything that it
//! needs is in the program, and nothing else may be loaded: see [`POLICY`].

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde::Serialize;

use super::openapi::{self, ALL, Audience, OPERATOR, described};
use super::problem::Problem;
use crate::providers;

/// What a browser may do for the page: run and show what the node itself serves, and call it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

const SAFE: [(HeaderName, HeaderValue); 3] = [
    (HeaderName::from_static("content-security-policy"), HeaderValue::from_static(POLICY)),
    (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff")),
    (HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer")),
];

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const CSS: HeaderValue = HeaderValue::from_static("text/css; charset=utf-8");
const JS: HeaderValue = HeaderValue::from_static("text/javascript; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const SVG: HeaderValue = HeaderValue::from_static("image/svg+xml");

/// What the try-out starts with, by the name of a document: a demo's public secrets.
pub type Demo = BTreeMap<String, String>;

struct Docs {
    demo: Demo,
    /// Made when somebody asks: a node that nobody looks at has none in memory.
    documents: BTreeMap<&'static str, OnceLock<Bytes>>,
}

/// `/docs` and everything below it.
pub fn router(demo: Demo) -> Router {
    let documents = openapi::names().map(|(name, _)| (name, OnceLock::new())).collect();
    Router::new()
        // With the slash, so that what the page names is found beside it.
        .route("/docs", get(|| async { Redirect::permanent("docs/") }))
        .route("/docs/", get(|| async { page() }))
        .route("/docs/page.json", get(setup))
        .route("/docs/{name}", get(document))
        .route("/docs/assets/{name}", get(asset))
        .route("/docs/sign/{name}", get(signer))
        .with_state(Arc::new(Docs { demo, documents }))
}

fn page() -> Response {
    served(HTML, Bytes::from_static(include_bytes!("assets/index.html")))
}

/// `<name>.json` is a document, `<name>` the page that shows it.
async fn document(State(docs): State<Arc<Docs>>, Path(file): Path<String>) -> Response {
    let (name, is_json) =
        file.strip_suffix(".json").map_or((file.as_str(), false), |name| (name, true));
    let name = if is_json && name == "openapi" { ALL } else { name };
    match docs.documents.get(name) {
        None => nothing(),
        Some(_) if !is_json => page(),
        Some(made) => served(JSON, made.get_or_init(|| written(name)).clone()),
    }
}

/// A document as this node serves it: its calls go to this node.
fn written(name: &str) -> Bytes {
    let document = openapi::document(name).and_then(|mut document| {
        document.servers = Some(vec![described("../", "This node")]);
        document.to_json().ok()
    });
    document.unwrap_or_default().into()
}

/// What the page is told.
#[derive(Serialize)]
struct Setup<'a> {
    documents: Vec<Entry>,
    demo: &'a Demo,
}

#[derive(Serialize)]
struct Entry {
    name: &'static str,
    title: String,
    audience: &'static str,
}

async fn setup(State(docs): State<Arc<Docs>>) -> Response {
    let documents = openapi::names().map(|(name, audience)| Entry {
        name,
        title: openapi::title(name),
        audience: match audience {
            Audience::Everybody => "",
            Audience::Operator => "For the operator",
            Audience::Provider => "For game providers",
        },
    });
    let setup = Setup { documents: documents.collect(), demo: &docs.demo };
    served(JSON, serde_json::to_string(&setup).unwrap_or_default().into())
}

/// The script that signs the calls of `<document>.js`.
async fn signer(Path(file): Path<String>) -> Response {
    match file.strip_suffix(".js") {
        Some(OPERATOR) => served(JS, Bytes::from_static(include_bytes!("assets/operator.js"))),
        Some(name) => providers::page(name)
            .map_or_else(nothing, |page| served(JS, Bytes::from_static(page.sign_js.as_bytes()))),
        None => nothing(),
    }
}

async fn asset(Path(file): Path<String>) -> Response {
    let (content_type, bytes): (_, &'static [u8]) = match file.as_str() {
        "page.js" => (JS, include_bytes!("assets/page.js")),
        "page.css" => (CSS, include_bytes!("assets/page.css")),
        "icon.svg" => (SVG, include_bytes!("assets/icon.svg")),
        "swagger-ui-bundle.js" => {
            return compressed(JS, include_bytes!("assets/swagger-ui-bundle.js.gz"));
        }
        "swagger-ui.css" => return compressed(CSS, include_bytes!("assets/swagger-ui.css.gz")),
        "LICENSE" => (TEXT, include_bytes!("assets/LICENSE")),
        "NOTICE" => (TEXT, include_bytes!("assets/NOTICE")),
        "swagger-ui-bundle.js.LICENSE.txt" => {
            (TEXT, include_bytes!("assets/swagger-ui-bundle.js.LICENSE.txt"))
        }
        _ => return nothing(),
    };
    served(content_type, Bytes::from_static(bytes))
}

fn served(content_type: HeaderValue, body: Bytes) -> Response {
    let fresh = HeaderValue::from_static("no-cache");
    (SAFE, [(CONTENT_TYPE, content_type), (CACHE_CONTROL, fresh)], body).into_response()
}

/// Every browser takes gzip; the node has it in no other form.
fn compressed(content_type: HeaderValue, body: &'static [u8]) -> Response {
    let mut response = served(content_type, Bytes::from_static(body));
    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("max-age=3600"));
    response
}

fn nothing() -> Response {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path")
        .into_response()
}
