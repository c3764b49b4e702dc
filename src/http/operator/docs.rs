//! What the OpenAPI document says beside the handlers: problems as they are really said, and
//! the core's words.

use std::collections::BTreeMap;

use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Object, OpenApi, Ref, RefOr};
use utoipa::{Modify, ToSchema};

use super::error;
use crate::core::{Category, Kind, PlayerStatus, Reason, RowOutcome};
use crate::http::problem::{FieldError, Problem};
use crate::jobs::reconcile;

/// A type for `responses(…)` that stands for a list of problems.
macro_rules! refusals {
    ($name:ident: $common:expr => $($problem:expr),+ $(,)?) => {
        struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<
                String,
                utoipa::openapi::RefOr<utoipa::openapi::response::Response>,
            > {
                let mut problems = $common;
                problems.extend([$($problem),+]);
                $crate::http::operator::docs::documented(problems)
            }
        }
    };
}
pub(super) use refusals;

/// What any call may hear.
pub fn of_all() -> Vec<Problem> {
    vec![
        error::bad_query("this path takes no query", Vec::new()),
        error::unauthorized(),
        error::internal(),
        error::busy(),
        error::unavailable(),
        error::timeout(),
    ]
}

/// What a change may hear.
pub fn of_writes() -> Vec<Problem> {
    let mut problems = of_all();
    problems.push(error::read_only());
    problems
}

/// What a change with a body may hear.
pub fn of_bodies() -> Vec<Problem> {
    let mut problems = of_writes();
    problems.extend([
        error::malformed_json("EOF while parsing an object at line 1 column 20"),
        error::broken_body(),
        error::body_too_large(65536),
        error::wrong_content_type(),
        error::wrong_shape("unknown field `x`, at line 1 column 4"),
    ]);
    problems
}

/// What a movement of money may hear.
pub fn of_money() -> Vec<Problem> {
    let mut problems = of_bodies();
    problems.extend([
        in_path("player_id", "longer than 100 bytes"),
        in_body("amount", "must be more than zero"),
        error::idempotency_key_missing(),
        error::idempotency_key_invalid(),
        error::idempotency_key_reused(),
        error::refused(Reason::PlayerUnknown),
    ]);
    problems
}

/// A value in the path that will not do.
pub fn in_path(field: &'static str, detail: &str) -> Problem {
    error::bad_path(vec![FieldError { field, detail: detail.to_owned() }])
}

/// A value in the body that will not do.
pub fn in_body(field: &'static str, detail: &str) -> Problem {
    error::wrong_values(vec![FieldError { field, detail: detail.to_owned() }])
}

/// One response for each status, with each problem as an example under its code.
pub fn documented(problems: Vec<Problem>) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<Problem>> = BTreeMap::new();
    for problem in problems {
        by_status.entry(problem.status).or_default().push(problem);
    }
    by_status
        .into_iter()
        .map(|(status, problems)| (status.to_string(), RefOr::T(response(&problems))))
        .collect()
}

fn response(problems: &[Problem]) -> Response {
    let examples = problems.iter().map(|problem| {
        let example = ExampleBuilder::new()
            .summary(problem.detail.clone())
            .value(serde_json::to_value(problem).ok());
        (problem.code, example.build())
    });
    let schema = Ref::from_schema_name(Problem::name());
    let content = ContentBuilder::new().schema(Some(schema)).examples_from_iter(examples).build();
    let title = problems.first().map_or("Problem", |problem| problem.title);
    let response =
        ResponseBuilder::new().description(title).content("application/problem+json", content);
    let header = problems.first().and_then(Problem::header);
    match header {
        Some((name, value)) => {
            let header = HeaderBuilder::new().description(Some(format!("`{value}`")));
            response.header(name.as_str(), header.build()).build()
        }
        None => response.build(),
    }
}

/// Names the keys that every path of the operator's needs.
pub struct BearerKey;

impl Modify for BearerKey {
    fn modify(&self, document: &mut OpenApi) {
        // Cargo.toml names none, and an empty name is not one.
        document.info.license = None;
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An operator key, for reading or for writing."))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("operator_key", SecurityScheme::Http(scheme));
        let needed = SecurityRequirement::new("operator_key", Vec::<String>::new());
        for item in document.paths.paths.values_mut() {
            let operations =
                [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete];
            for operation in operations.into_iter().flatten() {
                operation.security = Some(vec![needed.clone()]);
            }
        }
    }
}

/// The words of [`PlayerStatus`].
pub fn player_status() -> Object {
    let mut status = words(PlayerStatus::ALL.iter().map(|word| word.as_str()));
    let meaning = "`frozen`: no stakes, no withdrawals. `closed`: nothing; wins wait as well.";
    status.description = Some(meaning.to_owned());
    status
}

/// The words of [`Kind`].
pub fn kind() -> Object {
    words(Kind::ALL.iter().map(|word| word.as_str()))
}

/// The words of [`Category`].
pub fn category() -> Object {
    words(Category::ALL.iter().map(|word| word.as_str()))
}

/// The words of [`RowOutcome`].
pub fn outcome() -> Object {
    words(RowOutcome::ALL.iter().map(|word| word.as_str()))
}

/// The words of [`Kind`](crate::jobs::reconcile::Kind).
pub fn drift_kind() -> Object {
    words(reconcile::Kind::ALL.iter().map(|word| word.as_str()))
}

/// A text that is one of these.
pub fn words(all: impl Iterator<Item = &'static str>) -> Object {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).enum_values(Some(all)).build()
}
