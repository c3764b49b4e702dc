//! The hosts of one database, of which one takes writes. Which one is found out anew for each
//! connection, so a node follows a primary that moves, by itself. With one host, nothing is asked.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_ok;
use sqlx::postgres::{PgConnectOptions, PgPool};
use sqlx::{Connection as _, PgConnection};
use tokio::time::{sleep, timeout};

/// How often it is looked whether the primary still is one, for the pool's new connections.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// The longest wait for such a look, and for a connection to any of the hosts.
const PATIENCE: Duration = Duration::from_secs(1);

/// One host or several, all with the same options otherwise.
#[derive(Clone)]
pub struct Hosts(Arc<[PgConnectOptions]>);

impl Hosts {
    /// Reads `postgres://user@one:5432,two:5432/name`: what stands around the hosts holds for
    /// all of them.
    ///
    /// # Errors
    /// Where a URL cannot be read; the message does not repeat it.
    pub(super) fn parse(
        url: &str,
        with: impl Fn(PgConnectOptions) -> PgConnectOptions,
    ) -> Result<Self, sqlx::Error> {
        let hosts = urls(url).into_iter().map(|url| PgConnectOptions::from_str(&url).map(&with));
        Ok(Self(hosts.collect::<Result<_, _>>()?))
    }

    /// Connects to the host; of several, to the one that takes writes. All are asked at once, so
    /// one that does not answer holds nothing up.
    ///
    /// # Errors
    /// When none can be reached that does.
    pub async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        match &*self.0 {
            [only] => PgConnection::connect_with(only).await,
            _ => Ok(self.primary().await?.1),
        }
    }

    /// True when there is a choice.
    pub(super) fn are_several(&self) -> bool {
        self.0.len() > 1
    }

    /// Where a pool starts to look.
    pub(super) fn first(&self) -> PgConnectOptions {
        self.0.first().cloned().unwrap_or_default()
    }

    /// Points the pool at the host that takes writes, for as long as the pool is open.
    pub(super) async fn lead(self, pool: PgPool) {
        while !pool.is_closed() {
            if let Ok(Ok((options, mut connection))) = timeout(PATIENCE, self.primary()).await {
                pool.set_connect_options(options);
                while matches!(timeout(PATIENCE, must_write(&mut connection)).await, Ok(Ok(()))) {
                    sleep(LOOK_AGAIN).await;
                }
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    async fn primary(&self) -> Result<(PgConnectOptions, PgConnection), sqlx::Error> {
        let ask = |options: &PgConnectOptions| {
            let options = options.clone();
            Box::pin(async move {
                let mut connection = PgConnection::connect_with(&options).await?;
                must_write(&mut connection).await?;
                Ok((options, connection))
            })
        };
        select_ok(self.0.iter().map(ask)).await.map(|(first, _)| first)
    }
}

/// Refuses a standby.
///
/// # Errors
/// When it is one, or does not answer.
pub(super) async fn must_write(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let is_standby: bool =
        sqlx::query_scalar("SELECT pg_is_in_recovery()").fetch_one(connection).await?;
    // Of the errors that pass: it may be the primary in a moment.
    if is_standby { Err(sqlx::Error::Protocol("the host is a standby".to_owned())) } else { Ok(()) }
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

    #[test]
    fn an_address_that_is_none_is_refused_wherever_it_stands() {
        let read = |url: &str| Hosts::parse(url, |options| options).map(|hosts| hosts.0.len());
        assert_eq!(read("postgres://one:5432,two:5432/d").ok(), Some(2));
        assert!(read("postgres://one:5432,two:port/d").is_err());
    }
}
