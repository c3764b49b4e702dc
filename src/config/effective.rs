//! The configuration as it holds in the end, as TOML: for a person, so without what is secret.

use toml::{Table, Value};

/// In the place of what is secret.
const HIDDEN: &str = "(hidden)";
/// So much of a hash is enough to tell two from each other.
const HASH_SHOWN: usize = 8;

/// What holds, and which of the layers said so.
#[derive(Debug)]
pub struct Effective {
    /// The defaults alone.
    pub(super) defaults: Table,
    /// With the file over them.
    pub(super) with_file: Table,
    /// With the environment over both.
    pub(super) all: Table,
    /// What the file is called.
    pub(super) file: String,
}

impl Effective {
    /// As TOML that could be read again, but for the secrets. Behind a value that is not the default
    /// stands who said so.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, &mut Vec::new(), &self.all);
        text
    }

    fn write<'t>(&self, text: &mut String, path: &mut Vec<&'t str>, table: &'t Table) {
        let is_table = |value: &Value| matches!(value, Value::Table(_));
        if !path.is_empty() && (table.is_empty() || table.values().any(|value| !is_table(value))) {
            let name: Vec<String> = path.iter().map(|key| quoted(key)).collect();
            let apart = if text.is_empty() { "" } else { "\n" };
            text.push_str(&format!("{apart}[{}]\n", name.join(".")));
        }
        for (key, value) in table.iter().filter(|(_, value)| !is_table(value)) {
            path.push(key);
            let (shown, from) = (without_secrets(path, value), self.origin(path));
            text.push_str(&format!("{} = {shown}{from}\n", quoted(key)));
            path.pop();
        }
        for (key, value) in table {
            if let Value::Table(below) = value {
                path.push(key);
                self.write(text, path, below);
                path.pop();
            }
        }
    }

    fn origin(&self, path: &[&str]) -> String {
        let (default, in_file) = (find(&self.defaults, path), find(&self.with_file, path));
        if find(&self.all, path) != in_file {
            " # the environment".to_owned()
        } else if in_file != default {
            format!(" # {}", self.file)
        } else {
            String::new()
        }
    }
}

fn find<'t>(table: &'t Table, path: &[&str]) -> Option<&'t Value> {
    let (last, parents) = path.split_last()?;
    let mut table = table;
    for parent in parents {
        table = table.get(*parent)?.as_table()?;
    }
    table.get(*last)
}

/// A key as TOML wants it.
fn quoted(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !key.is_empty() && key.chars().all(is_bare) {
        key.to_owned()
    } else {
        Value::String(key.to_owned()).to_string()
    }
}

fn without_secrets(path: &[&str], value: &Value) -> Value {
    match (path, value) {
        (["database" | "cache", "url"] | ["telemetry", "otlp_endpoint"], Value::String(url)) => {
            Value::String(without_password(url))
        }
        // A page that fills them in shows them to everybody; this is no reason to do so here.
        (["http", "docs_demo", _], _) => Value::String(HIDDEN.to_owned()),
        (["providers", _, "secrets"] | ["providers", _, "named_secrets", _], Value::Array(all)) => {
            Value::Array(all.iter().map(reference_only).collect())
        }
        (["operator", "keys"], Value::Array(all)) => {
            Value::Array(all.iter().map(with_short_hash).collect())
        }
        _ => value.clone(),
    }
}

/// Where the secret is, never one that was written in its place.
fn reference_only(value: &Value) -> Value {
    match value.as_str() {
        Some(text) if text.starts_with("env:") || text.starts_with("file:") => value.clone(),
        _ => Value::String(HIDDEN.to_owned()),
    }
}

/// A key that somebody has made up can be found from its hash.
fn with_short_hash(key: &Value) -> Value {
    let mut key = key.clone();
    if let Some(Value::String(hash)) = key.get_mut("sha256") {
        *hash = hash.chars().take(HASH_SHOWN).chain(['…']).collect();
    }
    key
}

/// A URL without what stands before its host but the user, and without passwords behind it.
fn without_password(url: &str) -> String {
    if url.is_empty() || url.starts_with("file:") {
        return url.to_owned();
    }
    let Some((scheme, rest)) = url.split_once("://") else { return HIDDEN.to_owned() };
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, q)| (rest, Some(q)));
    // A password may hold any of `/@:`, so it ends at the last `@`.
    let rest = match rest.rsplit_once('@') {
        Some((user, host)) => {
            let shown = match user.split_once(':') {
                Some((user, _)) => format!("{user}:{HIDDEN}"),
                // People write a password there, where Redis has no users.
                None if scheme.starts_with("postgres") => user.to_owned(),
                None => HIDDEN.to_owned(),
            };
            format!("{shown}@{host}")
        }
        None => rest.to_owned(),
    };
    let parameter = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("pass") => format!("{name}={HIDDEN}"),
        _ => pair.to_owned(),
    };
    let query = query.map(|query| query.split('&').map(parameter).collect::<Vec<_>>().join("&"));
    query.map_or_else(|| format!("{scheme}://{rest}"), |query| format!("{scheme}://{rest}?{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        text.parse().expect("TOML")
    }

    #[test]
    fn no_password_is_left_in_a_url() {
        for (url, shown) in [
            ("postgres://u:p@h:1/d", "postgres://u:(hidden)@h:1/d"),
            ("postgres://u:p/@:x@a:1,b:2/d?a=b", "postgres://u:(hidden)@a:1,b:2/d?a=b"),
            (
                "postgres://h/d?password=p&sslmode=require",
                "postgres://h/d?password=(hidden)&sslmode=require",
            ),
            ("redis://:p@h", "redis://:(hidden)@h"),
            ("postgres://u@localhost/d?host=/tmp", "postgres://u@localhost/d?host=/tmp"),
            ("redis://p@h", "redis://(hidden)@h"),
            (
                "redis-sentinel://s/0?sentinelPassword=p",
                "redis-sentinel://s/0?sentinelPassword=(hidden)",
            ),
            ("host=h password=p", "(hidden)"),
            ("file:/run/secrets/url", "file:/run/secrets/url"),
            ("", ""),
        ] {
            assert_eq!(without_password(url), shown, "{url}");
        }
    }

    #[test]
    fn what_is_shown_is_toml_that_says_where_it_is_from_and_tells_no_secret() {
        let defaults = table("[database]\nlanes = 1\nurl = \"\"\n[http.docs_demo]\n");
        let file = "[database]\nlanes = 2\nurl = \"\"\n[http.docs_demo]\n\"a b\" = \"S3CRET\"\n\
            [providers.p]\nprotocol = \"x\"\nsecrets = [\"env:NAME\", \"S3CRET\"]\n\
            [[operator.keys]]\nname = \"k\"\nsha256 = \"0123456789S3CRET\"\n";
        let mut all = table(file);
        all["database"]["url"] = Value::String("postgres://u:S3CRET@h/d".to_owned());
        let effective =
            Effective { defaults, with_file: table(file), all, file: "w.toml".to_owned() };
        let shown = effective.to_toml();
        assert!(!shown.contains("S3CRET"), "{shown}");
        assert!(shown.contains("lanes = 2 # w.toml\n"), "{shown}");
        assert!(
            shown.contains("url = \"postgres://u:(hidden)@h/d\" # the environment\n"),
            "{shown}"
        );
        assert!(shown.contains("env:NAME") && shown.contains("01234567…"), "{shown}");
        let again = table(&shown);
        assert_eq!(again["database"]["lanes"], Value::Integer(2));
        assert_eq!(again["http"]["docs_demo"]["a b"].as_str(), Some(HIDDEN));
    }
}
