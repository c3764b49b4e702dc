//! Balances in Redis against the wallets.
//!
//! Redis and PostgreSQL cannot be read at one moment. So what looks wrong at first is only
//! suspected, and judged after the grace period by a second look: Redis first, PostgreSQL after
//! it. PostgreSQL then shows every commit that Redis can have heard of, and a publication that
//! was on its way has arrived.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{Finding, Kind, Pass};
use crate::cache::{Ahead, Cache, CacheState, CachedBalance, InCache};
use crate::core::{PlayerId, WalletState};
use crate::jobs::JobError;
use crate::store::directory::players;
use crate::store::jobs::audit::{Mark, Marked};

/// Suspects that are kept; with more, the pass waits until these are judged.
const MOST: usize = 10_000;
/// Suspects that are judged together.
const TOGETHER: usize = 500;

/// A wallet whose balance in Redis was not that of PostgreSQL.
struct Suspect {
    player: PlayerId,
    /// PostgreSQL's version at that time.
    version: i64,
    since: Instant,
}

/// Everyone who is suspected.
pub(super) struct Suspects {
    grace: Duration,
    /// The longest suspected first.
    queue: Vec<Suspect>,
    unanswered: bool,
}

impl Suspects {
    pub(super) const fn new(grace: Duration) -> Self {
        Self { grace, queue: Vec::new(), unanswered: false }
    }

    /// False when Redis is not there, or did not answer once.
    pub(super) const fn saw_everything(&self) -> bool {
        !self.unanswered
    }

    /// The first look. Says how many balances Redis holds of these.
    pub(super) async fn look(&mut self, cache: &Cache, chunk: &[Marked]) -> i64 {
        if cache.state() == CacheState::Disabled {
            self.unanswered = true;
            return 0;
        }
        let players: Vec<&PlayerId> = chunk.iter().map(|marked| &marked.wallet.player).collect();
        let Some(seen) = cache.inspect(&players).await else {
            self.unanswered = true;
            return 0;
        };
        let since = Instant::now();
        let mut cached = 0;
        for (Marked { wallet, .. }, seen) in chunk.iter().zip(&seen) {
            cached += i64::from(*seen != InCache::Nothing);
            if judge(seen, wallet, i64::MAX).is_some() {
                let player = wallet.player.clone();
                self.queue.push(Suspect { player, version: wallet.version, since });
            }
        }
        cached
    }
}

/// Judges the suspects whose grace period is over; at the end, or when there are too many, waits
/// for it to be over.
pub(super) async fn settle(
    pass: &mut Pass<'_>,
    suspects: &mut Suspects,
    to_the_end: bool,
) -> Result<(), JobError> {
    while let Some(first) = suspects.queue.first() {
        let due = first.since + suspects.grace;
        if to_the_end || suspects.queue.len() > MOST {
            sleep_until(due).await;
        } else if Instant::now() < due {
            return Ok(());
        }
        let ripe = suspects
            .queue
            .iter()
            .take(TOGETHER)
            .take_while(|suspect| suspect.since + suspects.grace <= Instant::now());
        let ripe = ripe.count().max(1);
        let judged: Vec<Suspect> = suspects.queue.drain(..ripe).collect();
        suspects.unanswered |= !judge_all(pass, &judged).await?;
    }
    Ok(())
}

/// The second look. False when Redis did not answer.
async fn judge_all(pass: &mut Pass<'_>, suspects: &[Suspect]) -> Result<bool, JobError> {
    let (cache, pool) = (pass.context.wallet.cache(), pass.context.wallet.pool());
    let players: Vec<&PlayerId> = suspects.iter().map(|suspect| &suspect.player).collect();
    let Some(seen) = cache.inspect(&players).await else { return Ok(false) };
    let wallets = players::find_all(pool, &players).await?;
    let mut wrong: Vec<(&WalletState, &InCache, Kind)> = Vec::new();
    for (suspect, seen) in suspects.iter().zip(&seen) {
        let Some(wallet) = wallets.get(&suspect.player) else { continue };
        if let Some(kind) = judge(seen, wallet, suspect.version) {
            wrong.push((wallet, seen, kind));
        }
    }
    if wrong.is_empty() {
        return Ok(true);
    }
    let repaired = repair(pass, &wrong).await?;
    for (wallet, seen, kind) in wrong {
        let (found_balance, found_version) = match seen {
            InCache::Balance(found) => (Some(found.balance), Some(found.version)),
            InCache::Nothing | InCache::Unreadable => (None, None),
        };
        let finding = Finding {
            kind,
            player: wallet.player.clone(),
            expected: Some(Mark::of(wallet)),
            found_balance,
            found_version,
            repaired: repaired.get(&wallet.player).copied().unwrap_or(false),
            detail: None,
        };
        pass.found(finding).await?;
    }
    Ok(true)
}

