//! Hashes that were made elsewhere, over the wire to providers with their secrets.

use std::io::Write as _;

use crate::support::pragmatic::Answer;
use crate::support::process::Folder;
use crate::support::world::World;

const FIRST_SECRET: &str = "made-up-Secret-01";
const SECOND_SECRET: &str = "An0ther_Fake_Key";

/// A node with a brand for each secret, and the player whom the calls are about.
async fn world(folder: &Folder) -> World {
    let mut toml = String::new();
    for (slug, secret) in [("first", FIRST_SECRET), ("second", SECOND_SECRET)] {
        let path = folder.path().join(slug);
        std::fs::File::create(&path)
            .and_then(|mut file| writeln!(file, "{secret}"))
            .expect("a file");
        toml += &format!(
            "[providers.{slug}]\nprotocol = \"pragmatic\"\nsecrets = [\"file:{}\"]\n",
            path.display()
        );
    }
    let world = World::tuned(1, &toml).await;
    for player in ["op1_88012", "jörg_1"] {
        world.bank.open(player, "100.00").await;
    }
    world.bank.session("tk-7f3a1c", "op1_88012", "first", 3600).await;
    world
}

async fn send(world: &World, path: &str, body: &str) -> Answer {
    let form = "application/x-www-form-urlencoded";
    let reply = world.api(0).post(path, form, body.to_owned()).await;
    Answer::of(&reply.unwrap_or_else(|error| panic!("{path}: {error}")))
}

