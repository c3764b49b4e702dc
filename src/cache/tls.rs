//! TLS to Redis, by the library and the cryptography that the database's connections have.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fred::types::config::{TlsConfig, TlsConnector, TlsHostMapping};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::CacheError;

/// Files, each PEM, for an encrypted address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Who may have signed Redis' certificate; without, the public authorities.
    pub ca: Option<PathBuf>,
    /// The certificate chain that this node shows, and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

impl TlsFiles {
    /// True where none is named.
    pub(super) fn are_none(&self) -> bool {
        *self == Self::default()
    }

    /// How connections are encrypted to that host and, in a cluster, to the others that it tells of.
    /// Where those are addresses and it has a name, they are known by that name.
    ///
    /// # Errors
    /// [`CacheError::Tls`] where a file cannot be read, or does not go with another.
    pub(super) fn config(&self, host_is_a_name: bool) -> Result<TlsConfig, CacheError> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| CacheError::Tls(error.to_string()))?
            .with_root_certificates(self.authorities()?);
        let config = match &self.client {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let secret =
                    PrivateKeyDer::from_pem_file(key).map_err(|error| in_file(key, error))?;
                let chain_read = certificates(chain)?;
                builder
                    .with_client_auth_cert(chain_read, secret)
                    .map_err(|error| in_file(chain, error))?
            }
        };
        let hostnames =
            if host_is_a_name { TlsHostMapping::DefaultHost } else { TlsHostMapping::None };
        Ok(TlsConfig { connector: TlsConnector::from(config), hostnames })
    }

    fn authorities(&self) -> Result<RootCertStore, CacheError> {
        let Some(path) = &self.ca else {
            return Ok(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });
        };
        let mut authorities = RootCertStore::empty();
        for certificate in certificates(path)? {
            authorities.add(certificate).map_err(|error| in_file(path, error))?;
        }
        if authorities.is_empty() { Err(in_file(path, "no certificate")) } else { Ok(authorities) }
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CacheError> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| in_file(path, error))
}

fn in_file(path: &Path, error: impl std::fmt::Display) -> CacheError {
    CacheError::Tls(format!("{}: {error}", path.display()))
}
