//! What a call may and may not say.

use super::super::tests::{adapter, operation, read as request};
use super::*;

mod parameters;

/// Good bodies with every parameter that has to be there and none else.
const LEAST: &[(&str, &str)] = &[
    ("authenticate", "providerId=PragmaticPlay&token=t"),
    ("balance", "providerId=PragmaticPlay&userId=p"),
    ("bet", PLAY),
    ("result", PLAY),
    (
        "bonusWin",
        "providerId=PragmaticPlay&userId=p&amount=1.00&reference=r&timestamp=1795305601000",
    ),
    (
        "jackpotWin",
        "providerId=PragmaticPlay&userId=p&gameId=g&roundId=1&jackpotId=9&amount=1.00&reference=r&timestamp=1795305601000",
    ),
    (
        "promoWin",
        "providerId=PragmaticPlay&userId=p&campaignId=5&campaignType=T&amount=1.00&currency=EUR&reference=r&timestamp=1795305601000",
    ),
    ("endRound", "providerId=PragmaticPlay&userId=p&gameId=g&roundId=1"),
    ("refund", "providerId=PragmaticPlay&userId=p&reference=r"),
    ("adjustment", PLAY),
    ("GetBalancePerGame", "providerId=PragmaticPlay&userId=p&gameIdList=g"),
    ("sessionExpired", "providerId=PragmaticPlay&sessionId=s&playerId=p"),
    (
        "roundDetails",
        "providerId=PragmaticPlay&userId=p&roundId=1&smResult=x&gameCategory=c&betMultiplier=1",
    ),
];
const PLAY: &str = "providerId=PragmaticPlay&userId=p&gameId=g&roundId=1&amount=1.00&reference=r&timestamp=1795305601000";

fn read_with(settings: &str, name: &str, body: &str) -> Result<Request, Failure> {
    request(&adapter(settings), operation(name), body)
}

fn read(name: &str, body: &str) -> Result<Request, Failure> {
    read_with("", name, body)
}

fn command_with(settings: &str, name: &str, body: &str) -> Command {
    match read_with(settings, name, body) {
        Ok(Request::Execute(command)) => command,
        other => panic!("not a command: {other:?}"),
    }
}

fn command(name: &str, body: &str) -> Command {
    command_with("", name, body)
}

/// The movements as key, action, category and what is kept.
fn said(command: &Command) -> Vec<(&str, Action, Category, Option<&str>)> {
    command
        .movements
        .iter()
        .map(|m| (m.tx_id.as_str(), m.action.clone(), m.category, m.detail.as_deref()))
        .collect()
}

fn euros(text: &str) -> Amount {
    amount(text).expect("an amount")
}

fn credit(text: &str) -> Action {
    Action::credit(euros(text))
}

// The calls of an ordinary day, as they come.
const BET: &str = "userId=op1_88012&gameId=vs20demogame&roundId=700100200301&amount=1.5&reference=64f0c2a19b3d5e7f80a1b201&providerId=PragmaticPlay&timestamp=1795305601000&roundDetails=spin&platform=MOBILE&language=en&token=tk-7f3a1c&hash=257778e76af8e80074e050764c9a34b6";
const RESULT: &str = "userId=op1_88012&gameId=vs20demogame&roundId=700100200301&amount=4.20&reference=64f0c2a19b3d5e7f80a1b202&providerId=PragmaticPlay&timestamp=1795305602000&roundDetails=spin&platform=MOBILE&token=tk-7f3a1c&hash=3bde5bf5ba046b3378e0e27e59ea9efb";
const LOSS: &str = "userId=op1_88012&gameId=vs20demogame&roundId=700100200302&amount=0.00&reference=64f0c2a19b3d5e7f80a1b204&providerId=PragmaticPlay&timestamp=1795305606000&roundDetails=spin&token=tk-7f3a1c&hash=f01647fd71fabf8ab20a30008f20a494";
const FREE_BET: &str = "userId=op1_88012&gameId=vs20demogame&roundId=700100200310&amount=0.00&reference=64f0c2a19b3d5e7f80a1b205&providerId=PragmaticPlay&timestamp=1795305609000&roundDetails=spin&bonusCode=FRB-2026-0007&token=tk-7f3a1c&hash=2fc5510ed348106d9ba9afb86bdd226b";
const FREE_RESULT: &str = "userId=op1_88012&gameId=vs20demogame&roundId=700100200310&amount=0.80&reference=64f0c2a19b3d5e7f80a1b206&providerId=PragmaticPlay&timestamp=1795305609500&roundDetails=spin&bonusCode=FRB-2026-0007&token=tk-7f3a1c&hash=eb238afa095c306a35df89781463a73a";
const BONUS_WIN: &str = "userId=op1_88012&amount=0.80&reference=64f0c2a19b3d5e7f80a1b207&providerId=PragmaticPlay&timestamp=1795305610000&bonusCode=FRB-2026-0007&roundId=700100200310&gameId=vs20demogame&token=tk-7f3a1c&hash=3e98ae999052534f137d4389867bcc7c";
const JACKPOT: &str = "providerId=PragmaticPlay&timestamp=1795305700000&userId=op1_88012&gameId=vs20demogame&roundId=700100200399&jackpotId=9001&jackpotDetails=%7B%22progressive%22%3A180.0%2C%22non-progressive%22%3A70.25%7D&amount=250.25&reference=64f0c2a19b3d5e7f80a1b208&platform=WEB&token=tk-7f3a1c&hash=486ad8c8fc863e1dfe5da614cb94a233";
const PROMO: &str = "reference=64f0c2a19b3d5e7f80a1b209&amount=25.00&campaignType=T&providerId=PragmaticPlay&campaignId=5511&currency=EUR&userId=op1_88012&timestamp=1795307400000&hash=41c3c0abc81a12139548e8166a3b831d";

