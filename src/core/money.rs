//! Money as whole micros: 10⁻⁶ of a currency's major unit in an `i64`, never a float.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Micros in one major unit.
const MICROS_PER_UNIT: i64 = 1_000_000;
/// Decimal digits that micros can hold.
const MICRO_DIGITS: u32 = 6;

/// A signed sum of money in micros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(i64);

impl Micros {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// A sum of `micros` × 10⁻⁶.
    pub const fn new(micros: i64) -> Self {
        Self(micros)
    }

    /// The sum as a count of micros, as stored in every `*_micros` column.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The sum, or `None` where it leaves the range of an `i64`.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` where it leaves the range of an `i64`.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The opposite sum. `i64::MIN` cannot be built from any parser here and saturates.
    pub const fn negated(self) -> Self {
        Self(self.0.saturating_neg())
    }

    /// True below zero.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// A decimal number with exactly `digits` (0 to 6) decimals, cut off toward zero,
    /// so that the balance shown can always be bet.
    pub fn to_decimal(self, digits: u32) -> String {
        let digits = digits.min(MICRO_DIGITS);
        let sign = if self.0 < 0 { "-" } else { "" };
        let units = self.0.unsigned_abs() / MICROS_PER_UNIT.unsigned_abs();
        let rest = self.0.unsigned_abs() % MICROS_PER_UNIT.unsigned_abs();
        if digits == 0 {
            return format!("{sign}{units}");
        }
        let shown = rest / 10u64.pow(MICRO_DIGITS - digits);
        let width = usize::try_from(digits).unwrap_or_default();
        format!("{sign}{units}.{shown:0width$}")
    }

    /// A count of the currency's smallest units (`exponent` decimals, 0 to 18), cut off
    /// toward zero. `None` where it leaves the range of an `i64`.
    pub fn to_minor(self, exponent: u32) -> Option<i64> {
        if exponent <= MICRO_DIGITS {
            Some(self.0 / 10i64.checked_pow(MICRO_DIGITS - exponent)?)
        } else {
            self.0.checked_mul(10i64.checked_pow(exponent - MICRO_DIGITS)?)
        }
    }

    /// Reads a decimal number as people and machines write money: perhaps a minus, digits, and
    /// perhaps a point with digits behind it; of these at most `digits` (0 to 6) that count.
    ///
    /// # Errors
    /// [`AmountError`] when it is spelled in any other way, too fine or too large.
    pub fn parse(text: &str, digits: u32) -> Result<Self, AmountError> {
        plain(text).ok_or(AmountError::NotANumber)?.micros(digits)
    }

    /// As [`Self::parse`], perhaps with an exponent (`1.25E7`): for protocols that write numbers
    /// so.
    ///
    /// # Errors
    /// As there.
    pub fn parse_with_exponent(text: &str, digits: u32) -> Result<Self, AmountError> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)),
            None => (text, Some(0)),
        };
        let spelled = plain(mantissa).zip(exponent);
        let (number, exponent) = spelled.ok_or(AmountError::NotANumber)?;
        Spelled { exponent, ..number }.micros(digits)
    }

    /// Reads a decimal number of units of which ten to the `exponent` (0 to 18) are a major unit.
    /// What is finer than a micro is cut off toward zero, as it is where it is booked.
    ///
    /// # Errors
    /// [`AmountError`] when it is spelled otherwise than [`Self::parse`] says, or too large.
    pub fn parse_cut_off(text: &str, exponent: u32) -> Result<Self, AmountError> {
        let exponent = i32::try_from(exponent).map_err(|_| AmountError::TooFine { digits: 18 })?;
        let number = plain(text).ok_or(AmountError::NotANumber)?;
        Spelled { exponent: -exponent, ..number }.cut_off()
    }
}

/// A decimal number taken apart: digits before and behind the point, times ten to the exponent.
#[derive(Clone, Copy)]
struct Spelled<'t> {
    negative: bool,
    units: &'t str,
    decimals: &'t str,
    exponent: i32,
}

