//! stub
use super::Protocol;
pub const PROTOCOL: Protocol = Protocol {
    name: "softswiss",
    build: |_, _| Err(String::new()),
    openapi: || {
        utoipa::openapi::OpenApi::new(
            utoipa::openapi::Info::new("", ""),
            utoipa::openapi::Paths::new(),
        )
    },
};
