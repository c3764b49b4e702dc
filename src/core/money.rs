//! Money as whole micros: 10⁻⁶ of a currency's major unit in an `i64`, never a float.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
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

    /// Reads a decimal number of any spelling (`5.6`, `15.0`, `-5`, `1E3`) that has at most
    /// `digits` significant decimals.
    ///
    /// # Errors
    /// [`AmountError`] when it is no number, too fine or too large.
    pub fn parse(text: &str, digits: u32) -> Result<Self, AmountError> {
        // Only the exact reader tells a number that has too many digits from one that fits.
        let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
        let exact = Decimal::from_str_exact(mantissa);
        let number = if mantissa.len() == text.len() {
            exact
        } else {
            exact.and_then(|_| Decimal::from_scientific(text))
        };
        let number = number.map_err(|_| AmountError::NotANumber)?.normalize();
        if number.scale() > digits {
            return Err(AmountError::TooFine { digits });
        }
        let micros = number
            .checked_mul(Decimal::from(MICROS_PER_UNIT))
            .and_then(|micros| i64::try_from(micros).ok())
            .ok_or(AmountError::TooLarge)?;
        if micros.unsigned_abs() > Amount::MAX.0.unsigned_abs() {
            return Err(AmountError::TooLarge);
        }
        Ok(Self(micros))
    }
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

    /// Reads a non-negative decimal number with at most `digits` significant decimals.
    ///
    /// # Errors
    /// [`AmountError`] when it is no number, negative, too fine or too large.
    pub fn parse(text: &str, digits: u32) -> Result<Self, AmountError> {
        Self::try_from(Micros::parse(text, digits)?)
    }

    /// Reads a count of the currency's smallest units (`exponent` decimals, 0 to 18).
    ///
    /// # Errors
    /// [`AmountError`] when it is negative, finer than a micro or too large.
    pub fn from_minor(units: i64, exponent: u32) -> Result<Self, AmountError> {
        let micros = if exponent <= MICRO_DIGITS {
            units.checked_mul(10i64.pow(MICRO_DIGITS - exponent)).ok_or(AmountError::TooLarge)?
        } else {
            let finer = 10i64.checked_pow(exponent - MICRO_DIGITS).ok_or(AmountError::TooLarge)?;
            if units % finer != 0 {
                return Err(AmountError::TooFine { digits: MICRO_DIGITS });
            }
            units / finer
        };
        Self::try_from(Micros(micros))
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
    /// Not a decimal number at all, or one with more than 28 digits.
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

impl FromStr for Micros {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        Self::parse(text, MICRO_DIGITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_of_any_spelling_is_read_exactly() {
        for (text, micros) in [
            ("5.6", 5_600_000),
            ("15.0", 15_000_000),
            ("100.25", 100_250_000),
            ("2.50", 2_500_000),
            ("2.5000000", 2_500_000),
            ("1E7", 10_000_000_000_000),
            ("1.25e1", 12_500_000),
            ("125e-2", 1_250_000),
            ("-5.00", -5_000_000),
            ("0", 0),
        ] {
            assert_eq!(Micros::parse(text, 2), Ok(Micros(micros)), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", " ", "NaN", "inf", "1,5", "0x10", "1e", "--1", "1.2.3", "five", "1 "] {
            assert_eq!(Micros::parse(text, 2), Err(AmountError::NotANumber), "{text:?}");
        }
        assert_eq!(Micros::parse("0.001", 2), Err(AmountError::TooFine { digits: 2 }));
        assert_eq!(Micros::parse("1e-3", 2), Err(AmountError::TooFine { digits: 2 }));
        assert_eq!(Micros::parse("1e13", 2), Err(AmountError::TooLarge));
        assert!(Micros::parse("1e300", 2).is_err());
        assert!(Micros::parse("0.010000000000000000000000000000000001", 2).is_err());
        assert!(Micros::parse("1.000000000000000000000000000000000001e0", 2).is_err());
        assert_eq!(Amount::parse("-0.01", 2), Err(AmountError::Negative));
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
        assert_eq!(Amount::from_minor(i64::MAX, 0), Err(AmountError::TooLarge));
        assert_eq!(Micros(1).to_minor(8), Some(100));
    }
}
