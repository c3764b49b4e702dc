//! How many decimals an amount on the wire has.

use crate::providers::exponents::Agreed;

/// As ISO 4217 says, and for crypto currencies as BGaming's public client counts them (ether in gwei).
/// For other tickers nobody has published any. What their chains count in is no answer: of these,
/// USDT has six decimals there, and ETH eighteen.
pub(super) const AGREED: Agreed = Agreed {
    iso: |decimals| decimals,
    crypto: &[(6, &["XRP"]), (8, &["BCH", "BTC", "DOG", "DOGE", "LTC", "USDT"]), (9, &["ETH"])],
};

#[cfg(test)]
mod tests {
    use super::super::tests::adapter;
    use crate::core::Currency;
    use crate::providers::Failure;

    fn currency(code: &str) -> Currency {
        Currency::parse(code).expect("a code")
    }

    #[test]
    fn a_smallest_unit_is_isos_or_the_tables_or_configured_and_never_guessed() {
        let settings = "exponents = { JPY = 1, TON = 9, USDT = 6 }";
        let (bare, set) = (adapter("").expect("defaults"), adapter(settings).expect("good"));
        for (code, without, with) in [
            ("EUR", Some(2), Some(2)),
            ("KRW", Some(0), Some(0)),
            ("KWD", Some(3), Some(3)),
            ("BTC", Some(8), Some(8)),
            ("ETH", Some(9), Some(9)),
            ("JPY", Some(0), Some(1)),
            ("USDT", Some(8), Some(6)),
            ("TON", None, Some(9)),
            ("TRX", None, None),
            ("PTS", None, None),
        ] {
            assert_eq!(bare.exponents.known(&currency(code)), without, "{code}");
            assert_eq!(set.exponents.known(&currency(code)), with, "{code}");
        }
        let unknown = Err(Failure::CurrencyUnknown(currency("TRX")));
        assert_eq!(set.exponents.of(&currency("TRX")), unknown);
    }

    #[test]
    fn what_is_finer_than_what_is_booked_is_known_from_the_start() {
        let softswiss = adapter("exponents = { USDT = 6, TON = 9, TRX = 6, ETH = 18 }");
        let finer = softswiss.expect("good settings").exponents.finer_than_booked();
        let finer: Vec<&str> = finer.iter().map(Currency::as_str).collect();
        assert_eq!(finer, ["BCH", "BTC", "DOG", "DOGE", "ETH", "LTC", "TON"]);
    }
}
