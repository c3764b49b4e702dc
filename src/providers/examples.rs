//! What stands in the documents as an example: calls with a real signature, and replies that an
//! adapter's own `encode` has worded, so that neither can be wrong.

use chrono::DateTime;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::Operation as Path;
use utoipa::openapi::{OpenApi, RefOr, ResponseBuilder};
use uuid::Uuid;

use super::{Adapter, Answer, Asked, Failure, Operation, PlayerView, Reply, Request};
use crate::core::{
    Action, Currency, Entry, Micros, Movement, Outcome, PlayerId, PlayerStatus, Reason, Receipt,
    RowOutcome,
};

/// The player of every example: `deploy/demo.toml` has it.
pub const PLAYER: &str = "demo-player";
/// 2026-11-22T10:00:00Z, in Unix seconds: when every example was decided.
const DECIDED_AT: i64 = 1_795_341_600;
/// The first movement of an example has this id, the next one the next.
const FIRST_ID: u128 = 0x0199_f1c2_a4b0_7c3e_8d55_12ab_34cd_56ef;

/// What a reversal gives back in an example.
const REVERSED: Micros = Micros::new(5_320_000);

/// What came of a call.
pub enum Said {
    /// It took effect, or the player was found.
    Done,
    /// It was remembered without effect.
    NoEffect(Reason),
    /// It was kept until it can be decided.
    Parked(Reason),
    /// It was done before.
    Repeated,
    /// It came after its own reversal.
    Cancelled,
    /// A business reason stood against it.
    Refused(Reason),
    /// It came to nothing before anything was decided.
    Failed(Failure),
}

/// One answer to one call.
pub struct Case {
    /// Unique among the answers to the call.
    pub name: &'static str,
    /// In one line; empty where the name says it.
    pub summary: &'static str,
    /// What came of it.
    pub said: Said,
    /// The balance after it, in micros.
    pub balance_micros: i64,
}

impl Case {
    /// As the adapter words it; `None` where the call is none that such a thing can come of.
    pub fn reply(
        &self,
        adapter: &dyn Adapter,
        operation: &'static Operation,
        request: &Request,
    ) -> Option<Reply> {
        let currency = Currency::parse("EUR").ok()?;
        let balance = Micros::new(self.balance_micros);
        let (version, status) = (8, PlayerStatus::Active);
        let asked = Asked { operation: Some(operation), request: Some(request), echo: None };
        if let Said::Failed(failure) = &self.said {
            let request = asked.request.filter(|_| matches!(failure, Failure::Refused(_)));
            let asked = Asked { request, ..asked };
            return Some(adapter.encode(asked, &Answer::Failed(failure)));
        }
        let Request::Execute(command) = request else {
            let player = PlayerId::parse(PLAYER).ok()?;
            let view = PlayerView { player, currency, balance, version, status };
            let answer = match request {
                Request::Authenticate { .. } => {
                    Answer::Authenticated { player: &view, token: None }
                }
                _ => Answer::Player(&view),
            };
            return Some(adapter.encode(asked, &answer));
        };
        let movements = (FIRST_ID..).zip(&command.movements);
        let outcomes = movements.map(|(id, movement)| self.outcome(id, movement));
        let outcomes = outcomes.collect::<Option<_>>()?;
        let receipt = Receipt { currency, balance, version, status, outcomes };
        Some(adapter.encode(asked, &Answer::Executed(&receipt)))
    }

    fn outcome(&self, id: u128, movement: &Movement) -> Option<Outcome> {
        let moved = match movement.action {
            Action::Reverse { .. } => REVERSED,
            _ => movement.action.requested(),
        };
        let entry = |outcome, reason| {
            Some(Entry {
                transaction_id: Uuid::from_u128(id),
                outcome,
                reason,
                amount_micros: if outcome == RowOutcome::Applied { moved.get() } else { 0 },
                shortfall_micros: 0,
                balance_after_micros: Some(self.balance_micros),
                created_at: DateTime::from_timestamp(DECIDED_AT, 0)?,
                reversed_by: None,
                first_reversal: None,
                detail: movement.detail.clone(),
            })
        };
        match &self.said {
            Said::Done => entry(RowOutcome::Applied, None).map(Outcome::Applied),
            Said::Repeated => entry(RowOutcome::Applied, None).map(Outcome::Replayed),
            Said::NoEffect(reason) => {
                entry(RowOutcome::Noted, Some(*reason)).map(Outcome::NoEffect)
            }
            Said::Parked(reason) => entry(RowOutcome::Parked, Some(*reason)).map(Outcome::Parked),
            Said::Cancelled => entry(RowOutcome::Tombstone, None).map(Outcome::Cancelled),
            Said::Refused(reason) => {
                let entry = entry(RowOutcome::Refused, Some(*reason));
                Some(Outcome::Refused { reason: *reason, entry, replayed: false })
            }
            Said::Failed(_) => None,
        }
    }
}

/// The `POST` of a path.
pub fn post<'d>(document: &'d mut OpenApi, path: &str) -> Option<&'d mut Path> {
    document.paths.paths.get_mut(path)?.post.as_mut()
}

/// Every example of a call's body, as written.
pub fn bodies(call: &mut Path) -> Vec<&mut serde_json::Value> {
    let Some(RefOr::T(body)) = &mut call.request_body else { return Vec::new() };
    let contents = body.content.values_mut().filter_map(|content| match content {
        RefOr::T(content) => Some(content),
        RefOr::Ref(_) => None,
    });
    contents
        .flat_map(|content| {
            let named = content.examples.values_mut().filter_map(|example| match example {
                RefOr::T(example) => example.value.as_mut(),
                RefOr::Ref(_) => None,
            });
            content.example.iter_mut().chain(named)
        })
        .collect()
}

/// Says of a call that is otherwise always answered with HTTP 200 what HTTP itself refuses.
pub fn add_long_head(call: &mut Path) {
    let refused = ResponseBuilder::new()
        .description("The head has more than 16 KiB. Nobody has looked at the call.")
        .build();
    call.responses.responses.insert("431".to_owned(), RefOr::T(refused));
}

/// Puts a reply among the examples of its status, which the document has to name.
pub fn add_reply(call: &mut Path, name: &str, summary: &str, reply: &Reply) -> Option<()> {
    let response = call.responses.responses.get_mut(&reply.status.to_string())?;
    let RefOr::T(response) = response else { return None };
    let RefOr::T(content) = response.content.get_mut(reply.content_type)? else { return None };
    let value = serde_json::from_str(&reply.body).ok()?;
    let example = ExampleBuilder::new().summary(summary).value(Some(value)).build();
    content.examples.insert(name.to_owned(), RefOr::T(example)).is_none().then_some(())
}
