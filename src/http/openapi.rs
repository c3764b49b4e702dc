//! The OpenAPI document of everything on the API port, made from the code.

use utoipa::OpenApi;
use utoipa::openapi;

use crate::providers::PROTOCOLS;

/// The operator's API and every protocol, in one document.
pub fn document() -> openapi::OpenApi {
    let mut document = super::operator::OperatorApi::openapi();
    for protocol in PROTOCOLS {
        document.merge((protocol.openapi)());
    }
    document
}