/// The one reader of decimals: nothing else that some parser would happen to accept, such as
/// `1_000`, `+5`, `.5`, `5.` or digits of other scripts.
fn plain(text: &str) -> Option<Spelled<'_>> {
    let unsigned = text.strip_prefix('-');
    let (units, decimals) = match unsigned.unwrap_or(text).split_once('.') {
        Some((units, decimals)) => (units, are_digits(decimals).then_some(decimals)?),
        None => (unsigned.unwrap_or(text), ""),
    };
    let negative = unsigned.is_some();
    are_digits(units).then_some(Spelled { negative, units, decimals, exponent: 0 })
}

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What stands behind the `E`: perhaps a sign, and one to four digits.
fn exponent_of(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let fits = are_digits(digits) && digits.len() <= 4;
    fits.then(|| text.parse().ok()).flatten()
}

impl Spelled<'_> {
    fn micros(self, digits: u32) -> Result<Micros, AmountError> {
        if self.scale() > i64::from(digits) {
            return Err(AmountError::TooFine { digits });
        }
        self.cut_off()
    }

    /// How many decimals count: below zero where the number ends in zeros before the point.
    fn scale(self) -> i64 {
        let decimals = self.decimals.trim_end_matches('0');
        let last = if decimals.is_empty() {
            let units = self.units.trim_end_matches('0');
            if units.is_empty() {
                return 0; // zero, whatever its exponent
            }
            length(units) - length(self.units)
        } else {
            length(decimals)
        };
        last - i64::from(self.exponent)
    }

    /// The whole micros, cut off toward zero.
    fn cut_off(self) -> Result<Micros, AmountError> {
        // How many of the digits stand before the end of the micros.
        let whole = length(self.units) + i64::from(self.exponent) + i64::from(MICRO_DIGITS);
        let mut micros: i64 = 0;
        let mut place = 0;
        let mut digits = self.units.bytes().chain(self.decimals.bytes());
        while place < whole {
            micros = match digits.next() {
                Some(digit) => append(micros, digit.saturating_sub(b'0'))?,
                None if micros == 0 => break,
                None => append(micros, 0)?,
            };
            place += 1;
        }
        let micros = Micros(micros);
        Ok(if self.negative { micros.negated() } else { micros })
    }
}

/// The number with one digit more, as long as that is an amount.
fn append(micros: i64, digit: u8) -> Result<i64, AmountError> {
    micros
        .checked_mul(10)
        .and_then(|micros| micros.checked_add(i64::from(digit)))
        .filter(|micros| *micros <= Amount::MAX.0)
        .ok_or(AmountError::TooLarge)
}

fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

/// A sum of money that is not negative and at most [`Amount::MAX`].
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "i64", into = "i64")]
pub struct Amount(i64);

impl TryFrom<i64> for Amount {
    type Error = AmountError;

    fn try_from(micros: i64) -> Result<Self, AmountError> {
        Self::try_from(Micros(micros))
    }
}

impl From<Amount> for i64 {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

impl Amount {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// One million million major units: far above any stake, far below overflow.
    pub const MAX: Self = Self(1_000_000_000_000 * MICROS_PER_UNIT);

    /// The sum with its sign.
    pub const fn micros(self) -> Micros {
        Micros(self.0)
    }

    /// As [`Micros::parse`], without a sign.
    ///
    /// # Errors
    /// [`AmountError`] when it is no number, has a sign, is too fine or too large.
    pub fn parse(text: &str, digits: u32) -> Result<Self, AmountError> {
        Self::unsigned(text, Micros::parse(text, digits)?)
    }

    /// As [`Micros::parse_with_exponent`], without a sign.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_with_exponent(text: &str, digits: u32) -> Result<Self, AmountError> {
        Self::unsigned(text, Micros::parse_with_exponent(text, digits)?)
    }

    /// Zero has no sign either.
    fn unsigned(text: &str, micros: Micros) -> Result<Self, AmountError> {
        if text.starts_with('-') { Err(AmountError::Negative) } else { Self::try_from(micros) }
    }

    /// Reads a count of the currency's smallest units (`exponent` decimals, 0 to 18).
    ///
    /// # Errors
    /// [`AmountError`] when it is negative, finer than a micro or too large.
    pub fn from_minor(units: impl Into<i128>, exponent: u32) -> Result<Self, AmountError> {
        match Self::from_minor_cut_off(units.into(), exponent)? {
            (amount, 0) => Ok(amount),
            _ => Err(AmountError::TooFine { digits: MICRO_DIGITS }),
        }
    }