/// What is wrong with a balance in Redis that was read before the wallet. One older than the
/// wallet is wrong only below the version that the wallet had a grace period ago.
fn judge(seen: &InCache, wallet: &WalletState, had: i64) -> Option<Kind> {
    let found = match seen {
        InCache::Nothing => return None,
        InCache::Unreadable => return Some(Kind::CacheUnreadable),
        InCache::Balance(found) => found,
    };
    if found.version > wallet.version {
        return Some(Kind::CacheAhead);
    }
    if found.version == wallet.version {
        return (*found != cached(wallet)).then_some(Kind::CacheDiffers);
    }
    (found.version < had).then_some(Kind::CacheStale)
}

fn cached(wallet: &WalletState) -> CachedBalance {
    wallet.into()
}

/// Puts right what is wrong, and says for each player whether it is right now.
async fn repair(
    pass: &Pass<'_>,
    wrong: &[(&WalletState, &InCache, Kind)],
) -> Result<HashMap<PlayerId, bool>, JobError> {
    let (cache, pool) = (pass.context.wallet.cache(), pass.context.wallet.pool());
    // Not by a leader whose time is over: Redis itself cannot tell.
    pass.still_leads().await?;
    let mut ahead: Vec<Ahead> = Vec::new();
    for (wallet, ..) in wrong {
        ahead.extend(cache.fill(&wallet.player, &cached(wallet)).await);
    }
    // What was ahead is judged by what is read after that was seen, and a commit whose publication it
    // had kept out is made good.
    let players: Vec<&PlayerId> = wrong.iter().map(|(wallet, ..)| &wallet.player).collect();
    let now = players::find_all(pool, &players).await?;
    for ahead in &ahead {
        if let Some(wallet) = now.get(&ahead.player) {
            cache.put_right(ahead, &cached(wallet)).await;
        }
    }
    for (before, ..) in wrong {
        if let Some(wallet) = now.get(&before.player)
            && wallet.version != before.version
        {
            cache.fill(&wallet.player, &cached(wallet)).await;
        }
    }
    let seen = cache.inspect(&players).await.unwrap_or_default();
    let wallets = players::find_all(pool, &players).await?;
    let right = players.iter().zip(&seen).map(|(player, seen)| {
        let right = match (seen, now.get(*player), wallets.get(*player)) {
            (InCache::Nothing, ..) => true,
            (seen, Some(then), Some(wallet)) => judge(seen, wallet, then.version).is_none(),
            _ => false,
        };
        ((*player).clone(), right)
    });
    Ok(right.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Currency, Micros, PlayerStatus};

    fn wallet(version: i64, micros: i64) -> WalletState {
        WalletState {
            player: PlayerId::parse("p").unwrap(),
            currency: Currency::parse("EUR").unwrap(),
            balance: Micros::new(micros),
            version,
            status: PlayerStatus::Active,
            bet_limit: None,
        }
    }

    fn seen(version: i64, micros: i64) -> InCache {
        InCache::Balance(cached(&wallet(version, micros)))
    }

    #[test]
    fn a_balance_that_is_equal_or_missing_is_right() {
        assert_eq!(judge(&seen(5, 10), &wallet(5, 10), 5), None);
        assert_eq!(judge(&InCache::Nothing, &wallet(5, 10), 5), None);
    }

    #[test]
    fn an_older_balance_is_stale_only_below_the_version_of_a_grace_period_ago() {
        assert_eq!(judge(&seen(5, 9), &wallet(7, 10), 5), None, "the wallet moved meanwhile");
        assert_eq!(judge(&seen(4, 9), &wallet(7, 10), 5), Some(Kind::CacheStale));
    }

    #[test]
    fn a_newer_version_or_other_contents_cannot_come_from_the_wallet() {
        assert_eq!(judge(&seen(6, 10), &wallet(5, 10), 5), Some(Kind::CacheAhead));
        assert_eq!(judge(&seen(5, 11), &wallet(5, 10), 5), Some(Kind::CacheDiffers));
        let mut frozen = wallet(5, 10);
        frozen.status = PlayerStatus::Frozen;
        assert_eq!(judge(&seen(5, 10), &frozen, 5), Some(Kind::CacheDiffers));
        assert_eq!(judge(&InCache::Unreadable, &frozen, 5), Some(Kind::CacheUnreadable));
    }
}
