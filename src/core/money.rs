//! Money as whole micros: 10⁻⁶ of a currency's major unit in an `i64`, never a float.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Micros in one major unit.
const MICROS_PER_UNIT: i64 = 1_000_000;
/// Decimal digits that micros can hold.
pub(super) const MICRO_DIGITS: u32 = 6;

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
