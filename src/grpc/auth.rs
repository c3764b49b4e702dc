//! Who calls: the client whose key came with the call.

use std::sync::Arc;

use axum::http::HeaderMap;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::app::App;
use crate::http::operator::auth::bearer_key;
use crate::provider::Provider;
use crate::providers::grpc::PROTOCOL;

/// The keys of every client: one each, or two while they are being rotated.
pub struct Keys(Vec<([u8; 32], Arc<Provider>)>);

impl Keys {
    /// Those of the providers that call over gRPC.
    ///
    /// # Errors
    /// Two clients that cannot be told apart.
    pub fn of(app: &App) -> Result<Self, String> {
        let mut keys: Vec<([u8; 32], Arc<Provider>)> = Vec::new();
        for client in app.providers.values().filter(|client| client.protocol == PROTOCOL.name) {
            for hash in client.secrets.hashes() {
                let taken = keys.iter().find(|(other, _)| *other == hash);
                if let Some((_, other)) = taken.filter(|(_, other)| other.id != client.id) {
                    let (one, two) = (&client.id, &other.id);
                    return Err(format!("providers.{one} and providers.{two} have the same key"));
                }
                keys.push((hash, Arc::clone(client)));
            }
        }
        Ok(Self(keys))
    }

    /// The client whose key came with a call. Always every key is compared, so that the time
    /// says nothing about any of them.
    pub fn holder(&self, headers: &HeaderMap) -> Option<Arc<Provider>> {
        let presented: [u8; 32] = Sha256::digest(bearer_key(headers)?).into();
        let found = self.0.iter().fold(None, |found, (hash, client)| {
            if bool::from(hash.ct_eq(&presented)) { Some(client) } else { found }
        });
        found.map(Arc::clone)
    }
}