    /// As [`Self::from_minor`], but what is finer than a micro is cut off: the second number is how
    /// many of the smallest units that were.
    ///
    /// # Errors
    /// [`AmountError`] when it is negative or too large.
    pub fn from_minor_cut_off(units: i128, exponent: u32) -> Result<(Self, i128), AmountError> {
        if units < 0 {
            return Err(AmountError::Negative);
        }
        let (micros, rest) = if exponent <= MICRO_DIGITS {
            let micros = units.checked_mul(10_i128.pow(MICRO_DIGITS - exponent));
            (micros.ok_or(AmountError::TooLarge)?, 0)
        } else {
            let finer = 10_i128.checked_pow(exponent - MICRO_DIGITS);
            let finer = finer.ok_or(AmountError::TooLarge)?;
            (units / finer, units % finer)
        };
        let micros = i64::try_from(micros).map_err(|_| AmountError::TooLarge)?;
        Ok((Self::try_from(Micros(micros))?, rest))
    }
}

impl TryFrom<Micros> for Amount {
    type Error = AmountError;

    fn try_from(micros: Micros) -> Result<Self, AmountError> {
        match micros.0 {
            ..0 => Err(AmountError::Negative),
            value if value > Self::MAX.0 => Err(AmountError::TooLarge),
            value => Ok(Self(value)),
        }
    }
}

/// Why a text or a number is no amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not a decimal number, or one that is spelled otherwise than money is.
    #[error("not a decimal number")]
    NotANumber,
    /// Below zero where only zero and more has a meaning.
    #[error("negative")]
    Negative,
    /// More decimals than can be booked.
    #[error("more than {digits} decimals")]
    TooFine {
        /// The decimals that can be booked.
        digits: u32,
    },
    /// Above [`Amount::MAX`].
    #[error("too large")]
    TooLarge,
}

