//! Proof of who is calling: the schemes that protocols use, and the secrets behind them. The
//! adapter says which scheme and over which bytes; comparisons are made here, in constant
//! time, against every secret of the provider (two while one is being rotated).

use std::borrow::Cow;

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// What a caller offers.
pub struct Proof<'c> {
    /// How it was made.
    pub scheme: Scheme,
    /// The bytes that it covers; more than one reading where a protocol leaves it open. The
    /// proof holds when it holds for one of them.
    pub messages: Vec<Cow<'c, [u8]>>,
    /// As received.
    pub signature: Cow<'c, str>,
}

/// How a signature is made of a message and a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Hex of HMAC-SHA256(secret, message).
    HmacSha256Hex,
    /// Hex of MD5(message, secret).
    Md5SuffixHex,
}

impl Scheme {
    /// What proves a message to whoever knows the secret, in hex: the caller's side of it, for
    /// the examples of the documents.
    pub fn sign(self, message: &[u8], secret: &str) -> String {
        match self {
            // HMAC takes a key of any length.
            Self::HmacSha256Hex => Hmac::<Sha256>::new_from_slice(secret.as_bytes())
                .map(|mac| hex::encode(mac.chain_update(message).finalize().into_bytes()))
                .unwrap_or_default(),
            Self::Md5SuffixHex => {
                hex::encode(Md5::new().chain_update(message).chain_update(secret).finalize())
            }
        }
    }
}

/// The secrets of one provider: the current one and, while it is being rotated, the other.
#[derive(Clone, Debug)]
pub struct Secrets(Vec<SecretString>);

/// A set of secrets that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    /// There must be one, or two during a rotation.
    #[error("needs one secret, or two while rotating; has {0}")]
    Count(usize),
    /// An empty secret verifies nothing.
    #[error("a secret is empty")]
    Empty,
}

impl Secrets {
    /// One secret, or two during a rotation.
    ///
    /// # Errors
    /// [`SecretsError`] for none, more than two, or an empty one.
    pub fn new(secrets: Vec<SecretString>) -> Result<Self, SecretsError> {
        match secrets.len() {
            1 | 2 => {}
            count => return Err(SecretsError::Count(count)),
        }
        if secrets.iter().any(|secret| secret.expose_secret().is_empty()) {
            return Err(SecretsError::Empty);
        }
        Ok(Self(secrets))
    }

    /// The SHA-256 of each, for a key that is sent as it is: it is looked for among those of many
    /// callers, and comparing hashes tells nobody how long a key is.
    pub fn hashes(&self) -> impl Iterator<Item = [u8; 32]> {
        self.0.iter().map(|secret| Sha256::digest(secret.expose_secret()).into())
    }

    /// The characters of the shortest.
    pub fn shortest(&self) -> usize {
        let lengths = self.0.iter().map(|secret| secret.expose_secret().chars().count());
        lengths.min().unwrap_or_default()
    }

    /// True when the proof holds under one of the secrets.
    pub fn verify(&self, proof: &Proof<'_>) -> bool {
        let Some(given) = Digested::from_hex(&proof.signature) else { return false };
        self.0.iter().any(|secret| {
            proof.messages.iter().any(|message| {
                match proof.scheme {
                    Scheme::HmacSha256Hex => {
                        // HMAC takes a key of any length.
                        Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).is_ok_and(
                            |mac| given.equals(&mac.chain_update(message).finalize().into_bytes()),
                        )
                    }
                    Scheme::Md5SuffixHex => given.equals(
                        &Md5::new()
                            .chain_update(message)
                            .chain_update(secret.expose_secret())
                            .finalize(),
                    ),
                }
            })
        })
    }
}

/// A digest as received: hex of either case, up to 64 bytes.
struct Digested {
    bytes: [u8; 64],
    len: usize,
}

impl Digested {
    fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 64];
        let len = text.len() / 2;
        hex::decode_to_slice(text, bytes.get_mut(..len)?).ok()?;
        Some(Self { bytes, len })
    }

    fn equals(&self, expected: &[u8]) -> bool {
        self.bytes.get(..self.len).is_some_and(|given| given.ct_eq(expected).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(all: &[&str]) -> Secrets {
        Secrets::new(all.iter().map(|s| SecretString::from(*s)).collect()).expect("usable")
    }

    fn proof(scheme: Scheme, message: &str, signature: &str) -> Proof<'static> {
        Proof {
            scheme,
            messages: vec![Cow::Owned(message.as_bytes().to_vec())],
            signature: Cow::Owned(signature.to_owned()),
        }
    }

    // RFC 2202/4231 style known answers computed with `openssl` and `md5sum`.
    #[test]
    fn a_proof_holds_under_either_secret_of_a_rotation() {
        let body = r#"{"user_id":"p-1001","currency":"EUR","game":"acme:DemoSlot"}"#;
        let sign = "4428e278f65aa0032b8edc1dc275cf070ecca02e2b9689becee3b0a16f34f833";
        let offered = proof(Scheme::HmacSha256Hex, body, sign);
        assert!(secrets(&["test-softswiss-auth-token-01"]).verify(&offered));
        assert!(secrets(&["new", "test-softswiss-auth-token-01"]).verify(&offered));
        assert!(!secrets(&["new", "other"]).verify(&offered));
    }

    #[test]
    fn md5_takes_the_secret_as_a_suffix_and_hex_of_either_case() {
        let text = "providerId=PragmaticPlay&token=tk-7f3a1c";
        let hash = "76f573c8f45c9dc00c67f6d4320912fb";
        let ours = secrets(&["made-up-Secret-01"]);
        assert!(ours.verify(&proof(Scheme::Md5SuffixHex, text, hash)));
        assert!(ours.verify(&proof(Scheme::Md5SuffixHex, text, &hash.to_uppercase())));
    }

    #[test]
    fn what_is_no_hex_of_the_right_length_proves_nothing() {
        let ours = secrets(&["s"]);
        for signature in ["", "zz", "76f5", &"a".repeat(200), "76f573c8f45c9dc00c67f6d4320912f"] {
            assert!(!ours.verify(&proof(Scheme::Md5SuffixHex, "m", signature)), "{signature}");
        }
    }

    #[test]
    fn there_is_no_empty_secret_and_no_provider_without_one() {
        assert_eq!(Secrets::new(vec![]).err(), Some(SecretsError::Count(0)));
        assert_eq!(Secrets::new(vec![SecretString::from("")]).err(), Some(SecretsError::Empty));
    }
}
