//! How gRPC says no: a status code, and `google.rpc` details that a program can act on.

use std::collections::HashMap;
use std::time::Duration;

use tonic::metadata::MetadataValue;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::proto;
use crate::core::Reason;
use crate::providers::Failure;

/// The `domain` of every `ErrorInfo`.
const DOMAIN: &str = "wallet.v1";

/// Why a call, or one command of a batch, came to nothing.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// As in every protocol.
    Failed(Failure),
    /// These fields are at fault.
    Invalid(Vec<FieldViolation>),
    /// The message is compressed, and nobody said that it may be.
    Compressed,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Refusal {
    /// The word for metrics and logs.
    pub const fn outcome(&self) -> &'static str {
        match self {
            Self::Failed(failure) => failure.as_str(),
            Self::Invalid(_) | Self::Compressed => "bad_request",
        }
    }

    /// What was wrong, for the log.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Failed(Failure::BadRequest(detail)) => Some(detail.clone()),
            Self::Failed(_) => None,
            Self::Invalid(_) | Self::Compressed => Some(self.message()),
        }
    }

    /// The status code.
    pub const fn code(&self) -> Code {
        let failure = match self {
            Self::Failed(failure) => failure,
            Self::Invalid(_) => return Code::InvalidArgument,
            Self::Compressed => return Code::Unimplemented,
        };
        match failure {
            Failure::UnknownOperation => Code::Unimplemented,
            Failure::AddressNotAllowed => Code::PermissionDenied,
            Failure::BadSignature | Failure::Stale => Code::Unauthenticated,
            // The second is told from the first by its RetryInfo.
            Failure::TooLarge | Failure::Busy => Code::ResourceExhausted,
            Failure::BadRequest(_) => Code::InvalidArgument,
            Failure::Refused(Reason::PlayerUnknown) => Code::NotFound,
            Failure::CurrencyUnknown(_) | Failure::Refused(_) => Code::FailedPrecondition,
            Failure::Timeout => Code::DeadlineExceeded,
            Failure::OwnerUnknown(_) | Failure::Unavailable => Code::Unavailable,
            Failure::Internal => Code::Internal,
        }
    }

    /// After which time the same call may be sent again, if it may.
    const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Failed(Failure::Busy) => Some(Duration::from_millis(200)),
            Self::Failed(Failure::Timeout | Failure::Unavailable | Failure::Internal) => {
                Some(Duration::from_secs(1))
            }
            _ => None,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Compressed => "messages are taken as they are, not compressed",
            Self::Failed(Failure::BadSignature) => "a key is needed: `authorization: Bearer KEY`",
            Self::Failed(failure) => return failure.to_string(),
            Self::Invalid(violations) => {
                let all = violations.iter().map(|v| format!("{}: {}", v.field, v.description));
                return all.collect::<Vec<_>>().join("; ");
            }
        }
        .to_owned()
    }

    /// The whole answer of a call.
    pub fn status(&self) -> Status {
        let mut details = ErrorDetails::new();
        let reason = self.outcome().to_ascii_uppercase();
        details.set_error_info(reason, DOMAIN, HashMap::new());
        if let Self::Invalid(violations) = self {
            details.set_bad_request(violations.clone());
        }
        if let Some(delay) = self.retry_after() {
            details.set_retry_info(Some(delay));
        }
        let mut status = Status::with_error_details(self.code(), self.message(), details);
        if matches!(self, Self::Compressed) {
            // As the protocol wants it of whoever says no to a compression.
            let as_it_is = MetadataValue::from_static("identity");
            status.metadata_mut().insert("grpc-accept-encoding", as_it_is);
        }
        status
    }

    /// The same for one command of a batch.
    pub fn error(self) -> proto::Error {
        proto::Error {
            code: i32::from(self.code()),
            reason: self.outcome().to_ascii_uppercase(),
            message: self.message(),
            retry: self.retry_after().is_some(),
            violations: match self {
                Self::Failed(_) | Self::Compressed => Vec::new(),
                Self::Invalid(violations) => violations
                    .into_iter()
                    .map(|v| proto::FieldViolation { field: v.field, description: v.description })
                    .collect(),
            },
        }
    }
}
