//! Every call that the provider makes, with all that it must have.

use crate::support::pragmatic::{Call, GAME, call};

/// Which call; a correction counts twice, once for each sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Authenticate,
    Balance,
    GamesBalances,
    Bet,
    Result,
    BonusWin,
    JackpotWin,
    PromoWin,
    Refund,
    AdjustmentUp,
    AdjustmentDown,
    EndRound,
    SessionExpired,
    RoundDetails,
}

use Operation::{
    AdjustmentDown, AdjustmentUp, Authenticate, Balance, Bet, BonusWin, EndRound, GamesBalances,
    JackpotWin, PromoWin, Refund, Result, RoundDetails, SessionExpired,
};

impl Operation {
    /// In the order of the table's columns.
    pub const ALL: [Self; 14] = [
        Authenticate,
        Balance,
        GamesBalances,
        Bet,
        Result,
        BonusWin,
        JackpotWin,
        PromoWin,
        Refund,
        AdjustmentUp,
        AdjustmentDown,
        EndRound,
        SessionExpired,
        RoundDetails,
    ];

    /// Those that are a movement of money, and have an id of their own.
    pub const MOVEMENTS: [Self; 8] =
        [Bet, Result, BonusWin, JackpotWin, PromoWin, Refund, AdjustmentUp, AdjustmentDown];

    /// The call. Where it is part of a round, that round's bet is [`stake_of`].
    pub fn call(self, player: &str, token: &str, round: &str) -> Call {
        match self {
            Authenticate => call("authenticate.html", &[("token", token), ("gameId", GAME)]),
            Balance => call("balance.html", &[("userId", player), ("token", token)]),
            GamesBalances => call(
                "GetBalancePerGame.html",
                &[("userId", player), ("gameIdList", "vs20a,vs20b"), ("token", token)],
            ),
            Bet => money("bet.html", player, round, "bet", "10.00").with("token", token),
            Result => money("result.html", player, round, "win", "2.50").with("token", token),
            BonusWin => money("bonusWin.html", player, round, "bonus", "7.00")
                .with("bonusCode", "FRB-1")
                .with("token", token),
            JackpotWin => money("jackpotWin.html", player, round, "jackpot", "3.00")
                .with("jackpotId", "9001")
                .with("token", token),
            PromoWin => money("promoWin.html", player, round, "promo", "4.00")
                .with("campaignId", "5511")
                .with("campaignType", "T")
                .with("currency", "EUR"),
            Refund => refund_of(player, &stake_of(round)).with("token", token),
            AdjustmentUp => money("adjustment.html", player, round, "up", "0.50")
                .with("validBetAmount", "1.00")
                .with("token", token),
            AdjustmentDown => money("adjustment.html", player, round, "down", "-0.50")
                .with("validBetAmount", "1.00")
                .with("token", token),
            EndRound => call(
                "endRound.html",
                &[
                    ("userId", player),
                    ("gameId", GAME),
                    ("roundId", round),
                    ("win", "2.50"),
                    ("token", token),
                ],
            ),
            SessionExpired => call(
                "session/expired",
                &[("sessionId", "pp-session-1"), ("playerId", player), ("token", token)],
            ),
            RoundDetails => call(
                "roundDetails.html",
                &[
                    ("userId", player),
                    ("roundId", round),
                    ("smResult", "tw=2.50&w=1,2,3"),
                    ("gameCategory", "slots"),
                    ("betMultiplier", "1"),
                ],
            ),
        }
    }

    /// What a success moves, in cents, when a stake of 1.00 is there to be given back and
    /// free rounds are paid with each spin.
    pub const fn effect(self) -> i64 {
        match self {
            Bet => -1000,
            Result => 250,
            JackpotWin => 300,
            PromoWin => 400,
            Refund => 100,
            AdjustmentUp => 50,
            AdjustmentDown => -50,
            Authenticate | Balance | GamesBalances | BonusWin | EndRound | SessionExpired
            | RoundDetails => 0,
        }
    }

    /// The parameters without which it is no such call, beside `providerId` and `hash`.
    pub const fn required(self) -> &'static [&'static str] {
        match self {
            Authenticate => &["token"],
            Balance => &["userId"],
            GamesBalances => &["userId", "gameIdList"],
            Bet | Result | AdjustmentUp | AdjustmentDown => {
                &["userId", "gameId", "roundId", "amount", "reference", "timestamp"]
            }
            BonusWin => &["userId", "amount", "reference", "timestamp"],
            JackpotWin => {
                &["userId", "gameId", "roundId", "jackpotId", "amount", "reference", "timestamp"]
            }
            PromoWin => &[
                "userId",
                "campaignId",
                "campaignType",
                "amount",
                "currency",
                "reference",
                "timestamp",
            ],
            Refund => &["userId", "reference"],
            EndRound => &["userId", "gameId", "roundId"],
            SessionExpired => &["sessionId", "playerId"],
            RoundDetails => &["userId", "roundId", "smResult", "gameCategory", "betMultiplier"],
        }
    }
}

/// A bet of 1.00 that the other calls of a round can be about.
pub fn stake(player: &str, round: &str) -> Call {
    money("bet.html", player, round, "stake", "1.00")
}

/// The reference of that bet.
pub fn stake_of(round: &str) -> String {
    format!("stake-{round}")
}

/// A call about money, under a reference made of a word and the round.
pub fn money(path: &str, player: &str, round: &str, word: &str, amount: &str) -> Call {
    call(
        path,
        &[
            ("userId", player),
            ("gameId", GAME),
            ("roundId", round),
            ("amount", amount),
            ("reference", &format!("{word}-{round}")),
            ("timestamp", "1795305601000"),
            ("roundDetails", "spin"),
        ],
    )
}

/// The cancellation of a bet.
pub fn refund_of(player: &str, reference: &str) -> Call {
    call("refund.html", &[("userId", player), ("reference", reference)])
}
