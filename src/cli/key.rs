//! `wallet key`: new keys, and the hashes under which they are configured.

use std::io::Read;

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::arguments::KeyTask;
use super::print::print;
use crate::config::Role;

/// The longest key that is read, in bytes.
const KEY_MAX: u64 = 4096;

/// Prints what was asked for. A key is shown once and kept nowhere.
///
/// # Errors
/// Where standard input holds no key, or standard output takes nothing.
pub(super) fn run(task: &KeyTask) -> anyhow::Result<()> {
    match task {
        KeyTask::Operator { name, role } => {
            let key = new_key();
            eprintln!("The key, shown this once; calls carry it as `Authorization: Bearer {key}`.");
            eprintln!("What lets it in, for the configuration of every node:\n");
            print(entry(name, *role, &key))?;
        }
        KeyTask::Client => {
            eprintln!(
                "A secret for a provider or a gRPC client, shown this once. Put it where the \
                 configuration's `secrets` point (\"env:NAME\", \"file:/path\").\n"
            );
            print(new_key())?;
        }
        KeyTask::Hash => {
            let mut text = String::new();
            std::io::stdin().take(KEY_MAX).read_to_string(&mut text).context("standard input")?;
            let key = text.trim_end_matches(['\r', '\n']);
            ensure!(!key.is_empty(), "there is no key on standard input");
            print(hash(key))?;
        }
    }
    Ok(())
}

/// 244 bits of the operating system's, in characters that no shell and no header minds.
fn new_key() -> String {
    format!("wk_{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key))
}

fn entry(name: &str, role: Role, key: &str) -> String {
    let role = match role {
        Role::Read => "read",
        Role::Write => "write",
    };
    // As TOML writes it, whatever is in it.
    let name = toml::Value::String(name.to_owned());
    format!("[[operator.keys]]\nname = {name}\nrole = \"{role}\"\nsha256 = \"{}\"", hash(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Env};

    struct Database;

    impl Env for Database {
        fn get(&self, name: &str) -> Option<String> {
            (name == "DATABASE_URL").then(|| "postgres://db".to_owned())
        }

        fn all(&self) -> Vec<(String, String)> {
            Vec::new()
        }
    }

    #[test]
    fn no_two_keys_are_the_same() {
        assert_ne!(new_key(), new_key());
        assert_eq!(new_key().len(), 67);
    }

    #[test]
    fn the_printed_entry_is_what_the_configuration_takes() {
        let folder = std::env::temp_dir().join(format!("wallet-key-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("wallet.toml");
        std::fs::write(&file, entry("a \"name\"", Role::Read, "demo-operator-key"))
            .expect("a file");
        let config = Config::load(Some(&file), &Database);
        std::fs::remove_dir_all(&folder).expect("gone");
        let keys = config.expect("valid").operator.keys;
        assert_eq!((keys[0].name.as_str(), keys[0].role), ("a \"name\"", Role::Read));
        // As sha256sum says it.
        let known = "4a7c449d22a99026fac16a47621ff68792ff589f72334ea3950ce186a5615e9a";
        assert_eq!(keys[0].sha256, known);
    }
}
