//! Who calls: bearer keys, of which only the SHA-256 is known here.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::{OperatorKey, Role};

/// The holder of a key.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who holds it, for the log.
    pub name: Arc<str>,
    /// What it may do.
    pub role: Role,
}

/// Every configured key.
pub struct Keys(Vec<([u8; 32], Caller)>);

impl Keys {
    /// The keys as configured; the configuration has been checked.
    pub fn new(configured: &[OperatorKey]) -> Self {
        let keys = configured.iter().filter_map(|key| {
            let mut hash = [0; 32];
            hex::decode_to_slice(&key.sha256, &mut hash).ok()?;
            Some((hash, Caller { name: Arc::from(key.name.as_str()), role: key.role }))
        });
        Self(keys.collect())
    }

    /// The holder of the key that came with a call. Always every key is compared, so that the
    /// time says nothing about any of them.
    pub fn holder(&self, headers: &HeaderMap) -> Option<Caller> {
        let presented: [u8; 32] = Sha256::digest(bearer_key(headers)?).into();
        self.0.iter().fold(None, |found, (hash, caller)| {
            if bool::from(hash.ct_eq(&presented)) { Some(caller.clone()) } else { found }
        })
    }
}

/// The key in `Authorization: Bearer KEY`.
pub fn bearer_key(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, key) = value.split_at_checked(b"Bearer ".len())?;
    let key = key.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"Bearer ") && !key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn keys() -> Keys {
        let key = |name: &str, role, key: &str| OperatorKey {
            name: name.to_owned(),
            role,
            sha256: hex::encode_upper(Sha256::digest(key)),
        };
        Keys::new(&[
            key("reports", Role::Read, "read-key"),
            key("back-office", Role::Write, "write-key"),
        ])
    }

    fn holder_of(authorization: &'static str) -> Option<String> {
        let headers = HeaderMap::from_iter([(
            header::AUTHORIZATION,
            HeaderValue::from_static(authorization),
        )]);
        keys().holder(&headers).map(|caller| caller.name.to_string())
    }

    #[test]
    fn a_key_names_its_holder_whatever_its_place_in_the_list() {
        assert_eq!(holder_of("Bearer read-key").as_deref(), Some("reports"));
        assert_eq!(holder_of("bearer write-key").as_deref(), Some("back-office"));
    }

    #[test]
    fn anything_else_names_nobody() {
        for text in ["", "Bearer", "Bearer ", "Bearer read-ke", "Basic read-key", "read-key"] {
            assert_eq!(holder_of(text), None, "{text:?}");
        }
        assert!(keys().holder(&HeaderMap::new()).is_none());
    }
}
