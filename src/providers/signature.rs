//! Proof of who is calling: the schemes that protocols use, and the secrets behind them. The
//! adapter says which scheme and over which bytes; comparisons are made here, in constant
//! time, against every secret of the provider (two while one is being rotated).

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use webpki::RawPublicKeyEntity;
use webpki::ring::RSA_PKCS1_2048_8192_SHA256;

/// What a caller offers.
pub struct Proof<'c> {
    /// How it was made.
    pub scheme: Scheme,
    /// By which of the provider's secrets: one that the protocol gives a name, or its only one.
    pub secret: Option<&'static str>,
    /// The bytes that it covers; more than one reading where a protocol leaves it open. The
    /// proof holds when it holds for one of them.
    pub messages: Vec<Cow<'c, [u8]>>,
    /// As received.
    pub signature: Cow<'c, str>,
}

impl<'c> Proof<'c> {
    /// By the provider's only secret, over this message.
    pub fn new(
        scheme: Scheme,
        message: impl Into<Cow<'c, [u8]>>,
        signature: impl Into<Cow<'c, str>>,
    ) -> Self {
        let messages = vec![message.into()];
        Self { scheme, secret: None, messages, signature: signature.into() }
    }

    /// A secret that is sent as it is.
    pub fn token(sent: impl Into<Cow<'c, str>>) -> Self {
        Self::new(Scheme::SharedToken, &[][..], sent)
    }

    /// By the secret of that name.
    #[must_use]
    pub const fn under(mut self, secret: &'static str) -> Self {
        self.secret = Some(secret);
        self
    }
}

/// How a signature is made of a message and a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Hex of HMAC-SHA256(secret, message).
    HmacSha256Hex,
    /// Hex of HMAC-SHA1(secret, message).
    HmacSha1Hex,
    /// Hex of MD5(message, secret).
    Md5SuffixHex,
    /// Base64 of RSA PKCS#1 v1.5 with SHA-256 over the message. The "secret" is the caller's public
    /// key, as PEM: 2,048 to 8,192 bits.
    RsaSha256Base64,
    /// The secret itself; it covers no message.
    SharedToken,
}

impl Scheme {
    /// What proves a message to whoever knows the secret: the caller's side of it, for the examples
    /// of the documents. Empty for RSA: here is only the public half of its key.
    pub fn sign(self, message: &[u8], secret: &str) -> String {
        match self {
            // HMAC takes a key of any length.
            Self::HmacSha256Hex => Hmac::<Sha256>::new_from_slice(secret.as_bytes())
                .map(|mac| hex::encode(mac.chain_update(message).finalize().into_bytes()))
                .unwrap_or_default(),
            Self::HmacSha1Hex => Hmac::<Sha1>::new_from_slice(secret.as_bytes())
                .map(|mac| hex::encode(mac.chain_update(message).finalize().into_bytes()))
                .unwrap_or_default(),
            Self::Md5SuffixHex => {
                hex::encode(Md5::new().chain_update(message).chain_update(secret).finalize())
            }
            Self::RsaSha256Base64 => String::new(),
            Self::SharedToken => secret.to_owned(),
        }
    }
}

/// One secret, or one public key.
#[derive(Clone, Debug)]
struct Secret {
    text: SecretString,
    /// Read once, where the text is a public key.
    public_key: Option<SubjectPublicKeyInfoDer<'static>>,
}

impl Secret {
    fn new(text: SecretString) -> Self {
        let public_key = SubjectPublicKeyInfoDer::from_pem_slice(text.expose_secret().as_bytes());
        Self { text, public_key: public_key.ok() }
    }

    fn bytes(&self) -> &[u8] {
        self.text.expose_secret().as_bytes()
    }

