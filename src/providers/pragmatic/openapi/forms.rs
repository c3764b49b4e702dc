//! The forms of the calls, for the document alone: a call is read parameter by parameter.

use utoipa::ToSchema;
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::{Object, OpenApi, RefOr};

use crate::core::{GameId, PlayerId, RoundId};
use crate::providers::pragmatic::decode::MAX_REFERENCE_BYTES;

macro_rules! forms {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)+ })+) => {$(
        $(#[$doc])*
        #[derive(ToSchema)]
        #[schema(as = pragmatic::$name, rename_all = "camelCase")]
        #[expect(dead_code, reason = "read by the derive alone")]
        pub(super) struct $name {
            $($(#[$field_doc])* $field: $type,)+
            /// As agreed for the brand.
            provider_id: String,
            /// MD5, in hex, of every other parameter that is not empty: decoded, sorted by
            /// name, `name=value` joined by `&`, and the secret right behind.
            hash: String,
        }
    )+};
}

/// Says of every parameter what it may be. A form has no null: what is not there is left out, or
/// empty.
pub(super) fn shape(document: &mut OpenApi) {
    let schemas = document.components.iter_mut().flat_map(|all| all.schemas.values_mut());
    for schema in schemas {
        let RefOr::T(Schema::Object(form)) = schema else { continue };
        if !form.properties.contains_key("hash") {
            continue;
        }
        for (name, field) in &mut form.properties {
            let RefOr::T(Schema::Object(field)) = field else { continue };
            without_null(field);
            match name.as_str() {
                "userId" | "playerId" => field.max_length = Some(PlayerId::MAX_BYTES),
                "roundId" => field.max_length = Some(RoundId::MAX_BYTES),
                "gameId" => field.max_length = Some(GameId::MAX_BYTES),
                "reference" => field.max_length = Some(MAX_REFERENCE_BYTES),
                "amount" | "promoWinAmount" => field.pattern = Some(DECIMAL.to_owned()),
                "currency" => field.pattern = Some("^[A-Z0-9]{3,10}$".to_owned()),
                _ => {}
            }
        }
    }
}

/// A decimal number as it is sent.
const DECIMAL: &str = r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$";

fn without_null(field: &mut Object) {
    let SchemaType::Array(types) = &field.schema_type else { return };
    if let Some(one) = types.iter().find(|one| **one != Type::Null) {
        field.schema_type = SchemaType::Type(one.clone());
    }
}

forms! {
    /// A launch token.
    Authenticate {
        /// The token that the game was launched with.
        token: String,
        /// The game that is being opened; missing when a player is asked for again.
        game_id: Option<String>,
        /// The player's address. Not looked at.
        ip_address: Option<String>,
    }
    /// A player.
    Balance {
        /// The operator's id of the player.
        user_id: String,
        /// Must be a valid one of the player when it is there.
        token: Option<String>,
    }
    /// A stake.
    Bet {
        /// The operator's id of the player.
        user_id: String,
        /// The game.
        game_id: String,
        /// The round.
        round_id: String,
        /// Zero or more, at most two decimals.
        amount: String,
        /// The idempotency key.
        reference: String,
        /// Unix milliseconds. One that cannot be read is as good as none.
        timestamp: i64,
        /// What kind of spin. Not looked at.
        round_details: Option<String>,
        /// The free rounds that the bet is part of.
        bonus_code: Option<String>,
        /// Kept: the jackpot that part of the stake goes to.
        jackpot_id: Option<String>,
        /// Kept: that part. It is contained in `amount`.
        jackpot_contribution: Option<String>,
        /// `MOBILE`, `WEB` or `DOWNLOAD`. Not looked at.
        platform: Option<String>,
        /// The game's. Not looked at.
        language: Option<String>,
        /// Must be a valid one of the player when it is there.
        token: Option<String>,
    }
    /// A win, zero for a lost round.
    Result {
        /// The operator's id of the player.
        user_id: String,
        /// The game.
        game_id: String,
        /// The round.
        round_id: String,
        /// Zero or more, at most two decimals.
        amount: String,
        /// The idempotency key.
        reference: String,
        /// Unix milliseconds. One that cannot be read is as good as none.
        timestamp: i64,
        /// What happened. Not looked at.
        round_details: Option<String>,
        /// The free rounds that the win is part of.
        bonus_code: Option<String>,
        /// A prize that fell into the round, on top of `amount`.
        promo_win_amount: Option<String>,
        /// The prize's own idempotency key, shared with `promoWin`.
        promo_win_reference: Option<String>,
        /// Kept with the prize.
        #[schema(rename = "promoCampaignID")]
        promo_campaign_id: Option<String>,
        /// Kept with the prize.
        promo_campaign_type: Option<String>,
        /// `MOBILE`, `WEB` or `DOWNLOAD`. Not looked at.
        platform: Option<String>,
        /// Not looked at.
        token: Option<String>,
    }
    /// The end of free rounds.
    BonusWin {
        /// The operator's id of the player.
        user_id: String,
        /// The total of all rounds.
        amount: String,
        /// The idempotency key.
        reference: String,
        /// Unix milliseconds. One that cannot be read is as good as none.
        timestamp: i64,
        /// The free rounds.
        bonus_code: Option<String>,
        /// Kept.
        request_id: Option<String>,
        /// Kept: free rounds that were not used.
        remain_amount: Option<String>,
        /// The last round.
        round_id: Option<String>,
        /// Its game.
        game_id: Option<String>,
        /// Not looked at.
        token: Option<String>,
    }
    /// A jackpot's payout.
    JackpotWin {
        /// The operator's id of the player.
        user_id: String,
        /// The game.
        game_id: String,
        /// The round.
        round_id: String,
        /// The jackpot.
        jackpot_id: String,
        /// Progressive and other parts together.
        amount: String,
        /// The idempotency key.
        reference: String,
        /// Unix milliseconds. One that cannot be read is as good as none.
        timestamp: i64,
        /// Kept: the parts, as JSON.
        jackpot_details: Option<String>,
        /// `MOBILE`, `WEB` or `DOWNLOAD`. Not looked at.
        platform: Option<String>,
        /// Not looked at.
        token: Option<String>,
    }
    /// A campaign's prize.
    PromoWin {
        /// The operator's id of the player.
        user_id: String,
        /// The campaign.
        campaign_id: String,
        /// Its kind, such as `T` for a tournament.
        campaign_type: String,
        /// Zero or more, at most two decimals.
        amount: String,
        /// Must be the wallet's.
        currency: String,
        /// The idempotency key.
        reference: String,
        /// Unix milliseconds. One that cannot be read is as good as none.
        timestamp: i64,
        /// The last round that counted.
        round_id: Option<String>,
        /// Its game.
        game_id: Option<String>,
        /// Kept: the kind of games.
        data_type: Option<String>,
    }
    /// The end of a round.
    EndRound {
        /// The operator's id of the player.
        user_id: String,
        /// The game.
        game_id: String,
        /// The round.
        round_id: String,
        /// Kept; never booked.
        win: Option<String>,
        /// Kept.
        bonus_code: Option<String>,
        /// Not looked at.
        token: Option<String>,
    }
    /// The cancellation of a bet.
    Refund {
        /// The operator's id of the player.
        user_id: String,
        /// The bet's.
        reference: String,
        /// At most this much is given back; the whole bet when it is missing.
        amount: Option<String>,
        /// The bet's round is taken when it is missing.
        round_id: Option<String>,
        /// The bet's game is taken when it is missing.
        game_id: Option<String>,
        /// Unix milliseconds. One that cannot be read is as good as none.
        timestamp: Option<i64>,
        /// Kept.
        bonus_code: Option<String>,
        /// Not looked at.
        token: Option<String>,
    }
    /// A live table's correction.
    Adjustment {
        /// The operator's id of the player.
        user_id: String,
        /// The game.
        game_id: String,
        /// The round.
        round_id: String,
        /// Given when above zero, taken when below; at most two decimals.
        amount: String,
        /// The idempotency key.
        reference: String,
        /// Unix milliseconds. One that cannot be read is as good as none.
        timestamp: i64,
        /// Kept.
        valid_bet_amount: Option<String>,
        /// Not looked at.
        token: Option<String>,
    }
    /// A player and games.
    GetBalancePerGame {
        /// The operator's id of the player.
        user_id: String,
        /// Joined by commas, at most 1000.
        game_id_list: String,
        /// Must be a valid one of the player when it is there.
        token: Option<String>,
    }
    /// A session that is over.
    SessionExpired {
        /// The provider's id of the session.
        session_id: String,
        /// The operator's id of the player: what all other calls name `userId`.
        player_id: String,
        /// Not looked at.
        token: Option<String>,
    }
    /// What happened in a round, for the regulator.
    RoundDetails {
        /// The operator's id of the player.
        user_id: String,
        /// The round.
        round_id: String,
        /// Kept, as long as all three take at most 64 KiB.
        sm_result: String,
        /// Kept.
        game_category: String,
        /// Kept.
        bet_multiplier: String,
    }
}
