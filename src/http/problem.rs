//! RFC 9457 problem documents: how everything that is not a provider's protocol says no.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// A problem document (`application/problem+json`).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: `code` is what a program looks at.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The status in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// A stable word for programs.
    #[schema(example = "insufficient_funds")]
    pub code: &'static str,
    /// What is wrong here, for people.
    pub detail: String,
    /// Every value that is at fault, where values are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldError>,
}

/// One value that is at fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Its name in the body, the path, the query or the headers.
    #[schema(example = "currency")]
    pub field: &'static str,
    /// What is wrong with it.
    pub detail: String,
}

/// Goes with a response, so that a log line can name the problem.
#[derive(Clone, Copy, Debug)]
pub struct ProblemCode(pub &'static str);

impl Problem {
    /// A problem with a stable word and a sentence.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// The header without which the status says only half.
    pub const fn header(&self) -> Option<(header::HeaderName, &'static str)> {
        match self.status {
            401 => Some((header::WWW_AUTHENTICATE, "Bearer")),
            503 => Some((header::RETRY_AFTER, "1")),
            _ => None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (code, header) = (ProblemCode(self.code), self.header());
        let mut response = (status, Json(self)).into_response();
        response.extensions_mut().insert(code);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some((name, value)) = header {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
