//! The names of the keys. The player stands in braces, so that in a Redis Cluster all keys of
//! a player live in one slot and one script may use them together.

use crate::core::{Key, PlayerId};

/// Where the progress or the result of a command is kept.
pub(super) fn claim(key: &Key, player: &PlayerId) -> String {
    let (provider, tx_id) = (key.provider.as_str(), key.tx_id.as_str());
    let player = player.as_str();
    let mut name = String::with_capacity(16 + player.len() + provider.len() + tx_id.len());
    name.push_str("idemp:{");
    push_escaped(&mut name, player, '}');
    name.push_str("}:");
    push_escaped(&mut name, provider, ':');
    name.push(':');
    name.push_str(tx_id);
    name
}

/// Where the player's balance is kept.
pub(super) fn balance(player: &PlayerId) -> String {
    let player = player.as_str();
    let mut name = String::with_capacity(20 + player.len());
    name.push_str("wallet:balance:{");
    push_escaped(&mut name, player, '}');
    name.push('}');
    name
}

/// Percent-encodes the character that would end the part too early: no two ids share a name,
/// and the braces hold the whole player id.
fn push_escaped(name: &mut String, text: &str, end: char) {
    for part in text.split_inclusive(['%', end]) {
        if let Some(before) = part.strip_suffix('%') {
            name.push_str(before);
            name.push_str("%25");
        } else if let Some(before) = part.strip_suffix(end) {
            name.push_str(before);
            name.push_str(if end == '}' { "%7D" } else { "%3A" });
        } else {
            name.push_str(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{ProviderId, TxId};

    fn name(player: &str, provider: &str, tx_id: &str) -> String {
        let key = Key {
            provider: ProviderId::parse(provider).unwrap(),
            tx_id: TxId::parse(tx_id).unwrap(),
        };
        claim(&key, &PlayerId::parse(player).unwrap())
    }

    /// What a Redis Cluster hashes: from the first brace to the first closing one after it.
    fn hashed(name: &str) -> &str {
        name.split_once('{').unwrap().1.split_once('}').unwrap().0
    }

    #[test]
    fn an_ordinary_id_is_written_as_it_is() {
        assert_eq!(name("p-1", "pragmatic", "bet:77"), "idemp:{p-1}:pragmatic:bet:77");
        assert_eq!(balance(&PlayerId::parse("Zoë😀").unwrap()), "wallet:balance:{Zoë😀}");
    }

    #[test]
    fn both_keys_of_any_player_are_hashed_alike() {
        for player in ["p", "}", "{", "{}", "a}b", "}a{", "100%", "%7D", "a:b", "😀}{", "é"] {
            let balance = balance(&PlayerId::parse(player).unwrap());
            assert_eq!(hashed(&name(player, "x", "}{")), hashed(&balance), "{player}");
            assert!(!hashed(&balance).is_empty());
        }
    }

    #[test]
    fn no_two_movements_share_a_name() {
        assert_ne!(name("a", "p}:q", "t"), name("a}:p", "q", "t"));
        assert_ne!(name("a", "p:q", "t"), name("a", "p", "q:t"));
        assert_ne!(name("a%7D", "p", "t"), name("a}", "p", "t"));
        assert_ne!(name("a", "p%3Aq", "t"), name("a", "p:q", "t"));
    }
}
