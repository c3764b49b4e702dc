//! The hosts of one database, of which one takes writes. Which one, and how to get in, is found out
//! anew for each connection, so a node follows a primary that moves, and a password that changes,
//! by itself. With one host, nothing is asked.

use std::str::FromStr;
use std::sync::Arc;

use futures_util::future::select_ok;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};

/// Stands before the path of a file that holds the URL.
const FILE: &str = "file:";

/// One host or several, all with the same options otherwise.
#[derive(Clone)]
pub struct Hosts {
    url: SecretString,
    with: Arc<dyn Fn(PgConnectOptions) -> PgConnectOptions + Send + Sync>,
}

impl Hosts {
    /// Reads `postgres://user@one:5432,two:5432/name`: what stands around the hosts holds for
    /// all of them. `file:/path` is a file with such a URL, which may change at any time.
    ///
    /// # Errors
    /// Where a URL cannot be read; the message does not repeat it.
    pub(super) fn parse(
        url: &SecretString,
        with: impl Fn(PgConnectOptions) -> PgConnectOptions + Send + Sync + 'static,
    ) -> Result<Self, sqlx::Error> {
        let hosts = Self { url: url.clone(), with: Arc::new(with) };
        hosts.read()?;
        Ok(hosts)
    }

    /// Connects to the host; of several, to the one that takes writes. All are asked at once, so
    /// one that does not answer holds nothing up.
    ///
    /// # Errors
    /// When none can be reached that does.
    pub async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        Ok(self.find().await?.1)
    }

    /// As [`Self::connect`], and says which of the hosts it is.
    pub(super) async fn find(&self) -> Result<(usize, PgConnection), sqlx::Error> {
        let all = self.read()?;
        if let [only] = &*all {
            return Ok((0, PgConnection::connect_with(only).await?));
        }
        let ask = |(place, options): (usize, PgConnectOptions)| {
            Box::pin(async move {
                let mut connection = PgConnection::connect_with(&options).await?;
                must_write(&mut connection).await?;
                Ok((place, connection))
            })
        };
        select_ok(all.into_iter().enumerate().map(ask)).await.map(|(first, _)| first)
    }

    /// True when there is a choice.
    pub(super) fn are_several(&self) -> bool {
        self.read().is_ok_and(|all| all.len() > 1)
    }

    /// How to connect to one of them, as the address reads now.
    pub(super) fn options(&self, place: usize) -> Option<PgConnectOptions> {
        self.read().ok()?.into_iter().nth(place)
    }

    fn read(&self) -> Result<Vec<PgConnectOptions>, sqlx::Error> {
        let url = match self.url.expose_secret().strip_prefix(FILE) {
            Some(path) => SecretString::from(std::fs::read_to_string(path)?),
            None => self.url.clone(),
        };
        let read = |url: &String| PgConnectOptions::from_str(url).map(&*self.with);
        urls(url.expose_secret().trim()).iter().map(read).collect()
    }
}

/// Refuses a host on which nothing can be written: a standby, and one that was made read-only.
async fn must_write(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let sql = "SELECT current_setting('transaction_read_only') = 'on'";
    refuse(connection, sql, "the host takes no writes").await
}

/// Refuses a standby, which may know less than what was answered.
///
/// # Errors
/// When it is one, or does not answer.
pub(super) async fn must_be_primary(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    refuse(connection, "SELECT pg_is_in_recovery()", "the host is a standby").await
}

async fn refuse(
    connection: &mut PgConnection,
    if_so: &'static str,
    why: &str,
) -> Result<(), sqlx::Error> {
    let is_so: bool = sqlx::query_scalar(if_so).fetch_one(connection).await?;
    // Of the errors that pass: it may be otherwise in a moment.
    if is_so { Err(sqlx::Error::Protocol(why.to_owned())) } else { Ok(()) }
}

/// One URL for each host.
fn urls(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else { return vec![url.to_owned()] };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, at, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (user, "@", hosts),
        None => ("", "", authority),
    };
    hosts.split(',').map(|host| format!("{scheme}://{user}{at}{host}{path}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_around_the_hosts_holds_for_each() {
        assert_eq!(
            urls("postgres://u:a,b@one:5432,two:5433/wallet?sslmode=require"),
            [
                "postgres://u:a,b@one:5432/wallet?sslmode=require",
                "postgres://u:a,b@two:5433/wallet?sslmode=require",
            ]
        );
        assert_eq!(urls("postgres://one,two"), ["postgres://one", "postgres://two"]);
    }

    #[test]
    fn one_host_is_left_as_it_is() {
        for url in ["postgres://h", "postgres://u:p@h:1/d?host=/a,b", "postgres:///d", "nonsense"] {
            assert_eq!(urls(url), [url]);
        }
    }

    fn count(url: &str) -> Result<usize, sqlx::Error> {
        Hosts::parse(&url.into(), |options| options)?.read().map(|hosts| hosts.len())
    }

    #[test]
    fn an_address_that_is_none_is_refused_wherever_it_stands() {
        assert_eq!(count("postgres://one:5432,two:5432/d").ok(), Some(2));
        assert!(count("postgres://one:5432,two:port/d").is_err());
        assert!(count("file:/there/is/no/such/file").is_err());
    }

    #[test]
    fn an_address_in_a_file_is_read_again_for_each_connection() {
        let path = std::env::temp_dir().join(format!("wallet-url-{}", std::process::id()));
        let user =
            |hosts: &Hosts| hosts.options(0).map(|options| options.get_username().to_owned());
        std::fs::write(&path, "postgres://one:secret@h/d\n").expect("a file");
        let hosts = Hosts::parse(&format!("file:{}", path.display()).into(), |options| options);
        let hosts = hosts.expect("a URL");
        assert_eq!(user(&hosts).as_deref(), Some("one"));
        std::fs::write(&path, "postgres://two:other@h/d").expect("a file");
        assert_eq!(user(&hosts).as_deref(), Some("two"));
        std::fs::remove_file(&path).expect("it is there");
        assert_eq!(user(&hosts), None);
    }
}
