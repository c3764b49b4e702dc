//! Whose tokens are, as far as this node has been told: for calls that name no player. A token never
//! becomes another player's as long as its session is kept, so nothing here can be wrong before it is
//! forgotten.

use std::collections::HashMap;
use std::mem;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::core::{PlayerId, ProviderId, TokenHash};
use crate::store::directory::sessions::Owner;

/// So many at least are remembered, and twice as many at most.
const REMEMBERED: usize = 32_768;

/// The owners of tokens that were asked for last.
#[derive(Default)]
pub(super) struct TokenOwners(Mutex<Generations>);

/// What was asked for since the older ones were put aside, and those: whoever is not asked for while
/// the younger ones become many is forgotten with them.
#[derive(Default)]
struct Generations {
    younger: HashMap<TokenHash, Known>,
    older: HashMap<TokenHash, Known>,
}

#[derive(Clone)]
struct Known {
    player: PlayerId,
    provider: ProviderId,
    until: Instant,
}

impl TokenOwners {
    /// The player, where that is known.
    pub(super) fn get(&self, provider: &ProviderId, token: &TokenHash) -> Option<PlayerId> {
        self.get_at(Instant::now(), provider, token)
    }

    fn get_at(&self, now: Instant, provider: &ProviderId, token: &TokenHash) -> Option<PlayerId> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match known.younger.get(token) {
            Some(found) => found.clone(),
            None => {
                let found = known.older.remove(token)?;
                known.add(*token, found.clone());
                found
            }
        };
        let holds = found.provider == *provider && now < found.until;
        holds.then_some(found.player)
    }

    /// Remembers whose a token is, for as long as it cannot be another's.
    pub(super) fn learn(&self, token: TokenHash, owner: &Owner) {
        let Owner { player, provider, kept, .. } = owner.clone();
        let Some(until) = Instant::now().checked_add(kept) else { return };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.add(token, Known { player, provider, until });
    }
}

impl Generations {
    fn add(&mut self, token: TokenHash, known: Known) {
        if self.younger.len() >= REMEMBERED {
            self.older = mem::take(&mut self.younger);
        }
        self.younger.insert(token, known);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn provider(slug: &str) -> ProviderId {
        ProviderId::parse(slug).expect("a slug")
    }

    fn owner(player: &str, kept: Duration) -> Owner {
        let player = PlayerId::parse(player).expect("an id");
        Owner { player, provider: provider("acme"), kept, is_revoked: false }
    }

    #[test]
    fn an_owner_is_known_at_the_tokens_provider_until_the_session_ends() {
        let owners = TokenOwners::default();
        let token = TokenHash::of("t");
        assert_eq!(owners.get(&provider("acme"), &token), None);
        let ann = owner("ann", Duration::from_secs(60));
        owners.learn(token, &ann);
        assert_eq!(owners.get(&provider("acme"), &token), Some(ann.player));
        assert_eq!(owners.get(&provider("other"), &token), None);
        let later = Instant::now() + Duration::from_secs(60);
        assert_eq!(owners.get_at(later, &provider("acme"), &token), None);
    }

    #[test]
    fn what_is_asked_for_stays_and_what_is_not_goes_however_many_come() {
        let owners = TokenOwners::default();
        let ann = owner("ann", Duration::from_secs(3_600));
        let number = |number: usize| TokenHash::of(&number.to_string());
        for at in 0..4 * REMEMBERED {
            owners.learn(number(at), &ann);
            if at % 1_000 == 0 {
                assert!(owners.get(&provider("acme"), &number(0)).is_some(), "{at}");
            }
        }
        assert_eq!(owners.get(&provider("acme"), &number(1)), None);
        let known = owners.0.lock().expect("not poisoned");
        assert!(known.younger.len() + known.older.len() <= 2 * REMEMBERED);
    }
}
