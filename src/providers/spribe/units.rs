//! How many of its units on the wire a currency has.

use crate::providers::exponents::Agreed;

/// Every currency of ISO 4217 is counted in thousandths, whatever ISO says of its smallest unit. Of the
/// crypto currencies, the public integrations name the units of one alone.
pub(super) const AGREED: Agreed = Agreed { iso: |_| 3, crypto: &[(8, &["BTC"])] };

#[cfg(test)]
mod tests {
    use super::super::tests::adapter;
    use crate::core::Currency;
    use crate::providers::Failure;

    fn currency(code: &str) -> Currency {
        Currency::parse(code).expect("a code")
    }

    #[test]
    fn a_unit_is_a_thousandth_or_the_tables_or_configured_and_never_guessed() {
        let (bare, set) = (adapter(""), adapter("exponents = { JPY = 0, TON = 9 }"));
        for (code, without, with) in [
            ("EUR", Some(3), Some(3)),
            ("KWD", Some(3), Some(3)),
            ("JPY", Some(3), Some(0)),
            ("BTC", Some(8), Some(8)),
            ("TON", None, Some(9)),
            ("ETH", None, None),
            ("PTS", None, None),
        ] {
            assert_eq!(bare.exponents.known(&currency(code)), without, "{code}");
            assert_eq!(set.exponents.known(&currency(code)), with, "{code}");
        }
        let unknown = Err(Failure::CurrencyUnknown(currency("ETH")));
        assert_eq!(set.exponents.of(&currency("ETH")), unknown);
    }

    #[test]
    fn what_is_finer_than_what_is_booked_is_known_from_the_start() {
        let finer = adapter("exponents = { TON = 9, TRX = 6 }").exponents.finer_than_booked();
        let finer: Vec<&str> = finer.iter().map(Currency::as_str).collect();
        assert_eq!(finer, ["BTC", "TON"]);
    }
}
