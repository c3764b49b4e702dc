//! What a handler needs of a request, with a problem document for whatever is not there.

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::error;
use super::layers::Call;
use super::wire::Faults;
use crate::core::PlayerId;
use crate::http::body::{self, BodyError};
use crate::http::problem::Problem;

/// A JSON body of exactly this shape.
pub struct JsonBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(error::wrong_content_type());
        }
        let limit = Call::of(request.extensions())?.body_max();
        let whole = body::read(request.into_body(), limit).await.map_err(|error| match error {
            BodyError::TooLarge => error::body_too_large(limit),
            BodyError::Broken => error::broken_body(),
        })?;
        serde_json::from_slice(&whole).map(Self).map_err(|error| match error.classify() {
            Category::Data => error::wrong_shape(error),
            Category::Io | Category::Syntax | Category::Eof => error::malformed_json(error),
        })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// The query, with exactly these parameters.
pub struct QueryParams<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for QueryParams<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Query::try_from_uri(&parts.uri).map(|Query(params)| Self(params)).map_err(|rejection| {
            let text = rejection.body_text();
            let detail = text.strip_prefix("Failed to deserialize query string: ");
            let detail = detail.unwrap_or(&text);
            error::bad_query(format!("the query cannot be understood: {detail}"), Vec::new())
        })
    }
}

/// Refuses a query where there is none: a parameter that is not understood is not ignored.
pub async fn refuse_query(request: Request, next: Next) -> Response {
    match request.uri().query() {
        None | Some("") => next.run(request).await,
        Some(_) => error::bad_query("this path takes no query", Vec::new()).into_response(),
    }
}

/// Values in the path.
pub struct PathParams<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathParams<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let found: Result<Path<T>, PathRejection> = Path::from_request_parts(parts, state).await;
        found.map(|Path(params)| Self(params)).map_err(|_| error::bad_path(Vec::new()))
    }
}

/// The player whom the path names.
pub struct PlayerPath(pub PlayerId);

impl<S: Send + Sync> FromRequestParts<S> for PlayerPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        struct Named {
            player_id: String,
        }
        let PathParams(Named { player_id }) = PathParams::from_request_parts(parts, state).await?;
        let mut faults = Faults::default();
        let player = faults.check("player_id", PlayerId::parse(player_id));
        player.map(Self).ok_or_else(|| error::bad_path(faults.into_errors()))
    }
}

/// What makes a movement of money safe to repeat: 1 to 200 visible ASCII characters.
#[derive(Debug)]
pub struct IdempotencyKey(pub String);

impl IdempotencyKey {
    const MAX: usize = 200;

    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut values = headers.get_all("idempotency-key").iter();
        let first = values.next().ok_or_else(error::idempotency_key_missing)?;
        match (Self::parse(first.to_str().unwrap_or_default()), values.next()) {
            (Ok(key), None) => Ok(key),
            _ => Err(error::idempotency_key_invalid()),
        }
    }

    /// A key as somebody says it.
    ///
    /// # Errors
    /// Words for the caller.
    pub fn parse(text: impl Into<String>) -> Result<Self, &'static str> {
        let text = text.into();
        let fits =
            (1..=Self::MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(Self(text)) } else { Err("must be 1 to 200 visible ASCII characters") }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.headers)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn code(values: &[&str]) -> &'static str {
        let headers = values.iter().filter_map(|value| {
            let name = header::HeaderName::from_static("idempotency-key");
            Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
        });
        match IdempotencyKey::of(&headers.collect()) {
            Ok(_) => "ok",
            Err(problem) => problem.code,
        }
    }

    #[test]
    fn an_idempotency_key_is_one_short_word() {
        assert_eq!(code(&["6f1c:2026/42"]), "ok");
        assert_eq!(code(&[&"k".repeat(200)]), "ok");
        assert_eq!(code(&[]), "idempotency_key_missing");
        for bad in ["", "two words", "ä", &"k".repeat(201)] {
            assert_eq!(code(&[bad]), "idempotency_key_invalid", "{bad:?}");
        }
        assert_eq!(code(&["one", "two"]), "idempotency_key_invalid");
    }
}
