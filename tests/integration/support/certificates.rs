//! An authority of the test's own, and what it has signed.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::Folder;
use super::tool;

/// Files, each PEM. They go when it is dropped.
pub struct Certificates {
    folder: Folder,
}

impl Certificates {
    /// Makes them; `None` where there is no `openssl`.
    pub fn make() -> Option<Self> {
        let openssl = tool::optional("openssl")?;
        let made = Self { folder: Folder::new("wallet-certificates") };
        made.sign(&openssl, "authority", &[]);
        for name in ["server", "client"] {
            let (authority, key) = (made.certificate("authority"), made.key("authority"));
            let options = [
                "-addext",
                "subjectAltName=IP:127.0.0.1,DNS:localhost",
                "-addext",
                "basicConstraints=critical,CA:FALSE",
                "-CA",
                &authority.display().to_string(),
                "-CAkey",
                &key.display().to_string(),
            ];
            made.sign(&openssl, name, &options);
        }
        Some(made)
    }

    fn sign(&self, openssl: &Path, name: &str, options: &[&str]) {
        let output = Command::new(openssl)
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-nodes", "-days", "2", "-subj", &format!("/CN={name}.test")])
            .args(options)
            .arg("-keyout")
            .arg(self.key(name))
            .arg("-out")
            .arg(self.certificate(name))
            .output()
            .expect("openssl");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Of `authority`, `server` or `client`.
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.pem"))
    }

    /// As there.
    pub fn key(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.key"))
    }

    /// How a Redis is told of them; `auth` is whether it asks for a client's.
    pub fn redis_options(&self, auth: &str) -> Vec<String> {
        let path = |path: PathBuf| path.display().to_string();
        [
            ("--tls-cert-file", path(self.certificate("server"))),
            ("--tls-key-file", path(self.key("server"))),
            ("--tls-ca-cert-file", path(self.certificate("authority"))),
            ("--tls-auth-clients", auth.to_owned()),
        ]
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect()
    }

    /// Lines of a node's configuration that have it trust the authority.
    pub fn trusted(&self) -> String {
        format!("cache.tls_ca = '{}'", self.certificate("authority").display())
    }

    /// And with a certificate of its own.
    pub fn trusted_and_shown(&self) -> String {
        let (chain, key) = (self.certificate("client"), self.key("client"));
        format!(
            "{}\ncache.tls_cert = '{}'\ncache.tls_key = '{}'",
            self.trusted(),
            chain.display(),
            key.display()
        )
    }
}
