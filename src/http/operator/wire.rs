//! Values as the API writes and reads them.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize};

use crate::core::money::AmountError;
use crate::core::{Amount, Micros};
use crate::http::problem::FieldError;

/// Money in a reply: a decimal string of at least two decimals and as many as it has.
pub fn money(sum: Micros) -> String {
    let all = sum.to_decimal(6);
    let (two, more) = all.split_at_checked(all.len().saturating_sub(4)).unwrap_or((&all, ""));
    format!("{two}{}", more.trim_end_matches('0'))
}

/// A moment in a reply: RFC 3339 to the microsecond, which is what the ledger holds.
pub fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Money in a call: a JSON string. A number is refused, because on its way through other
/// programs it may have become a float.
#[derive(Clone, Debug, Serialize)]
pub struct MoneyText(String);

impl<'de> Deserialize<'de> for MoneyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = MoneyText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("money as a decimal string, such as \"100.00\"")
            }

            fn visit_str<E>(self, text: &str) -> Result<MoneyText, E> {
                Ok(MoneyText(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl MoneyText {
    /// Digits, and a point with digits behind it: nothing of what only programmers write.
    ///
    /// # Errors
    /// Words for the caller.
    pub fn amount(&self) -> Result<Amount, String> {
        self.amount_or("must be a decimal number such as \"100.00\", without a sign")
    }

    fn amount_or(&self, wrong: &str) -> Result<Amount, String> {
        Amount::parse(&self.0, 6).map_err(|error| match error {
            AmountError::NotANumber | AmountError::Negative => wrong.to_owned(),
            error => error.to_string(),
        })
    }

    /// As [`Self::amount`], perhaps with a minus before it, and not nothing.
    ///
    /// # Errors
    /// Words for the caller.
    pub fn correction(&self) -> Result<Micros, String> {
        let digits = self.0.strip_prefix('-').unwrap_or(&self.0);
        let wrong = "must be a decimal number such as \"100.00\" or \"-100.00\"";
        match Self(digits.to_owned()).amount_or(wrong)? {
            Amount::ZERO => Err("must not be zero".to_owned()),
            amount if digits.len() < self.0.len() => Ok(amount.micros().negated()),
            amount => Ok(amount.micros()),
        }
    }

    /// As [`Self::amount`], and not nothing.
    ///
    /// # Errors
    /// Words for the caller.
    pub fn positive_amount(&self) -> Result<Amount, String> {
        match self.amount()? {
            Amount::ZERO => Err("must be more than zero".to_owned()),
            amount => Ok(amount),
        }
    }
}

/// A moment in a call: RFC 3339, of which the milliseconds count.
///
/// # Errors
/// Words for the caller.
pub fn moment_of(text: &str) -> Result<DateTime<Utc>, &'static str> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.with_timezone(&Utc))
        .map_err(|_| "must be a time such as 2026-10-01T00:00:00Z (a + is written %2B)")
}

/// What a person says: something, not too much, in one line.
///
/// # Errors
/// Words for the caller.
pub fn one_line(text: &str, max: usize) -> Result<String, String> {
    let text = text.trim();
    if (1..=max).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(format!("must have 1 to {max} characters, in one line"))
    }
}

/// One of the words that a listing may be narrowed by.
///
/// # Errors
/// Words for the caller: which there are.
pub fn word<T: Copy>(
    text: &str,
    parse: impl Fn(&str) -> Option<T>,
    all: &[T],
    as_str: impl Fn(T) -> &'static str,
) -> Result<T, String> {
    parse(text).ok_or_else(|| {
        let words: Vec<_> = all.iter().map(|word| as_str(*word)).collect();
        format!("must be one of {}", words.join(", "))
    })
}

/// For a field that may be left out: told apart from `null`, which only its own type may take.
///
/// # Errors
/// Where the value is none of the field's type.
pub fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Collects every value that is at fault, so that the caller hears of all at once.
#[derive(Debug, Default)]
pub struct Faults(Vec<FieldError>);

impl Faults {
    /// The value, or a note of what is wrong with it.
    pub fn check<T, E: fmt::Display>(
        &mut self,
        field: &'static str,
        value: Result<T, E>,
    ) -> Option<T> {
        value.map_err(|error| self.0.push(FieldError { field, detail: error.to_string() })).ok()
    }

    /// As [`Self::check`] for a value that may be missing; a missing one is no fault.
    pub fn check_optional<T, E: fmt::Display>(
        &mut self,
        field: &'static str,
        value: Option<Result<T, E>>,
    ) -> Option<T> {
        value.and_then(|value| self.check(field, value))
    }

    /// A time from `from` to before `to`, as far as they are given.
    pub fn period(
        &mut self,
        from: Option<&str>,
        to: Option<&str>,
    ) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        let from = self.check_optional("from", from.map(moment_of));
        let to = self.check_optional("to", to.map(moment_of));
        if from.zip(to).is_some_and(|(from, to)| to < from) {
            self.check("to", Err::<(), _>("must not be before `from`"));
        }
        (from, to)
    }

    /// True when nothing was noted.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was noted.
    pub fn into_errors(self) -> Vec<FieldError> {
        self.0
    }

    /// `problem` with what was noted, if anything was.
    ///
    /// # Errors
    /// The problem.
    pub fn none_or<P>(self, problem: impl FnOnce(Vec<FieldError>) -> P) -> Result<(), P> {
        if self.0.is_empty() { Ok(()) } else { Err(problem(self.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> Result<MoneyText, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn money_is_shown_with_two_decimals_and_as_many_more_as_it_has() {
        for (micros, shown) in [
            (0, "0.00"),
            (1_500_000, "1.50"),
            (1_005_000, "1.005"),
            (1, "0.000001"),
            (-2_000_000, "-2.00"),
            (1_000_000_000, "1000.00"),
        ] {
            assert_eq!(money(Micros::new(micros)), shown);
        }
    }

    #[test]
    fn money_is_read_from_plain_decimal_strings_alone() {
        for good in ["100.00", "1", "0.000001", "1000000000000", "1.0000000"] {
            let amount = text(&format!("{good:?}")).map(|text| text.positive_amount());
            assert!(matches!(amount, Ok(Ok(_))), "{good}: {amount:?}");
        }
        for bad in [
            "",
            "0",
            "0.00",
            "-1",
            "+1",
            "1e3",
            "1_000",
            "1,5",
            ".5",
            "5.",
            "-0",
            " 1",
            "0.0000001",
            "1000000000001",
            "NaN",
            "١",
        ] {
            let amount = text(&format!("{bad:?}")).map(|text| text.positive_amount());
            assert!(matches!(amount, Ok(Err(_))), "{bad}: {amount:?}");
        }
    }

    #[test]
    fn a_correction_has_a_sign_and_is_never_nothing() {
        let read = |json: &str| text(json).map(|text| text.correction());
        assert!(matches!(read("\"-1.50\""), Ok(Ok(sum)) if sum.get() == -1_500_000));
        assert!(matches!(read("\"1.50\""), Ok(Ok(sum)) if sum.get() == 1_500_000));
        for bad in ["-", "--1", "+1", "-0", "0.00", "- 1", "-1e3"] {
            assert!(matches!(read(&format!("{bad:?}")), Ok(Err(_))), "{bad}");
        }
        let wrong = |json: &str| read(json).ok().and_then(Result::err).unwrap_or_default();
        assert!(
            wrong("\"+1\"").ends_with("such as \"100.00\" or \"-100.00\""),
            "{}",
            wrong("\"+1\"")
        );
        assert_eq!(wrong("\"-0\""), "must not be zero");
    }

    #[test]
    fn a_json_number_is_no_money_and_the_text_says_what_is() {
        for number in ["100", "100.5", "null"] {
            let error = text(number).expect_err("not a string").to_string();
            assert!(error.contains("decimal string, such as \"100.00\""), "{error}");
        }
    }
}
