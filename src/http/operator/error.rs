//! Everything that can go wrong, each in one place: the handlers say it and the OpenAPI
//! document shows it.

use axum::http::StatusCode;

use crate::core::Reason;
use crate::engine::WalletError;
use crate::http::problem::{FieldError, Problem};
use crate::store::LookupError;

/// No key, or none that is known.
pub fn unauthorized() -> Problem {
    let detail = "an operator key is needed: `Authorization: Bearer KEY`";
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
}

/// A key that may only look.
pub fn read_only() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "read_only_key", "this key may look but not change")
}

/// No such path.
pub fn no_such_path() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path")
}

/// A path that does not take this method.
pub fn wrong_method() -> Problem {
    let detail = "this path takes only the methods of the `Allow` header";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}

/// A value in the path that cannot be read.
pub fn bad_path(errors: Vec<FieldError>) -> Problem {
    let problem =
        Problem::new(StatusCode::BAD_REQUEST, "invalid_path", "the path cannot be understood");
    Problem { errors, ..problem }
}

/// A query that cannot be read.
pub fn bad_query(detail: impl Into<String>, errors: Vec<FieldError>) -> Problem {
    let problem = Problem::new(StatusCode::BAD_REQUEST, "invalid_query", detail);
    Problem { errors, ..problem }
}

/// A body that is not JSON by its header.
pub fn wrong_content_type() -> Problem {
    let detail = "the body must be JSON, sent as `Content-Type: application/json`";
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_content_type", detail)
}

/// A body that is not JSON by its contents.
pub fn malformed_json(detail: impl std::fmt::Display) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed_json",
        format!("the body is no JSON: {detail}"),
    )
}

/// A body whose end never came.
pub fn broken_body() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "broken_body", "the body ended too early")
}

/// A body above the limit.
pub fn body_too_large(limit: usize) -> Problem {
    let detail = format!("the body may have at most {limit} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
}

/// JSON of another shape than asked for.
pub fn wrong_shape(detail: impl std::fmt::Display) -> Problem {
    let detail = format!("the body does not have the right shape: {detail}");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_body", detail)
}

/// The right shape with values that will not do.
pub fn wrong_values(errors: Vec<FieldError>) -> Problem {
    let detail = "the body has values that cannot be used";
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_value", detail);
    Problem { errors, ..problem }
}

/// Money without a key that makes it safe to repeat.
pub fn idempotency_key_missing() -> Problem {
    let detail = "money moves only with an `Idempotency-Key` header, so that it can be repeated";
    Problem::new(StatusCode::BAD_REQUEST, "idempotency_key_missing", detail)
}

/// A key that will not do.
pub fn idempotency_key_invalid() -> Problem {
    let detail = "one `Idempotency-Key` of 1 to 200 visible ASCII characters is needed";
    Problem::new(StatusCode::BAD_REQUEST, "idempotency_key_invalid", detail)
}

/// The same key with something else behind it.
pub fn idempotency_key_reused() -> Problem {
    let detail = "this `Idempotency-Key` was used for another amount: nothing moved";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail)
}

/// A player id that is taken by a wallet of another currency.
pub fn player_exists(currency: &str) -> Problem {
    let detail = format!("the player is there already, with the currency {currency}");
    Problem::new(StatusCode::CONFLICT, "player_exists", detail)
}

/// A token that opens nothing.
pub fn unknown_session() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "session_unknown", "no session has this token")
}

/// A provider in the path that is not configured.
pub fn unknown_provider() -> Problem {
    let detail = "no provider of this name is configured";
    Problem::new(StatusCode::NOT_FOUND, "provider_unknown", detail)
}

/// A wallet whose currency cannot be counted at the provider.
pub fn currency_unknown(currency: &str) -> Problem {
    let detail = format!(
        "the provider counts in smallest units, and nobody has said what that of {currency} is: \
         its settings need `exponents.{currency}`"
    );
    Problem::new(StatusCode::CONFLICT, "currency_unknown", detail)
}

/// A round of which nothing is known.
pub fn unknown_round() -> Problem {
    let detail = "nothing was ever said about this round of this player";
    Problem::new(StatusCode::NOT_FOUND, "round_unknown", detail)
}

/// A search that the database does not come to an end of.
pub fn search_too_wide() -> Problem {
    let detail = "this search takes too long: ask for a shorter time (`from`, `to`), one round or \
                  one key, or export it";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "search_too_wide", detail)
}

/// An export that the database does not come to an end of.
pub fn export_too_long() -> Problem {
    let detail = "this export takes longer than one may (`operator.export_timeout_s`): ask for a \
                  shorter time (`from`, `to`)";
    Problem::new(StatusCode::GATEWAY_TIMEOUT, "export_too_long", detail)
}

/// As many exports as there may be.
pub fn too_many_exports() -> Problem {
    let detail = "other exports are in progress on this node: nothing was done, try again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
}

/// A movement that does not wait (any more).
pub fn not_parked() -> Problem {
    let detail = "no movement of this id waits: it was decided, or never parked";
    Problem::new(StatusCode::NOT_FOUND, "not_parked", detail)
}

/// A movement that holds what this version does not know.
pub fn unreadable() -> Problem {
    let detail = "the movement holds what this version of the wallet does not know: only the version \
                  that wrote it can decide it";
    Problem::new(StatusCode::CONFLICT, "unreadable", detail)
}

/// A rule of the wallet stands against it.
pub fn refused(reason: Reason) -> Problem {
    let status = match reason {
        Reason::PlayerUnknown => StatusCode::NOT_FOUND,
        _ => StatusCode::CONFLICT,
    };
    let detail = match reason {
        Reason::PlayerUnknown => "no wallet has this player id",
        Reason::PlayerFrozen => "the player is frozen",
        Reason::PlayerClosed | Reason::WalletClosed => "the player is closed",
        Reason::InsufficientFunds => "the balance is smaller than the amount",
        Reason::BalanceLimit => "the balance would be larger than a wallet can hold",
        _ => "a rule of the wallet stands against it",
    };
    Problem::new(status, reason.as_str(), detail)
}

/// Too much at once.
pub fn busy() -> Problem {
    let detail = "too many calls at once: nothing was done, try again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
}

/// The database cannot be reached.
pub fn unavailable() -> Problem {
    let detail = "the database cannot be reached: repeat the call, with the same `Idempotency-Key`";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
}

/// It took too long.
pub fn timeout() -> Problem {
    let detail = "it took too long and may have been done all the same: repeat the call, with the \
                  same `Idempotency-Key`";
    Problem::new(StatusCode::GATEWAY_TIMEOUT, "timeout", detail)
}

/// A fault of ours.
pub fn internal() -> Problem {
    let detail = "a fault of ours; the log has more under the request's id";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail)
}

impl From<WalletError> for Problem {
    fn from(error: WalletError) -> Self {
        match error {
            WalletError::Refused(reason) => refused(reason),
            WalletError::Busy => busy(),
            WalletError::Timeout => timeout(),
            WalletError::Unavailable => unavailable(),
            WalletError::Internal => internal(),
        }
    }
}

impl From<LookupError> for Problem {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::TooSlow => search_too_wide(),
            error => WalletError::from(error).into(),
        }
    }
}
