//! Whose an issue of free rounds is: the operator has said so, an earlier call, or the call itself.
//! What came of an issue whose owner nobody knows is kept, with an alert, until the operator says
//! it; then it is booked under the key that the provider's own repeat would have.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use sqlx::PgPool;
use tokio::time::Instant;

use crate::core::{
    IssueCall, IssueId, IssueOwner, IssueState, Outcome, PlayerId, ProviderId, Receipt, RowOutcome,
    TransactionId, TxId,
};
use crate::engine::Wallet;
use crate::provider::Provider;
use crate::providers::issues::Issues;
use crate::providers::{Failure, Request};
use crate::store::LookupError;
use crate::store::directory::issues::{self, Owner, Unassigned};
use crate::store::directory::players;

/// A call came about an issue whose owner nobody knows.
const OWNER_UNKNOWN: &str = "free_rounds_owner_unknown";
/// A call named another player than the operator.
const OWNER_DIFFERS: &str = "free_rounds_owner_differs";
/// A call said a state that is not known, so it was taken for one that ends nothing.
const STATE_UNKNOWN: &str = "free_rounds_state_unknown";
/// What is counted in `wallet_flagged_total`.
pub const REASONS: [&str; 3] = [OWNER_UNKNOWN, OWNER_DIFFERS, STATE_UNKNOWN];

/// Results that are tried in one go.
const RESULTS_MAX: i64 = 100;
/// The longest that one of them may take …
const RESULT_DEADLINE: Duration = Duration::from_secs(5);
/// … and after so long the rest waits for the next time.
const TIME_MAX: Duration = Duration::from_secs(10);

/// What a call about an issue asks for, or why nobody can say. What is to be paid is kept then.
///
/// # Errors
/// [`LookupError`]: the same call may be sent again.
pub async fn resolve(
    pool: &PgPool,
    provider: &Provider,
    call: &IssueCall,
) -> Result<Result<Request, Failure>, LookupError> {
    let Some(protocol) = provider.adapter.issues() else { return Ok(Err(Failure::Internal)) };
    if call.state == IssueState::Unknown {
        flag(provider, call, STATE_UNKNOWN);
    }
    let lookup = OwnerLookup { pool, provider, protocol, call };
    let Some(owner) = lookup.find().await? else {
        keep(pool, provider, call).await?;
        flag(provider, call, OWNER_UNKNOWN);
        return Ok(Err(Failure::OwnerUnknown(call.issue.clone())));
    };
    let request = lookup.request(&owner).await?;
    if matches!(request, Err(Failure::CurrencyUnknown(_))) {
        keep(pool, provider, call).await?;
    }
    Ok(request)
}

/// Keeps what is to be paid and cannot be now.
async fn keep(pool: &PgPool, provider: &Provider, call: &IssueCall) -> Result<(), LookupError> {
    if call.state != IssueState::Final {
        return Ok(());
    }
    let first = issues::keep(pool, &provider.id, call).await?;
    if first != call.units {
        tracing::warn!(
            provider = %provider.id, issue = %call.issue, first, now = call.units,
            "an issue that waits came again with another total: the first counts"
        );
    }
    Ok(())
}

fn flag(provider: &Provider, call: &IssueCall, reason: &'static str) {
    counter!(
        "wallet_flagged_total", "provider" => provider.id.to_string(), "reason" => reason,
    )
    .increment(1);
    tracing::warn!(
        provider = %provider.id, issue = %call.issue, status = %call.status, reason,
        player = call.player.as_ref().map(PlayerId::as_str),
        "an issue of free rounds to look at"
    );
}

/// The question whose issue a call is about.
struct OwnerLookup<'a> {
    pool: &'a PgPool,
    provider: &'a Provider,
    protocol: &'a dyn Issues,
    call: &'a IssueCall,
}

