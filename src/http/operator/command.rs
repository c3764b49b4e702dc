//! What the operator says to the core.

use super::error;
use crate::core::{Action, Category, Command, Movement, PlayerId, Policy, ProviderId, TxId};
use crate::http::problem::Problem;

/// The provider that the operator itself is.
pub const OPERATOR: &str = "operator";

/// One movement of the operator's on one wallet. The name of the operator key that asked for it stands in the
/// ledger, with the money, before what else is to be said.
///
/// # Errors
/// Never, unless the key is longer than the ledger can hold: a fault of ours.
pub fn command(
    player: &PlayerId,
    tx_id: &str,
    (action, category): (Action, Category),
    (key, detail): (&str, Option<&str>),
) -> Result<Command, Problem> {
    let (Ok(provider), Ok(tx_id)) = (ProviderId::parse(OPERATOR), TxId::parse(tx_id)) else {
        return Err(error::internal());
    };
    let detail = detail.map_or_else(|| key.to_owned(), |detail| format!("{key}: {detail}"));
    let movement = Movement { tx_id, action, category, detail: Some(detail.into_boxed_str()) };
    Ok(Command {
        provider,
        player: player.clone(),
        currency: None,
        token: None,
        game: None,
        round: None,
        movements: vec![movement],
        policy: Policy::PERMISSIVE,
        occurred_at: None,
    })
}
