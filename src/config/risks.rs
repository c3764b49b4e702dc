//! What a configuration may say and hardly ever should.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use secrecy::ExposeSecret;

use super::{Config, Env, Role};

/// The SHA-256 of `demo-operator-key`, which everybody can read in `deploy/dev.toml`.
const DEMO_OPERATOR_KEY: &str = "4a7c449d22a99026fac16a47621ff68792ff589f72334ea3950ce186a5615e9a";
/// Load balancers and providers commonly keep a connection for a minute.
const COMMON_IDLE_MS: u64 = 60_000;
/// One signed call is enough to try shorter secrets on until one fits.
const SECRET_MIN: usize = 16;

impl Config {
    /// All that is legal and risky, each with what to do about it.
    pub fn risks(&self, env: &dyn Env) -> Vec<String> {
        let mut risks = Vec::new();
        self.risks_of_callers(&mut risks);
        self.risks_of_secrets(&mut risks);
        self.risks_of_times(&mut risks);
        if !is_private(self.database.url.expose_secret()) {
            risks.push(
                "database.url: the way to PostgreSQL may be in clear: add ?sslmode=verify-full"
                    .to_owned(),
            );
        }
        if !is_private_cache(self.cache.url.expose_secret()) {
            risks.push(
                "cache.url: the way to Redis is in clear, its password too: use rediss://"
                    .to_owned(),
            );
        }
        if !self.jobs.enabled {
            risks.push(
                "jobs.enabled: no job runs here: run `wallet worker` somewhere, or parked wins wait \
                 for ever"
                    .to_owned(),
            );
        }
        risks.extend(misspelt(env));
        risks
    }

    fn risks_of_callers(&self, risks: &mut Vec<String>) {
        let http = &self.http;
        for proxy in http.trusted_proxies.iter().filter(|net| net.prefix_len() == 0) {
            risks.push(format!(
                "http.trusted_proxies: {proxy} is everybody, so that any caller chooses its own \
                 address: name your proxies alone"
            ));
        }
        let restricted = self.providers.iter().find(|(_, provider)| !provider.allow.is_empty());
        if let (Some((id, _)), true) = (restricted, http.trusted_proxies.is_empty()) {
            risks.push(format!(
                "providers.{id}.allow: behind a proxy it sees the proxy's address, and refuses every \
                 call or none: name the proxy in http.trusted_proxies"
            ));
        }
        if is_open(self.ops.listen) {
            risks.push("ops.listen: metrics need no key: keep this port from strangers".to_owned());
        }
        if self.grpc.listen.is_some_and(is_open) && self.grpc.tls_cert == Path::new("") {
            risks.push(
                "grpc.listen: without TLS the clients' keys go over the network in clear: set \
                 grpc.tls_cert and grpc.tls_key, or put a proxy with TLS in front"
                    .to_owned(),
            );
        }
        if !http.docs_demo.is_empty() {
            risks.push(
                "http.docs_demo: /docs tells these secrets to everybody: only for a demo"
                    .to_owned(),
            );
        }
        if self.providers.is_empty() {
            risks.push("providers: there are none, so no provider's call is answered".to_owned());
        }
    }

    fn risks_of_secrets(&self, risks: &mut Vec<String>) {
        for (one, other) in self.shared_secrets() {
            risks.push(format!(
                "providers.{one}, providers.{other}: they have the same secret, so what one signs is \
                 believed of the other"
            ));
        }
        for (id, provider) in &self.providers {
            if provider.secrets.shortest() < SECRET_MIN {
                risks.push(format!(
                    "providers.{id}.secrets: one has fewer than {SECRET_MIN} characters, so few that \
                     it can be guessed"
                ));
            }
        }
        for key in &self.operator.keys {
            if key.sha256.eq_ignore_ascii_case(DEMO_OPERATOR_KEY) {
                risks.push(format!(
                    "operator.keys ({}): this is the demo's key, which everybody knows: make one \
                     with `wallet key`",
                    key.name
                ));
            }
        }
        if !self.operator.keys.iter().any(|key| key.role == Role::Write) {
            risks.push(
                "operator.keys: none may write, so nobody can open a player: make one with `wallet \
                 key`"
                    .to_owned(),
            );
        }
    }

    fn risks_of_times(&self, risks: &mut Vec<String>) {
        if self.http.idle_timeout_ms <= COMMON_IDLE_MS {
            risks.push(format!(
                "http.idle_timeout_ms: a load balancer that keeps connections for {COMMON_IDLE_MS} ms \
                 sends calls on ones that are closed: keep them longer than it does"
            ));
        }
        if self.http.drain_ms == 0 && is_open(self.http.listen) {
            risks.push(
                "http.drain_ms: a load balancer sends calls to a node that has ended: give it the \
                 time to notice"
                    .to_owned(),
            );
        }
        if self.operator.deadline_ms <= self.database.timeout_ms {
            risks.push(
                "operator.deadline_ms: not longer than database.timeout_ms, so a database that is \
                 gone is told as a call that took too long"
                    .to_owned(),
            );
        }
        for (id, provider) in &self.providers {
            let batch = u128::from(self.database.batch_timeout_ms);
            if provider.deadline.as_millis() <= batch {
                risks.push(format!(
                    "providers.{id}.deadline_ms: not longer than database.batch_timeout_ms, so one \
                     slow commit is told as \"try again\""
                ));
            }
        }
    }
}

/// Whether others than this machine can reach it.
fn is_open(address: SocketAddr) -> bool {
    !address.ip().is_loopback()
}

