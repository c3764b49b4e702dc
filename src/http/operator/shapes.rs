//! What the operator's document says of a value by its name alone: a name means the same wherever
//! it stands, and is read by the same reader.

use utoipa::Modify;
use utoipa::openapi::path::{Operation, Parameter};
use utoipa::openapi::schema::{AdditionalProperties, Schema};
use utoipa::openapi::{KnownFormat, Object, OpenApi, RefOr, SchemaFormat};

use crate::core::{GameId, IssueId, PlayerId, ProviderId, RoundId, TxId};

/// A currency code.
const CURRENCY: &str = "^[A-Z0-9]{3,10}$";
/// A UUID, with its hyphens or without.
const ID: &str =
    "^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$";
/// An `Idempotency-Key`.
const KEY: &str = "^[!-~]{1,200}$";

/// Says of every value in a request what it may be, and of every reply that it has all its fields.
pub struct Shapes;

impl Modify for Shapes {
    fn modify(&self, document: &mut OpenApi) {
        for item in document.paths.paths.values_mut() {
            let operations =
                [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete];
            operations.into_iter().flatten().for_each(shape_parameters);
        }
        let schemas = document.components.iter_mut().flat_map(|all| all.schemas.iter_mut());
        for (name, schema) in schemas {
            let RefOr::T(Schema::Object(object)) = schema else { continue };
            if is_request(object) {
                shape_fields(object);
            } else if name != "Problem" {
                // What is not known is `null`, and never left out.
                object.required = object.properties.keys().cloned().collect();
            }
        }
    }
}

/// Of what is asked, nothing may stand in a body that is not known; to a reply more may come.
fn is_request(object: &Object) -> bool {
    matches!(object.additional_properties.as_deref(), Some(AdditionalProperties::FreeForm(false)))
}

fn shape_parameters(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        let RefOr::T(Parameter { name, schema, .. }) = parameter else { continue };
        if let Some(RefOr::T(Schema::Object(object))) = schema {
            shape(name, object);
        }
    }
}

fn shape_fields(object: &mut Object) {
    for (name, field) in &mut object.properties {
        if let RefOr::T(Schema::Object(field)) = field {
            shape(name, field);
        }
    }
}

fn shape(name: &str, object: &mut Object) {
    let most = match name {
        "player_id" => PlayerId::MAX_BYTES,
        "provider" => ProviderId::MAX_BYTES,
        "game_id" => GameId::MAX_BYTES,
        "round_id" => RoundId::MAX_BYTES,
        "issue_id" => IssueId::MAX_BYTES,
        "tx_id" => TxId::MAX_BYTES,
        "currency" => return object.pattern = Some(CURRENCY.to_owned()),
        "id" | "transaction_id" | "run_id" => return object.pattern = Some(ID.to_owned()),
        "idempotency_key" | "Idempotency-Key" => return object.pattern = Some(KEY.to_owned()),
        "from" | "to" => {
            object.format = Some(SchemaFormat::KnownFormat(KnownFormat::DateTime));
            return;
        }
        _ => return,
    };
    object.min_length = Some(1);
    object.max_length = Some(most);
}