/// What each is about, where it goes, the form without its hash, the hash, the right code.
const VECTORS: &[(&str, &str, &str, &str, i64)] = &[
    (
        "a call of two parameters",
        "/first/authenticate.html",
        "token=tk-7f3a1c&providerId=PragmaticPlay",
        "76f573c8f45c9dc00c67f6d4320912fb",
        0,
    ),
    (
        "optional parameters, an amount with one decimal",
        "/first/bet.html",
        "userId=op1_88012&gameId=vs20demogame&roundId=700100200301&amount=1.5&reference=64f0c2a19b3d5e7f80a1b201&providerId=PragmaticPlay&timestamp=1795305601000&roundDetails=spin&platform=MOBILE&language=en&token=tk-7f3a1c",
        "257778e76af8e80074e050764c9a34b6",
        0,
    ),
    (
        "an empty parameter is left out",
        "/first/result.html",
        "userId=op1_88012&gameId=vs20demogame&roundId=700100200301&amount=4.20&reference=64f0c2a19b3d5e7f80a1b202&bonusCode=&providerId=PragmaticPlay&timestamp=1795305602000&roundDetails=spin&token=tk-7f3a1c",
        "c76d72ce35c90f8b2a664a8921610180",
        0,
    ),
    (
        "an empty parameter is kept, as some senders do",
        "/first/result.html",
        "userId=op1_88012&gameId=vs20demogame&roundId=700100200301&amount=4.20&reference=64f0c2a19b3d5e7f80a1b202&bonusCode=&providerId=PragmaticPlay&timestamp=1795305602000&roundDetails=spin&token=tk-7f3a1c",
        "8913e5a020a54071e31cbeff813cddee",
        0,
    ),
    (
        "JSON as a value, decoded",
        "/first/jackpotWin.html",
        "providerId=PragmaticPlay&timestamp=1795305700000&userId=op1_88012&gameId=vs20demogame&roundId=700100200399&jackpotId=9001&jackpotDetails=%7B%22progressive%22%3A180.0%2C%22non-progressive%22%3A70.25%7D&amount=250.25&reference=64f0c2a19b3d5e7f80a1b208&token=tk-7f3a1c",
        "05337a8526900bfe223095188ebdb82e",
        0,
    ),
    (
        "JSON as a value, hashed as it was encoded",
        "/first/jackpotWin.html",
        "providerId=PragmaticPlay&timestamp=1795305700000&userId=op1_88012&gameId=vs20demogame&roundId=700100200399&jackpotId=9001&jackpotDetails=%7B%22progressive%22%3A180.0%2C%22non-progressive%22%3A70.25%7D&amount=250.25&reference=64f0c2a19b3d5e7f80a1b208&token=tk-7f3a1c",
        "df1e69bdb5741f34579337fb7fbd51bd",
        5,
    ),
    (
        "a comma, a colon, a space and a plus sign; its bet is not known",
        "/second/result.html",
        "amount=12.5&gameId=vs20demogame&providerId=PragmaticPlay&reference=64f0c2a19b3d5e7f80a1b21e&roundDetails=spin%2CtotalBet%3A2.0%2CtotalWin%3A12.5%2Cnote%3Aa+b%2Bc&roundId=700100200302&timestamp=1795305602500&userId=op1_88012",
        "785d54386e870fc5baf03f5c3f0a40a9",
        100,
    ),
    (
        "names with brackets; its bet is not known",
        "/second/result.html",
        "amount=0.00&gameId=bn1&providerId=PragmaticPlay&reference=64f0c2a19b3d5e7f80a1b21f&roundDetails=bingo&roundId=700100200500&specPrizes%5B0%5D.specPrizeAmount=10&specPrizes%5B0%5D.specPrizeCode=FRB-77&specPrizes%5B0%5D.specPrizeType=FRB&timestamp=1795305603000&userId=op1_88012",
        "5300c796f25b3fa5991caeb33b571bbb",
        100,
    ),
    (
        "a campaign's win without a token",
        "/first/promoWin.html",
        "amount=25.00&campaignId=5511&campaignType=T&currency=EUR&providerId=PragmaticPlay&reference=64f0c2a19b3d5e7f80a1b209&timestamp=1795307400000&userId=op1_88012",
        "41c3c0abc81a12139548e8166a3b831d",
        0,
    ),
    (
        "a negative correction; its bet is not known",
        "/first/adjustment.html",
        "amount=-5.00&gameId=227&providerId=PragmaticPlay&reference=64f0c2a19b3d5e7f80a1b20f&roundId=700100200777&timestamp=1795308600000&token=tk-7f3a1c&userId=op1_88012&validBetAmount=10.00",
        "538ee758c39fb8b92019128a7563f627",
        100,
    ),
    (
        "a parameter that nobody knows",
        "/first/balance.html",
        "newField=x1&providerId=PragmaticPlay&token=tk-7f3a1c&userId=op1_88012",
        "65f6dfe773a74651be80bb5774eddd3a",
        0,
    ),
    (
        "a parameter that nobody knows, left out of the hash",
        "/first/balance.html",
        "newField=x1&providerId=PragmaticPlay&token=tk-7f3a1c&userId=op1_88012",
        "7992aad8cda7a823a48cb01ce0bc86bd",
        5,
    ),
    (
        "letters beyond ASCII",
        "/second/balance.html",
        "providerId=PragmaticPlay&userId=j%C3%B6rg_1",
        "709ee4a33fd7b024a3ba50d58fc05fca",
        0,
    ),
    (
        "upper-case hex",
        "/second/balance.html",
        "providerId=PragmaticPlay&userId=j%C3%B6rg_1",
        "709EE4A33FD7B024A3BA50D58FC05FCA",
        0,
    ),
    (
        "the other brand's secret",
        "/first/balance.html",
        "providerId=PragmaticPlay&userId=j%C3%B6rg_1",
        "709ee4a33fd7b024a3ba50d58fc05fca",
        5,
    ),
    (
        "an ampersand before the secret",
        "/first/bet.html",
        "userId=op1_88012&gameId=vs20demogame&roundId=700100200301&amount=1.5&reference=64f0c2a19b3d5e7f80a1b201&providerId=PragmaticPlay&timestamp=1795305601000&roundDetails=spin&platform=MOBILE&language=en&token=tk-7f3a1c",
        "e56724b2d5db34a8c6652552ea117b8b",
        5,
    ),
    (
        "an amount that was written anew",
        "/first/bet.html",
        "userId=op1_88012&gameId=vs20demogame&roundId=700100200301&amount=1.5&reference=64f0c2a19b3d5e7f80a1b201&providerId=PragmaticPlay&timestamp=1795305601000&roundDetails=spin&platform=MOBILE&language=en&token=tk-7f3a1c",
        "42e0fe6f308bd0842cb68203f578d3c2",
        5,
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_hash_holds_over_the_wire_and_a_wrong_one_does_not() {
    let folder = Folder::new("wallet-secrets");
    let world = world(&folder).await;
    let mut wrong = Vec::new();
    for (what, path, form, hash, code) in VECTORS {
        let answer = send(&world, path, &format!("{form}&hash={hash}")).await;
        if answer.error != *code {
            wrong.push(format!("{what}: {code} is right, came {}", answer.json));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    world.check().await;
}

/// What it is, the path, the signed form, and the cash after it.
const DAY: &[(&str, &str, &str, i64)] = &[
    (
        "the launch",
        "authenticate.html",
        "token=tk-7f3a1c&providerId=PragmaticPlay&gameId=vs20demogame&ipAddress=203.0.113.7&hash=1c78252027a18a012c5355c352148e1d",
        10_000,
    ),
    (
        "the balance",
        "balance.html",
        "providerId=PragmaticPlay&userId=op1_88012&token=tk-7f3a1c&hash=7992aad8cda7a823a48cb01ce0bc86bd",
        10_000,
    ),
    (
        "a bet",
        "bet.html",
        "userId=op1_88012&gameId=vs20demogame&roundId=700100200301&amount=1.5&reference=64f0c2a19b3d5e7f80a1b201&providerId=PragmaticPlay&timestamp=1795305601000&roundDetails=spin&platform=MOBILE&language=en&token=tk-7f3a1c&hash=257778e76af8e80074e050764c9a34b6",
        9_850,
    ),
    (
        "its result",
        "result.html",
        "userId=op1_88012&gameId=vs20demogame&roundId=700100200301&amount=4.20&reference=64f0c2a19b3d5e7f80a1b202&providerId=PragmaticPlay&timestamp=1795305602000&roundDetails=spin&platform=MOBILE&token=tk-7f3a1c&hash=3bde5bf5ba046b3378e0e27e59ea9efb",
        10_270,
    ),
    (
        "the end of the round",
        "endRound.html",
        "userId=op1_88012&gameId=vs20demogame&roundId=700100200301&providerId=PragmaticPlay&token=tk-7f3a1c&win=4.20&hash=8192c0f4d7282fea681ba73659b97cb2",
        10_270,
    ),
    (
        "a bet that loses",
        "bet.html",
        "userId=op1_88012&gameId=vs20demogame&roundId=700100200302&amount=2.00&reference=64f0c2a19b3d5e7f80a1b203&providerId=PragmaticPlay&timestamp=1795305605000&roundDetails=spin&token=tk-7f3a1c&hash=6dd4e2278f1b321755ebe63d1f0e4970",
        10_070,
    ),
    (
        "a result of nothing",
        "result.html",
        "userId=op1_88012&gameId=vs20demogame&roundId=700100200302&amount=0.00&reference=64f0c2a19b3d5e7f80a1b204&providerId=PragmaticPlay&timestamp=1795305606000&roundDetails=spin&token=tk-7f3a1c&hash=f01647fd71fabf8ab20a30008f20a494",
        10_070,
    ),
    (
        "the first bet again",
        "bet.html",
        "userId=op1_88012&gameId=vs20demogame&roundId=700100200301&amount=1.5&reference=64f0c2a19b3d5e7f80a1b201&providerId=PragmaticPlay&timestamp=1795305601000&roundDetails=spin&platform=MOBILE&language=en&token=tk-7f3a1c&hash=257778e76af8e80074e050764c9a34b6",
        10_070,
    ),
    (
        "a free spin",
        "bet.html",
        "userId=op1_88012&gameId=vs20demogame&roundId=700100200310&amount=0.00&reference=64f0c2a19b3d5e7f80a1b205&providerId=PragmaticPlay&timestamp=1795305609000&roundDetails=spin&bonusCode=FRB-2026-0007&token=tk-7f3a1c&hash=2fc5510ed348106d9ba9afb86bdd226b",
        10_070,
    ),
    (
        "its result",
        "result.html",
        "userId=op1_88012&gameId=vs20demogame&roundId=700100200310&amount=0.80&reference=64f0c2a19b3d5e7f80a1b206&providerId=PragmaticPlay&timestamp=1795305609500&roundDetails=spin&bonusCode=FRB-2026-0007&token=tk-7f3a1c&hash=eb238afa095c306a35df89781463a73a",
        10_150,
    ),
    (
        "the notice of the free rounds' total",
        "bonusWin.html",
        "userId=op1_88012&amount=0.80&reference=64f0c2a19b3d5e7f80a1b207&providerId=PragmaticPlay&timestamp=1795305610000&bonusCode=FRB-2026-0007&roundId=700100200310&gameId=vs20demogame&token=tk-7f3a1c&hash=3e98ae999052534f137d4389867bcc7c",
        10_150,
    ),
    (
        "a jackpot",
        "jackpotWin.html",
        "providerId=PragmaticPlay&timestamp=1795305700000&userId=op1_88012&gameId=vs20demogame&roundId=700100200399&jackpotId=9001&jackpotDetails=%7B%22progressive%22%3A180.0%2C%22non-progressive%22%3A70.25%7D&amount=250.25&reference=64f0c2a19b3d5e7f80a1b208&platform=WEB&token=tk-7f3a1c&hash=486ad8c8fc863e1dfe5da614cb94a233",
        35_175,
    ),
    (
        "a tournament's prize",
        "promoWin.html",
        "reference=64f0c2a19b3d5e7f80a1b209&amount=25.00&campaignType=T&providerId=PragmaticPlay&campaignId=5511&currency=EUR&userId=op1_88012&timestamp=1795307400000&hash=41c3c0abc81a12139548e8166a3b831d",
        37_675,
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_of_calls_that_was_signed_elsewhere_leaves_the_cash_that_it_should() {
    let folder = Folder::new("wallet-secrets");
    let world = world(&folder).await;
    let mut ids = Vec::new();
    for (what, path, form, cash) in DAY {
        let answer = send(&world, &format!("/first/{path}"), form).await;
        assert_eq!((answer.error, answer.cash), (0, Some(*cash)), "{what}: {}", answer.json);
        ids.extend(answer.transaction_id);
    }
    assert_eq!(ids.len(), 10, "each movement has an id");
    assert_eq!(ids[4], ids[0], "the repeat has the first one's");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 9, "and no other two are the same");
    world.check().await;
}