/// Whether nobody on the network can read what goes to the database: TLS is demanded, or it is on
/// this machine. What stands in a file is not looked at.
fn is_private(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return true };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    // `require` proves no host, but nobody who only listens can read along.
    let enough =
        ["sslmode=require", "sslmode=verify-ca", "sslmode=verify-full", "host=/", "host=%2F"];
    if query.split('&').any(|pair| enough.iter().any(|start| pair.starts_with(start))) {
        return true;
    }
    are_here(rest)
}

/// The same of Redis, whose scheme says whether there is TLS.
fn is_private_cache(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return true };
    let is_encrypted = scheme.starts_with("rediss") || scheme.starts_with("valkeys");
    is_encrypted || scheme.ends_with("+unix") || are_here(rest)
}

/// Whether all hosts of an address are this machine.
fn are_here(rest: &str) -> bool {
    let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, hosts)| hosts);
    let hosts = rest.split_once('/').map_or(rest, |(hosts, _)| hosts);
    hosts.split(',').all(is_here)
}

fn is_here(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(address, _)| address),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    let is_loopback = |address: IpAddr| address.is_loopback();
    name.is_empty() || name == "localhost" || name.parse().is_ok_and(is_loopback)
}

/// Variables that look like settings and are none.
fn misspelt(env: &dyn Env) -> Vec<String> {
    let ours = ["WALLET_BIN", "WALLET_CHAOS", "WALLET_CHAOS_REPORT"];
    let looks = |name: &str| {
        name.starts_with("WALLET_")
            && !name.starts_with("WALLET__")
            && !name.starts_with("WALLET_TEST_")
            && !ours.contains(&name)
    };
    let all = env.all();
    let names = all.iter().map(|(name, _)| name).filter(|name| looks(name));
    names.map(|name| format!("{name}: is no setting: they begin with WALLET__, two of _")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Fixed, load};
    use super::*;

    #[test]
    fn whatever_is_risky_is_said_with_its_key() {
        let text = r#"
            [http]
            listen = "0.0.0.0:8080"
            idle_timeout_ms = 60000
            drain_ms = 0
            trusted_proxies = ["0.0.0.0/0"]
            docs_demo = { pragmatic = "x" }
            [ops]
            listen = "0.0.0.0:9090"
            [grpc]
            listen = "0.0.0.0:8081"
            [jobs]
            enabled = false
            [operator]
            deadline_ms = 3000
            keys = [{ name = "k", role = "read",
                sha256 = "4a7c449d22a99026fac16a47621ff68792ff589f72334ea3950ce186a5615e9a" }]
            [providers.one]
            protocol = "pragmatic"
            secrets = ["env:S"]
            deadline_ms = 1500
            [providers.two]
            protocol = "pragmatic"
            secrets = ["env:S"]
        "#;
        let env = Fixed(vec![
            ("DATABASE_URL", "postgres://u:p@db.example/wallet"),
            ("REDIS_URL", "redis://:pw@cache.example"),
            ("S", "short"),
            ("WALLET_DATABASE__LANES", "4"),
        ]);
        let risks = load(text, &env).expect("valid").risks(&env).join("\n");
        for key in [
            "http.trusted_proxies",
            "http.docs_demo",
            "http.idle_timeout_ms",
            "http.drain_ms",
            "ops.listen",
            "grpc.listen",
            "jobs.enabled",
            "operator.deadline_ms",
            "operator.keys (k)",
            "operator.keys: none",
            "providers.one, providers.two",
            "providers.one.secrets",
            "providers.one.deadline_ms",
            "database.url",
            "cache.url",
            "WALLET_DATABASE__LANES",
        ] {
            assert!(risks.contains(key), "{key} is not in:\n{risks}");
        }
        assert!(!risks.contains("short"), "a secret must not be repeated:\n{risks}");
    }

    #[test]
    fn nothing_is_said_of_what_is_as_it_should_be() {
        let text = r#"
            [operator]
            keys = [{ name = "k", role = "write",
                sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }]
            [providers.one]
            protocol = "pragmatic"
            secrets = ["env:S"]
        "#;
        let url = "postgres://u@db.example/wallet?sslmode=verify-full";
        let env = Fixed(vec![("DATABASE_URL", url), ("S", "0123456789abcdef")]);
        assert_eq!(load(text, &env).expect("valid").risks(&env), Vec::<String>::new());
    }

    #[test]
    fn an_allow_list_without_a_trusted_proxy_is_pointed_out() {
        let text = "[providers.one]\nprotocol = \"pragmatic\"\nsecrets = [\"env:S\"]\n\
            allow = [\"192.0.2.0/24\"]\n";
        let env = Fixed(vec![("DATABASE_URL", "postgres://db"), ("S", "0123456789abcdef")]);
        let risks = load(text, &env).expect("valid").risks(&env).join("\n");
        assert!(risks.contains("providers.one.allow"), "{risks}");
    }

    #[test]
    fn a_database_is_private_on_this_machine_or_behind_demanded_tls() {
        for url in [
            "postgres://wallet@localhost/wallet?host=/tmp/wallet-x",
            "postgres://u:p@127.0.0.1:5432/d",
            "postgres://u@[::1]:5432/d",
            "postgres:///d",
            "postgres://u@db/d?sslmode=verify-full",
            "file:/run/secrets/url",
        ] {
            assert!(is_private(url), "{url}");
        }
        for url in [
            "postgres://u@db/d",
            "postgres://u@localhost,db:5433/d",
            "postgres://u@db?sslmode=prefer",
        ] {
            assert!(!is_private(url), "{url}");
        }
        for url in
            ["redis://127.0.0.1:6379/0", "redis+unix:///tmp/redis.sock", "rediss://:p@cache", ""]
        {
            assert!(is_private_cache(url), "{url}");
        }
        assert!(!is_private_cache("redis-sentinel://s1:26379/0?sentinelServiceName=w"));
    }
}
