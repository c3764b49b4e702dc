//! Text of somebody else's in a file that may be opened as a sheet.
//!
//! A sheet runs a cell that begins with one of a few letters. Where a cell begins is for the sheet
//! to say: one that is told another separator than ours, or that takes quotes for letters, begins
//! cells in the middle of ours. So the letter is guarded wherever any sheet may begin a cell, by an
//! apostrophe before it. Our own cells (ids, words, numbers, times) need none: a negative amount
//! stays a number.

use std::borrow::Cow;

/// The text as a cell. Text without such a letter at such a place stays as it is.
pub fn safe(text: &str) -> Cow<'_, str> {
    if !text.contains(|letter| begins_formula(letter) || letter.is_control()) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 1);
    // Some sheets take a line break or a tab for a formula's beginning, too.
    if text.starts_with(char::is_control) {
        safe.push('\'');
    }
    let mut at_start = true;
    for letter in text.chars() {
        if at_start && begins_formula(letter) {
            safe.push('\'');
        }
        at_start = separates(letter) || at_start && is_skipped(letter);
        safe.push(letter);
    }
    Cow::Owned(safe)
}

/// As they are typed, and their wide, small and typographic forms, which some sheets take for them.
const fn begins_formula(letter: char) -> bool {
    matches!(
        letter,
        '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '﹦' | '﹢' | '﹣' | '﹫' | '−'
    )
}

/// What a person may choose as a separator, and what a sheet offers.
fn separates(letter: char) -> bool {
    letter.is_whitespace()
        || letter.is_control()
        || matches!(letter, ',' | ';' | '|' | ':' | '^' | '~')
}

/// What a sheet takes away from the beginning of a cell, or does not show.
const fn is_skipped(letter: char) -> bool {
    matches!(
        letter,
        '"' | '\u{ad}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{206f}'
            | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_text_of_somebody_elses_becomes_a_formula() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", "－1", "−1", "﹦1"] {
            assert_eq!(safe(formula), format!("'{formula}"));
            for before in [" ", "\"", "\u{a0}", "\u{feff}", "\" \"", "a;", "a; \"", "a|", "a,"] {
                assert_eq!(safe(&format!("{before}{formula}")), format!("{before}'{formula}"));
            }
        }
        assert_eq!(safe("\t=1"), "'\t'=1");
        assert_eq!(safe("\r1"), "'\r1");
        assert_eq!(safe("a\n=1"), "a\n'=1");
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in [
            "",
            "p-42",
            "1=1",
            "a@b",
            "'=1",
            "5103188801",
            "deposit:p-42 cashier-2026-000042",
            "~refund:64f0c2a19b3d5e7f80a1b201",
            "bonusCode=summer-campaign",
            "YWJj+/==",
        ] {
            assert_eq!(safe(text), text);
        }
    }

    /// A cell as a sheet sees it that is told this separator, with or without quotes.
    fn cells(line: &str, separator: char) -> impl Iterator<Item = &str> {
        line.split([separator, '\n', '\r']).map(|cell| cell.trim_start_matches(['"', ' ']))
    }

    proptest! {
        #[test]
        fn no_separator_begins_a_formula(text in "[a1=+@＝\\-;,|:\t\r\n \"'^~]{0,24}") {
            let safe = safe(&text);
            for separator in [',', ';', '\t', '|', ':', ' ', '^', '~'] {
                for cell in cells(&safe, separator) {
                    prop_assert!(!cell.starts_with(begins_formula), "{separator:?}: {safe:?}");
                }
            }
            // Nothing but apostrophes was added.
            let without = |text: &str| text.replace('\'', "");
            prop_assert_eq!(without(&safe), without(&text));
        }
    }
}
