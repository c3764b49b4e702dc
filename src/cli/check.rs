//! `wallet config check`: what a node would say to its configuration, without a node.

use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::print::print;
use crate::app::{cache_config, database_config};
use crate::config::{Config, ConfigErrors, Effective, Env};
use crate::grpc;

/// Says on standard error what is wrong or risky, and prints what holds as TOML. Nothing is
/// connected to.
///
/// # Errors
/// Everything that keeps a node from starting with it; where standard output takes nothing, that.
pub(super) fn check(file: Option<&Path>, env: &dyn Env) -> anyhow::Result<()> {
    let (config, effective) = read(file, env)?;
    let name = file.map_or_else(|| "the environment".to_owned(), |file| file.display().to_string());
    let risks = config.risks(env);
    match risks.len() {
        0 => eprintln!("{name} can be used; nothing in it is known to be risky"),
        1 => eprintln!("{name} can be used, and one thing is risky:\n  - {}", risks.join("")),
        many => {
            eprintln!(
                "{name} can be used, and {many} things are risky:\n  - {}",
                risks.join("\n  - ")
            );
        }
    }
    Ok(print(effective.to_toml().trim_end())?)
}

fn read(file: Option<&Path>, env: &dyn Env) -> Result<(Config, Effective), ConfigErrors> {
    let (config, effective) = Config::read(file, env)?;
    let faults = faults(&config);
    if faults.is_empty() { Ok((config, effective)) } else { Err(ConfigErrors(faults)) }
}

/// What is only noticed where it is used.
fn faults(config: &Config) -> Vec<String> {
    let mut faults = Vec::new();
    // How long it may take is no part of the question.
    let any = Duration::from_secs(1);
    if database_config(&config.database).engine_hosts(any, any).is_err() {
        faults.push(
            "database.url: is no postgres:// address, or a file: that cannot be read (it is not \
             repeated here: it may hold a password)"
                .to_owned(),
        );
    }
    if !config.cache.url.expose_secret().is_empty() {
        let wrong = cache_config(&config.cache).check().err();
        faults.extend(wrong.map(|error| format!("cache.url: {error}")));
    }
    if config.grpc.listen.is_some() {
        faults.extend(grpc::check_tls(&config.grpc).err().map(|error| format!("{error:#}")));
        let calls =
            |id| config.providers.get(id).is_some_and(|p| p.protocol.name == grpc::PROTOCOL);
        for (one, other) in config.shared_secrets() {
            if calls(one) && calls(other) {
                faults.push(format!("providers.{one} and providers.{other} have the same key"));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Set(Vec<(&'static str, &'static str)>);

    impl Env for Set {
        fn get(&self, name: &str) -> Option<String> {
            self.all().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
        }

        fn all(&self) -> Vec<(String, String)> {
            self.0.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        }
    }

    #[test]
    fn what_only_its_user_would_notice_is_noticed() {
        let env = Set(vec![
            ("DATABASE_URL", "postgres://u:S3CRET@h:no-port/d"),
            ("REDIS_URL", "mysql://:S3CRET@h"),
            ("K", "one key"),
            ("WALLET__GRPC__LISTEN", "127.0.0.1:1"),
            ("WALLET__GRPC__TLS_CERT", "/nowhere/cert.pem"),
            ("WALLET__GRPC__TLS_KEY", "/nowhere/key.pem"),
            ("WALLET__PROVIDERS__A", "{ protocol = \"grpc\", secrets = [\"env:K\"] }"),
            ("WALLET__PROVIDERS__B", "{ protocol = \"grpc\", secrets = [\"env:K\"] }"),
        ]);
        let ConfigErrors(faults) = read(None, &env).expect_err("nothing of it can be used");
        assert_eq!(faults.len(), 4, "{faults:#?}");
        let all = faults.join("\n");
        for part in ["database.url", "cache.url", "cert.pem", "providers.a and providers.b"] {
            assert!(all.contains(part), "{part} is not in {all}");
        }
        assert!(!all.contains("S3CRET"), "{all}");
    }
}
