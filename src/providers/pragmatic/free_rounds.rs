//! What `bonusWin` says of the results before it.

use super::decode::amount;
use crate::core::{Action, Amount, Category, Movement};
use crate::providers::adapter::FreeRoundsTotal;

/// The total of a `bonusWin` that names its code and more than nothing. What is kept of such a
/// call is the code, perhaps `requestId` and `remainAmount`, and the amount; of a result that was
/// paid by itself, it is the code alone.
pub(super) fn total_of(movement: &Movement) -> Option<FreeRoundsTotal> {
    if movement.category != Category::FreeRound {
        return None;
    }
    let (before, said) = movement.detail.as_deref()?.rsplit_once("&amount=")?;
    let (total, paid) = match movement.action {
        Action::Note(_) => (amount(said).ok()?, false),
        // The result of a free round that is paid with the total is a credit of zero.
        Action::Credit { amount: total, .. } => (total, true),
        _ => return None,
    };
    let code = ["&remainAmount=", "&requestId="]
        .iter()
        .fold(before, |text, name| text.rsplit_once(name).map_or(text, |(before, _)| before));
    let says_more = total > Amount::ZERO && code.starts_with("bonusCode=");
    says_more.then(|| FreeRoundsTotal { detail_of_spins: code.into(), total, paid })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{adapter, operation, read};
    use super::*;
    use crate::providers::Request;

    const PLAY: &str = "providerId=PragmaticPlay&userId=p&gameId=g&roundId=1&reference=r&timestamp=1795305601000&amount=0.80";

    fn movement(settings: &str, name: &str, more: &str) -> Movement {
        let body = format!("{PLAY}{more}");
        let Ok(Request::Execute(command)) = read(&adapter(settings), operation(name), &body) else {
            panic!("no command: {body}")
        };
        command.movements[0].clone()
    }

    #[test]
    fn a_total_is_held_against_the_results_of_its_code_that_were_paid_spin_by_spin() {
        let code = "&bonusCode=FRB-7";
        let spin = movement("", "result", code);
        let more = "&bonusCode=FRB-7&requestId=q&remainAmount=2.00";
        for more in [code, more] {
            for (settings, paid) in [("", false), ("free_rounds = 'total'", true)] {
                let total = total_of(&movement(settings, "bonusWin", more)).expect("a total");
                assert_eq!(spin.detail.as_deref(), Some(&*total.detail_of_spins));
                assert_eq!((total.total, total.paid), (amount("0.80").expect("money"), paid));
            }
        }
    }

    #[test]
    fn nothing_else_is_a_total_of_free_rounds() {
        for settings in ["", "free_rounds = 'total'"] {
            for (name, more) in [
                ("bet", "&bonusCode=FRB-7"),
                ("result", "&bonusCode=FRB-7"),
                ("result", ""),
                ("bonusWin", ""),
            ] {
                let movement = movement(settings, name, more);
                assert_eq!(total_of(&movement), None, "{settings} {name} {more}");
            }
            let body = PLAY.replace("0.80", "0.00") + "&bonusCode=FRB-7";
            let read = read(&adapter(settings), operation("bonusWin"), &body);
            let Ok(Request::Execute(command)) = read else { panic!("no command") };
            assert_eq!(total_of(&command.movements[0]), None, "a total of nothing");
        }
    }
}