/// What is known of the players of an issue says.
#[derive(Debug, PartialEq, Eq)]
enum OwnerChoice<'a> {
    /// It is this one's.
    Known(&'a Owner),
    /// It is this one's, and the call names somebody else.
    Differs(&'a Owner),
    /// It is that of the player whom the call names.
    Named(&'a PlayerId),
    /// Nobody knows.
    Nobody,
}

/// What the operator said goes first, then what the call says, then what an earlier call said.
fn choose<'a>(owners: &'a [Owner], named: Option<&'a PlayerId>) -> OwnerChoice<'a> {
    let by_operator: Vec<&Owner> = owners.iter().filter(|owner| owner.by_operator).collect();
    let is_named = |owner: &&Owner| Some(&owner.player) == named;
    if let Some(owner) = by_operator.iter().copied().find(is_named) {
        return OwnerChoice::Known(owner);
    }
    match (by_operator.as_slice(), named, owners) {
        ([owner], Some(_), _) => OwnerChoice::Differs(owner),
        ([owner], None, _) => OwnerChoice::Known(owner),
        ([], Some(named), _) => {
            owners.iter().find(is_named).map_or(OwnerChoice::Named(named), OwnerChoice::Known)
        }
        ([], None, [owner]) => OwnerChoice::Known(owner),
        _ => OwnerChoice::Nobody,
    }
}

impl OwnerLookup<'_> {
    async fn find(&self) -> Result<Option<IssueOwner>, LookupError> {
        let owners = issues::owners(self.pool, &self.provider.id, &self.call.issue).await?;
        match choose(&owners, self.call.player.as_ref()) {
            OwnerChoice::Known(owner) => Ok(Some(self.owner(owner))),
            OwnerChoice::Differs(owner) => self.differing(owner).await.map(Some),
            OwnerChoice::Named(player) => self.named(player).await,
            OwnerChoice::Nobody => match self.behind_session().await? {
                Some(player) if owners.is_empty() => self.named(&player).await,
                _ => Ok(None),
            },
        }
    }

    /// Amounts are counted in what the call names, which is refused where it is not the wallet's.
    fn owner(&self, owner: &Owner) -> IssueOwner {
        let currency = self.call.currency.clone().unwrap_or_else(|| owner.currency.clone());
        IssueOwner { player: owner.player.clone(), currency }
    }

    /// The operator says one player, the call another. It is the operator's, unless the other has
    /// been paid already and this is a repeat.
    async fn differing(&self, owner: &Owner) -> Result<IssueOwner, LookupError> {
        flag(self.provider, self.call, OWNER_DIFFERS);
        if let Some(player) = &self.call.player
            && let Ok(keys) = self.protocol.keys(&self.call.issue, player)
        {
            let keys = [&keys.now, &keys.before];
            let decided = issues::decided(self.pool, &self.provider.id, player, &keys).await?;
            if !decided.is_empty()
                && let Some(wallet) = players::find(self.pool, player).await?
            {
                let (player, currency) = (wallet.player, wallet.currency);
                return Ok(self.owner(&Owner { player, currency, by_operator: false }));
            }
        }
        Ok(self.owner(owner))
    }

    /// The player whom the call names: remembered, so that a later call need not. One without a
    /// wallet is paid when there is one, if the call says what it counts in.
    async fn named(&self, player: &PlayerId) -> Result<Option<IssueOwner>, LookupError> {
        let Some(wallet) = players::find(self.pool, player).await? else {
            let player = player.clone();
            return Ok(self.call.currency.clone().map(|currency| IssueOwner { player, currency }));
        };
        let currency = self.call.currency.clone().unwrap_or_else(|| wallet.currency.clone());
        if currency == wallet.currency {
            let (provider, issue) = (&self.provider.id, &self.call.issue);
            issues::remember(self.pool, provider, issue, player, false).await?;
        }
        Ok(Some(IssueOwner { player: wallet.player, currency }))
    }

    async fn behind_session(&self) -> Result<Option<PlayerId>, LookupError> {
        let Some(token) = &self.call.session else { return Ok(None) };
        let found = players::behind_token(self.pool, token).await?;
        let own = found.filter(|(session, _)| session.provider == self.provider.id);
        Ok(own.map(|(session, _)| session.player))
    }

    async fn request(&self, owner: &IssueOwner) -> Result<Result<Request, Failure>, LookupError> {
        let keys = match self.protocol.keys(&self.call.issue, &owner.player) {
            Ok(keys) => keys,
            Err(failure) => return Ok(Err(failure)),
        };
        let key = self.key(owner, keys.now, keys.before).await?;
        Ok(self.protocol.request(self.call, owner, key))
    }

    /// What an older version has booked for this player is booked.
    async fn key(&self, owner: &IssueOwner, now: TxId, before: TxId) -> Result<TxId, LookupError> {
        if self.call.state != IssueState::Final {
            return Ok(now);
        }
        let (provider, player) = (&self.provider.id, &owner.player);
        let decided = issues::decided(self.pool, provider, player, &[&before]).await?;
        Ok(if decided.is_empty() { now } else { before })
    }
}

/// What became of results that waited for their owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// The movements under which they are booked now.
    pub booked: Vec<TransactionId>,
    /// How many of those that were tried still wait.
    pub left: usize,
}