#[test]
fn a_bet_takes_its_amount_and_brings_its_token() {
    let command = command("bet", BET);
    assert_eq!(command.provider.as_str(), "pragmatic");
    assert_eq!(command.player.as_str(), "op1_88012");
    assert_eq!(command.game.as_ref().map(GameId::as_str), Some("vs20demogame"));
    assert_eq!(command.round.as_ref().map(RoundId::as_str), Some("700100200301"));
    assert_eq!(command.token, Some(TokenHash::of("tk-7f3a1c")));
    assert_eq!(command.currency, None);
    assert_eq!(command.occurred_at.map(|at| at.timestamp_millis()), Some(1_795_305_601_000));
    assert_eq!(
        said(&command),
        [("64f0c2a19b3d5e7f80a1b201", Action::Debit(euros("1.50")), Category::Bet, None)]
    );
}

#[test]
fn a_jackpots_contribution_is_part_of_the_stake() {
    let body = format!("{BET}&jackpotId=9001&jackpotContribution=0.03");
    let kept = Some("jackpotId=9001&jackpotContribution=0.03");
    let command = command("bet", &body);
    assert_eq!(command.movements[0].action, Action::Debit(euros("1.50")));
    assert_eq!(command.movements[0].detail.as_deref(), kept);
}

#[test]
fn money_that_comes_in_needs_no_token() {
    for (name, body) in [
        ("result", RESULT),
        ("bonusWin", BONUS_WIN),
        ("jackpotWin", JACKPOT),
        ("promoWin", PROMO),
        ("adjustment", RESULT),
        ("refund", RESULT),
        ("endRound", RESULT),
    ] {
        assert_eq!(command(name, body).token, None, "{name}");
    }
}