    fn verifies(&self, scheme: Scheme, message: &[u8], given: &Given) -> bool {
        match scheme {
            // HMAC takes a key of any length.
            Scheme::HmacSha256Hex => Hmac::<Sha256>::new_from_slice(self.bytes())
                .is_ok_and(|mac| given.equals(&mac.chain_update(message).finalize().into_bytes())),
            Scheme::HmacSha1Hex => Hmac::<Sha1>::new_from_slice(self.bytes())
                .is_ok_and(|mac| given.equals(&mac.chain_update(message).finalize().into_bytes())),
            Scheme::Md5SuffixHex => given
                .equals(&Md5::new().chain_update(message).chain_update(self.bytes()).finalize()),
            Scheme::RsaSha256Base64 => self.public_key.as_ref().is_some_and(|key| {
                RawPublicKeyEntity::try_from(key).is_ok_and(|key| {
                    key.verify_signature(RSA_PKCS1_2048_8192_SHA256, message, given.bytes()).is_ok()
                })
            }),
            // By their hashes: a comparison of texts would tell how long the secret is.
            Scheme::SharedToken => given.equals(&Sha256::digest(self.bytes())),
        }
    }
}

/// The secrets of one provider: of each the current one and, while it is being rotated, the other.
#[derive(Clone, Debug)]
pub struct Secrets {
    only: Vec<Secret>,
    named: BTreeMap<String, Vec<Secret>>,
}

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
        Ok(Self { only: usable(secrets)?, named: BTreeMap::new() })
    }

    /// With those that the protocol gives a name.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn with_named(
        mut self,
        name: String,
        secrets: Vec<SecretString>,
    ) -> Result<Self, SecretsError> {
        self.named.insert(name, usable(secrets)?);
        Ok(self)
    }

    fn all(&self) -> impl Iterator<Item = &Secret> {
        self.only.iter().chain(self.named.values().flatten())
    }

    /// The SHA-256 of each, for a key that is sent as it is: it is looked for among those of many
    /// callers, and comparing hashes tells nobody how long a key is.
    pub fn hashes(&self) -> impl Iterator<Item = [u8; 32]> {
        self.all().map(|secret| Sha256::digest(secret.bytes()).into())
    }

    /// The characters of the shortest.
    pub fn shortest(&self) -> usize {
        let lengths = self.all().map(|secret| secret.text.expose_secret().chars().count());
        lengths.min().unwrap_or_default()
    }

    /// True when the proof holds under one of the secrets.
    pub fn verify(&self, proof: &Proof<'_>) -> bool {
        let secrets = match proof.secret {
            None => &self.only,
            Some(name) => match self.named.get(name) {
                Some(secrets) => secrets,
                None => return false,
            },
        };
        let Some(given) = Given::read(proof.scheme, &proof.signature) else { return false };
        secrets.iter().any(|secret| {
            proof.messages.iter().any(|message| secret.verifies(proof.scheme, message, &given))
        })
    }
}

fn usable(secrets: Vec<SecretString>) -> Result<Vec<Secret>, SecretsError> {
    match secrets.len() {
        1 | 2 => {}
        count => return Err(SecretsError::Count(count)),
    }
    if secrets.iter().any(|secret| secret.expose_secret().is_empty()) {
        return Err(SecretsError::Empty);
    }
    Ok(secrets.into_iter().map(Secret::new).collect())
}

/// The longest signature: that of a key of 8,192 bits.
const LONGEST: usize = 1024;

/// A signature as received, in bytes.
enum Given {
    /// A digest.
    Digest { bytes: [u8; 64], len: usize },
    /// A signature by a private key.
    Long(Vec<u8>),
}

impl Given {
    fn read(scheme: Scheme, text: &str) -> Option<Self> {
        match scheme {
            Scheme::HmacSha256Hex | Scheme::HmacSha1Hex | Scheme::Md5SuffixHex => {
                Self::from_hex(text)
            }
            Scheme::RsaSha256Base64 if text.len() > LONGEST * 2 => None,
            Scheme::RsaSha256Base64 => STANDARD.decode(text).ok().map(Self::Long),
            Scheme::SharedToken => Some(Self::Long(Sha256::digest(text).to_vec())),
        }
    }

    /// Hex of either case, up to 64 bytes.
    fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 64];
        let len = text.len() / 2;
        hex::decode_to_slice(text, bytes.get_mut(..len)?).ok()?;
        Some(Self::Digest { bytes, len })
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Digest { bytes, len } => bytes.get(..*len).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }

    fn equals(&self, expected: &[u8]) -> bool {
        self.bytes().ct_eq(expected).into()
    }
}

#[cfg(test)]
mod tests;