/// Books what waited for its owner and has one now: all of it, or of one issue. A repeat of the
/// provider's at the same time and this are two attempts at one key.
///
/// # Errors
/// [`LookupError`].
pub async fn settle(
    wallet: &Arc<Wallet>,
    providers: &HashMap<String, Arc<Provider>>,
    only: Option<(&ProviderId, &IssueId)>,
) -> Result<Settled, LookupError> {
    let begun = Instant::now();
    let mut settled = Settled::default();
    for result in issues::take(wallet.pool(), only, RESULTS_MAX).await? {
        if begun.elapsed() > TIME_MAX {
            settled.left += 1;
            continue;
        }
        match book(wallet, providers, &result).await {
            Ok(Some(id)) => {
                issues::forget(wallet.pool(), &result.provider, &result.call).await?;
                settled.booked.push(id);
            }
            Ok(None) => settled.left += 1,
            Err(error) => {
                tracing::warn!(
                    provider = %result.provider, issue = %result.call.issue, %error,
                    "what an issue of free rounds came to could not be booked, and waits"
                );
                settled.left += 1;
            }
        }
    }
    Ok(settled)
}

/// The movement under which it is booked, or parked with its player; `None` where it has to wait.
async fn book(
    wallet: &Arc<Wallet>,
    providers: &HashMap<String, Arc<Provider>>,
    result: &Unassigned,
) -> Result<Option<TransactionId>, LookupError> {
    let Unassigned { provider, call, .. } = result;
    let Some(provider) = providers.get(provider.as_str()) else { return Ok(None) };
    let Some(protocol) = provider.adapter.issues() else { return Ok(None) };
    let lookup = OwnerLookup { pool: wallet.pool(), provider, protocol, call };
    let Some(owner) = lookup.find().await? else { return Ok(None) };
    let Ok(Request::Execute(command)) = lookup.request(&owner).await? else { return Ok(None) };
    let receipt = wallet.execute(command, Instant::now() + RESULT_DEADLINE).await;
    Ok(receipt.ok().as_ref().and_then(remembered))
}

/// The row of a receipt that keeps what was to be paid.
fn remembered(receipt: &Receipt) -> Option<TransactionId> {
    let outcome = receipt.outcomes.first()?;
    let refused = matches!(outcome, Outcome::Refused { .. });
    let entry = outcome.entry().filter(|entry| !refused || entry.outcome == RowOutcome::Refused)?;
    Some(entry.id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Currency;

    fn player(id: &str) -> PlayerId {
        PlayerId::parse(id).expect("an id")
    }

    fn owner(id: &str, by_operator: bool) -> Owner {
        Owner { player: player(id), currency: Currency::parse("EUR").expect("a code"), by_operator }
    }

    #[test]
    fn the_operator_goes_before_the_call_and_the_call_before_an_earlier_one() {
        let (ann, bob) = (player("ann"), player("bob"));
        let (told_ann, told_bob) = (owner("ann", true), owner("bob", true));
        let (seen_ann, seen_bob) = (owner("ann", false), owner("bob", false));
        for (owners, named, choice) in [
            (vec![], None, OwnerChoice::Nobody),
            (vec![], Some(&ann), OwnerChoice::Named(&ann)),
            (vec![seen_ann.clone()], None, OwnerChoice::Known(&seen_ann)),
            (vec![seen_ann.clone()], Some(&ann), OwnerChoice::Known(&seen_ann)),
            (vec![seen_ann.clone()], Some(&bob), OwnerChoice::Named(&bob)),
            (vec![seen_ann.clone(), seen_bob.clone()], None, OwnerChoice::Nobody),
            (vec![told_ann.clone()], None, OwnerChoice::Known(&told_ann)),
            (vec![told_ann.clone()], Some(&ann), OwnerChoice::Known(&told_ann)),
            (vec![told_ann.clone()], Some(&bob), OwnerChoice::Differs(&told_ann)),
            (vec![seen_bob.clone(), told_ann.clone()], None, OwnerChoice::Known(&told_ann)),
            (vec![seen_bob.clone(), told_ann.clone()], Some(&bob), OwnerChoice::Differs(&told_ann)),
            (vec![told_ann.clone(), told_bob.clone()], None, OwnerChoice::Nobody),
            (vec![told_ann.clone(), told_bob.clone()], Some(&bob), OwnerChoice::Known(&told_bob)),
            (vec![told_ann.clone(), told_bob.clone()], Some(&player("cid")), OwnerChoice::Nobody),
        ] {
            assert_eq!(choose(&owners, named), choice, "{owners:?} {named:?}");
        }
    }
}