/// For logs and tests: all six decimals.
impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_decimal(MICRO_DIGITS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_read_exactly_with_an_exponent_only_where_one_may_be() {
        for (text, micros) in [
            ("5.6", 5_600_000),
            ("15.0", 15_000_000),
            ("100.25", 100_250_000),
            ("2.50", 2_500_000),
            ("2.5000000", 2_500_000),
            ("007", 7_000_000),
            ("-5.00", -5_000_000),
            ("0", 0),
            ("0.000000000000000000000000000000000000", 0),
            ("1000000000000.00", 1_000_000_000_000_000_000),
        ] {
            assert_eq!(Micros::parse(text, 2), Ok(Micros(micros)), "{text}");
            assert_eq!(Micros::parse_with_exponent(text, 2), Ok(Micros(micros)), "{text}");
        }
        for (text, micros) in [
            ("1E7", 10_000_000_000_000),
            ("1.0E+7", 10_000_000_000_000),
            ("1.25e1", 12_500_000),
            ("125e-2", 1_250_000),
            ("1000e-3", 1_000_000),
            ("-0.5e1", -5_000_000),
            ("0e9999", 0),
            ("0.0E-9999", 0),
        ] {
            assert_eq!(Micros::parse_with_exponent(text, 2), Ok(Micros(micros)), "{text}");
            assert_eq!(Micros::parse(text, 2), Err(AmountError::NotANumber), "{text}");
        }
    }

    #[test]
    fn money_that_is_spelled_in_any_other_way_is_refused() {
        for text in [
            "", " ", "-", ".", "-.", "1_000", "1_0.00", "1.0_0", "+5", "5.", ".5", "-.5", "-5.",
            "--1", "-+1", "- 1", "1 ", " 1", "1\n", "\u{a0}1", "1\0", "1,5", "1,000.00", "1.2.3",
            "1'000", "NaN", "inf", "Infinity", "0x10", "0b1", "1f", "five", "٥", "５", "1٫5", "−1",
            "½",
        ] {
            assert_eq!(Micros::parse(text, 6), Err(AmountError::NotANumber), "{text:?}");
            let read = Micros::parse_with_exponent(text, 6);
            assert_eq!(read, Err(AmountError::NotANumber), "{text:?}");
            assert_eq!(Micros::parse_cut_off(text, 2), Err(AmountError::NotANumber), "{text:?}");
            assert_eq!(Amount::parse(text, 6), Err(AmountError::NotANumber), "{text:?}");
        }
        for text in [
            "1e", "e1", "1e+", "1.e1", ".1e1", "1e1.0", "1e 1", "1e1_0", "1e--1", "1e1e1", "1E٥",
            "1e10000", "_1e1", "+1e1", "1_0e1",
        ] {
            let read = Micros::parse_with_exponent(text, 6);
            assert_eq!(read, Err(AmountError::NotANumber), "{text:?}");
        }
    }

    #[test]
    fn an_amount_that_is_too_fine_too_large_or_has_a_sign_is_refused() {
        let too_fine = Err(AmountError::TooFine { digits: 2 });
        for text in ["0.001", "1.0000000000000000000000000000000000001", "0.00000000000000000001"] {
            assert_eq!(Micros::parse(text, 2), too_fine, "{text}");
        }
        for text in ["1e-3", "1.000000000000000000000000000000000001e0", "1e-9999"] {
            assert_eq!(Micros::parse_with_exponent(text, 2), too_fine, "{text}");
        }
        let too_large = Err(AmountError::TooLarge);
        for text in ["1e13", "1e300", "9e9999", "1000000000000.01"] {
            assert_eq!(Micros::parse_with_exponent(text, 2), too_large, "{text}");
        }
        assert_eq!(Micros::parse(&"9".repeat(1000), 2), too_large);
        for text in ["-0.01", "-0", "-0.00"] {
            assert_eq!(Amount::parse(text, 2), Err(AmountError::Negative), "{text}");
        }
    }

    #[test]
    fn a_list_in_units_of_any_size_is_read_as_it_is_booked() {
        for (text, exponent, micros) in [
            ("150", 2, 1_500_000),
            ("-150", 2, -1_500_000),
            ("123456789", 8, 1_234_567),
            ("-123456789", 8, -1_234_567),
            ("99", 8, 0),
            ("1.123456789", 0, 1_123_456),
            ("20000000000000000000", 18, 20_000_000),
        ] {
            assert_eq!(Micros::parse_cut_off(text, exponent), Ok(Micros(micros)), "{text}");
        }
    }

    #[test]
    fn a_shown_balance_is_cut_off_never_rounded_up() {
        assert_eq!(Micros(1_999_999).to_decimal(2), "1.99");
        assert_eq!(Micros(-1_999_999).to_decimal(2), "-1.99");
        assert_eq!(Micros(1_000_000_000).to_decimal(2), "1000.00");
        assert_eq!(Micros(1_999_999).to_decimal(0), "1");
        assert_eq!(Micros(1_999_999).to_minor(2), Some(199));
    }

    #[test]
    fn smallest_units_follow_the_currencys_exponent() {
        assert_eq!(Amount::from_minor(150, 2).map(Amount::micros), Ok(Micros(1_500_000)));
        assert_eq!(Amount::from_minor(7, 0).map(Amount::micros), Ok(Micros(7_000_000)));
        assert_eq!(Amount::from_minor(100, 8).map(Amount::micros), Ok(Micros(1)));
        assert_eq!(Amount::from_minor(1, 8), Err(AmountError::TooFine { digits: 6 }));
        assert_eq!(Amount::from_minor(-1, 2), Err(AmountError::Negative));
        assert_eq!(Amount::from_minor(i128::MAX, 0), Err(AmountError::TooLarge));
        assert_eq!(Amount::from_minor(i128::MAX, 18), Err(AmountError::TooLarge));
        // More wei than 64 bits hold: 20 ether.
        let ether = Amount::from_minor(20_000_000_000_000_000_000_i128, 18).map(Amount::micros);
        assert_eq!(ether, Ok(Micros(20_000_000)));
        assert_eq!(Micros(1).to_minor(8), Some(100));
    }

    #[test]
    fn what_is_finer_than_a_micro_is_cut_off_and_counted() {
        let cut_off = |units, exponent| {
            Amount::from_minor_cut_off(units, exponent).map(|(amount, rest)| (amount.0, rest))
        };
        assert_eq!(cut_off(123_456_789, 8), Ok((1_234_567, 89)));
        assert_eq!(cut_off(99, 8), Ok((0, 99)));
        assert_eq!(cut_off(100, 8), Ok((1, 0)));
        assert_eq!(cut_off(1_999_999_999_999, 18), Ok((1, 999_999_999_999)));
        assert_eq!(cut_off(150, 2), Ok((1_500_000, 0)));
        assert_eq!(cut_off(-1, 8), Err(AmountError::Negative));
    }
}