#[test]
fn wins_give_their_amount_zero_included() {
    let one = |name, body| said(&command(name, body))[0].1.clone();
    assert_eq!(one("result", RESULT), credit("4.20"));
    assert_eq!(one("result", LOSS), credit("0"));
    assert_eq!(
        said(&command("jackpotWin", JACKPOT)),
        [(
            "64f0c2a19b3d5e7f80a1b208",
            credit("250.25"),
            Category::Jackpot,
            Some(r#"jackpotId=9001&jackpotDetails={"progressive":180.0,"non-progressive":70.25}"#)
        )]
    );
    let promo = command("promoWin", PROMO);
    assert_eq!(promo.currency.as_ref().map(Currency::as_str), Some("EUR"));
    assert_eq!((&promo.round, &promo.game), (&None, &None));
    assert_eq!(
        said(&promo),
        [(
            "64f0c2a19b3d5e7f80a1b209",
            credit("25"),
            Category::Promo,
            Some("campaignId=5511&campaignType=T&amount=25.00")
        )]
    );
}

#[test]
fn free_rounds_are_paid_spin_by_spin_by_default() {
    let bonus = Some("bonusCode=FRB-2026-0007");
    let bet = command("bet", FREE_BET);
    let no_money = Action::Debit(Amount::ZERO);
    assert_eq!(said(&bet), [("64f0c2a19b3d5e7f80a1b205", no_money, Category::Bet, bonus)]);
    let result = command("result", FREE_RESULT);
    let paid = ("64f0c2a19b3d5e7f80a1b206", credit("0.80"), Category::FreeRound, bonus);
    assert_eq!(said(&result), [paid]);
    let notice = command("bonusWin", BONUS_WIN);
    let kept = Some("bonusCode=FRB-2026-0007&amount=0.80");
    let noted = ("64f0c2a19b3d5e7f80a1b207", Action::Note(None), Category::FreeRound, kept);
    assert_eq!(said(&notice), [noted]);
    let real = command("bet", &FREE_BET.replace("amount=0.00", "amount=0.50"));
    assert_eq!(real.movements[0].action, Action::Debit(euros("0.50")));
}

#[test]
fn free_rounds_are_paid_as_a_total_where_agreed() {
    let total = |name, body: &str| command_with("free_rounds = 'total'", name, body);
    let bet = total("bet", &FREE_BET.replace("amount=0.00", "amount=0.50"));
    let kept = Some("bonusCode=FRB-2026-0007&amount=0.50");
    let nothing = Action::Debit(Amount::ZERO);
    assert_eq!(said(&bet), [("64f0c2a19b3d5e7f80a1b205", nothing, Category::Bet, kept)]);
    let kept = Some("bonusCode=FRB-2026-0007&amount=0.80");
    let result = total("result", FREE_RESULT);
    let later = ("64f0c2a19b3d5e7f80a1b206", credit("0"), Category::FreeRound, kept);
    assert_eq!(said(&result), [later]);
    let win = total("bonusWin", BONUS_WIN);
    let paid = ("64f0c2a19b3d5e7f80a1b207", credit("0.80"), Category::FreeRound, kept);
    assert_eq!(said(&win), [paid]);
    assert_eq!(total("bet", BET).movements[0].action, Action::Debit(euros("1.50")));
    assert_eq!(total("result", RESULT).movements[0].action, credit("4.20"));
}

#[test]
fn a_prize_stands_beside_the_win_under_a_key_of_its_own() {
    let with = |prize: &str| command("result", &format!("{RESULT}&{prize}"));
    let named =
        with("promoWinAmount=5&promoWinReference=pd-1&promoCampaignID=77&promoCampaignType=R");
    let kept = Some("promoCampaignID=77&promoCampaignType=R");
    assert_eq!(said(&named)[1..], [("pd-1", credit("5"), Category::PrizeDrop, kept)]);
    let own = "~prize:64f0c2a19b3d5e7f80a1b202";
    for prize in ["promoWinAmount=5", "promoWinAmount=5&promoWinReference=64f0c2a19b3d5e7f80a1b202"]
    {
        assert_eq!(said(&with(prize))[1..], [(own, credit("5"), Category::PrizeDrop, None)]);
    }
    for prize in ["promoWinAmount=0.00&promoWinReference=pd-1", "promoWinReference=pd-1"] {
        assert_eq!(with(prize).movements.len(), 1, "{prize}");
    }
    let later = command_with(
        "free_rounds = 'total'",
        "result",
        &format!("{FREE_RESULT}&promoWinAmount=5&promoWinReference=pd-1"),
    );
    assert_eq!(later.movements[1].action, credit("5"));
    let promo = command("promoWin", &PROMO.replace("64f0c2a19b3d5e7f80a1b209", "pd-1"));
    assert_eq!(promo.movements[0].tx_id, named.movements[1].tx_id);
}

#[test]
fn a_campaign_that_is_paid_elsewhere_is_a_notice() {
    let noted = "noted_campaigns = ['MR']";
    for (kind, action) in [
        ("T", credit("25")),
        ("MR", Action::Note(None)),
        ("B,MR", Action::Note(None)),
        ("mr", credit("25")),
    ] {
        let body = PROMO.replace("campaignType=T", &format!("campaignType={kind}"));
        assert_eq!(command_with(noted, "promoWin", &body).movements[0].action, action);
        assert_eq!(command("promoWin", &body).movements[0].action, credit("25"), "{kind}");
    }
}

#[test]
fn a_refund_undoes_the_bet_of_its_reference_for_no_more_than_it_names() {
    let target = TxId::parse("b-1").expect("an id");
    let reverse =
        |at_most| Action::Reverse { target: target.clone(), of: Reversible::Debit, at_most };
    let bare = command("refund", "providerId=PragmaticPlay&userId=p&reference=b-1");
    assert_eq!(said(&bare), [("~refund:b-1", reverse(None), Category::Bet, None)]);
    assert_eq!((&bare.round, &bare.game, bare.occurred_at), (&None, &None, None));
    let full = "providerId=PragmaticPlay&userId=p&reference=b-1&amount=1.5&roundId=7&gameId=g&timestamp=1795305601000&bonusCode=x";
    let full = command("refund", full);
    assert_eq!(
        said(&full),
        [("~refund:b-1", reverse(Some(euros("1.50"))), Category::Bet, Some("bonusCode=x"))]
    );
    assert_eq!(full.round.as_ref().map(RoundId::as_str), Some("7"));
}

#[test]
fn an_adjustment_goes_either_way() {
    for (amount, micros) in [("-5.00", -5_000_000), ("5", 5_000_000), ("0.00", 0)] {
        let body = PLAY.replace("1.00", amount) + "&validBetAmount=10.00";
        let kept = Some("validBetAmount=10.00");
        let action = Action::Adjust(Micros::new(micros));
        assert_eq!(
            said(&command("adjustment", &body)),
            [("r", action, Category::Adjustment, kept)]
        );
    }
}

#[test]
fn the_end_and_the_details_of_a_round_are_notes_under_keys_of_their_own() {
    let end = command(
        "endRound",
        "userId=op1_88012&gameId=vs20demogame&roundId=700100200301&providerId=PragmaticPlay&token=tk-7f3a1c&win=4.20&hash=8192c0f4d7282fea681ba73659b97cb2",
    );
    let key = "~end:9:op1_88012:12:vs20demogame:700100200301";
    let note = Action::Note(None);
    assert_eq!(said(&end), [(key, note.clone(), Category::RoundEnd, Some("win=4.20"))]);
    let details = command("roundDetails", LEAST[12].1);
    let kept = Some("gameCategory=c&betMultiplier=1&smResult=x");
    assert_eq!(said(&details), [("~details:1:p:1", note, Category::RoundDetails, kept)]);
    assert_eq!(details.round.as_ref().map(RoundId::as_str), Some("1"));
}

#[test]
fn no_reference_meets_a_key_of_our_own() {
    let refund = "~refund:r";
    let bet = command("bet", &PLAY.replace("reference=r", &format!("reference={refund}")));
    assert_eq!(bet.movements[0].tx_id.as_str(), "~~refund:r");
    let of_it = LEAST[8].1.replace("reference=r", &format!("reference={refund}"));
    let Action::Reverse { target, .. } = &command("refund", &of_it).movements[0].action else {
        panic!("a reversal")
    };
    assert_eq!(*target, bet.movements[0].tx_id);
    // Ids that could be read across their borders.
    let end = |player: &str, game: &str| {
        let body = format!("providerId=PragmaticPlay&userId={player}&gameId={game}&roundId=1");
        command("endRound", &body).movements[0].tx_id.clone()
    };
    assert_ne!(end("a:1:b", "c"), end("a", "b:1:c"));
}

#[test]
fn what_moves_no_money_asks_for_a_player() {
    let Ok(Request::Authenticate { game, .. }) = read(
        "authenticate",
        "token=tk-7f3a1c&providerId=PragmaticPlay&gameId=vs20demogame&ipAddress=203.0.113.7&hash=1c78252027a18a012c5355c352148e1d",
    ) else {
        panic!("no launch")
    };
    assert_eq!(game.as_ref().map(GameId::as_str), Some("vs20demogame"));
    for (name, body, asked) in [
        ("balance", "providerId=PragmaticPlay&userId=op1_88012&token=tk-7f3a1c", &[][..]),
        (
            "GetBalancePerGame",
            "providerId=PragmaticPlay&userId=op1_88012&token=tk-7f3a1c&gameIdList=vs1%2C+vs2",
            &["vs1", "vs2"],
        ),
    ] {
        let Ok(Request::Balance { player, checks, games, echo }) = read(name, body) else {
            panic!("no question: {body}")
        };
        assert_eq!(player.as_str(), "op1_88012");
        assert_eq!(checks.token, Some(TokenHash::of("tk-7f3a1c")));
        assert_eq!(checks.session, SessionRule::ValidIfGiven);
        assert!(checks.active_only && checks.currency.is_none() && echo.is_none());
        assert_eq!(games.iter().map(GameId::as_str).collect::<Vec<_>>(), asked);
    }
    let Ok(Request::Acknowledge { player }) = read("sessionExpired", LEAST[11].1) else {
        panic!("no acknowledgement")
    };
    assert_eq!(player.as_str(), "p");
}
