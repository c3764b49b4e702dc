//! The one reader of decimal numbers. It knows one spelling, and nothing else that some parser would
//! happen to accept, such as `1_000`, `+5`, `.5`, `5.`, blanks or digits of other scripts.

use super::money::{Amount, AmountError, MICRO_DIGITS, Micros};

impl Micros {
    /// Reads a decimal number as people and machines write money: perhaps a minus, digits, and
    /// perhaps a point with digits behind it; of these at most `digits` (0 to 6) that count.
    ///
    /// # Errors
    /// [`AmountError`] when it is spelled in any other way, too fine or too large.
    pub fn parse(text: &str, digits: u32) -> Result<Self, AmountError> {
        Decimal::plain(text)?.micros(digits)
    }

    /// As [`Self::parse`], perhaps with an exponent (`1.25E7`): for protocols that write numbers
    /// so.
    ///
    /// # Errors
    /// As there.
    pub fn parse_with_exponent(text: &str, digits: u32) -> Result<Self, AmountError> {
        Decimal::with_exponent(text)?.micros(digits)
    }

    /// Reads a decimal number of units of which ten to the `exponent` (0 to 18) are a major unit.
    /// What is finer than a micro is cut off toward zero, as it is where it is booked.
    ///
    /// # Errors
    /// [`AmountError`] when it is spelled otherwise than [`Self::parse`] says, or too large.
    pub fn parse_cut_off(text: &str, exponent: u32) -> Result<Self, AmountError> {
        Decimal::plain(text)?.divided_by_ten_to(exponent)?.cut_off()
    }
}

impl Amount {
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
}

/// A decimal number taken apart: digits before and behind the point, times ten to the exponent.
#[derive(Clone, Copy)]
struct Decimal<'t> {
    negative: bool,
    units: &'t str,
    decimals: &'t str,
    exponent: i32,
}

impl<'t> Decimal<'t> {
    /// Perhaps a minus, digits, and perhaps a point with digits behind it.
    fn plain(text: &'t str) -> Result<Self, AmountError> {
        let unsigned = text.strip_prefix('-');
        let (units, decimals) = match unsigned.unwrap_or(text).split_once('.') {
            Some((units, decimals)) if are_digits(decimals) => (units, decimals),
            Some(_) => return Err(AmountError::NotANumber),
            None => (unsigned.unwrap_or(text), ""),
        };
        if !are_digits(units) {
            return Err(AmountError::NotANumber);
        }
        Ok(Self { negative: unsigned.is_some(), units, decimals, exponent: 0 })
    }

    /// The same, and perhaps an `e` or `E`, a sign and one to four digits.
    fn with_exponent(text: &'t str) -> Result<Self, AmountError> {
        let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
            return Self::plain(text);
        };
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if !are_digits(digits) || digits.len() > 4 {
            return Err(AmountError::NotANumber);
        }
        let exponent = exponent.parse().map_err(|_| AmountError::NotANumber)?;
        Ok(Self { exponent, ..Self::plain(mantissa)? })
    }

    /// The number in units that are so many decimals smaller.
    fn divided_by_ten_to(self, decimals: u32) -> Result<Self, AmountError> {
        let exponent = i32::try_from(decimals).ok().and_then(|by| self.exponent.checked_sub(by));
        Ok(Self { exponent: exponent.ok_or(AmountError::TooLarge)?, ..self })
    }

    /// The number as money with at most so many decimals.
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
        let micros = Micros::new(micros);
        Ok(if self.negative { micros.negated() } else { micros })
    }
}

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The number with one digit more, as long as that is an amount.
fn append(micros: i64, digit: u8) -> Result<i64, AmountError> {
    micros
        .checked_mul(10)
        .and_then(|micros| micros.checked_add(i64::from(digit)))
        .filter(|micros| *micros <= Amount::MAX.micros().get())
        .ok_or(AmountError::TooLarge)
}

fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
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
            assert_eq!(Micros::parse(text, 2), Ok(Micros::new(micros)), "{text}");
            assert_eq!(Micros::parse_with_exponent(text, 2), Ok(Micros::new(micros)), "{text}");
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
            assert_eq!(Micros::parse_with_exponent(text, 2), Ok(Micros::new(micros)), "{text}");
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
            assert_eq!(Micros::parse_cut_off(text, exponent), Ok(Micros::new(micros)), "{text}");
        }
    }
}
