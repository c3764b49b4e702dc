//! How many decimals an amount on the wire has. Nothing is guessed: a wrong number moves a hundred
//! or a million times what was meant.

use std::collections::BTreeMap;

use super::Softswiss;
use crate::core::{Currency, iso4217};
use crate::providers::Failure;

/// The decimals of the crypto currencies as BGaming's public client counts them (ether in gwei).
/// For other tickers nobody has published any. What their chains count in is no answer: of these,
/// USDT has six decimals there, and ETH eighteen.
const CRYPTO: &[(u32, &[&str])] =
    &[(6, &["XRP"]), (8, &["BCH", "BTC", "DOG", "DOGE", "LTC", "USDT"]), (9, &["ETH"])];
/// The decimals that the ledger holds.
const BOOKED: u32 = 6;
/// The most that a setting may say: those of a wei.
const MAX: u32 = 18;

/// The `exponents` of the settings; what is wrong with them is noted.
pub(super) fn read(
    settings: BTreeMap<String, u32>,
    wrong: &mut Vec<String>,
) -> BTreeMap<Currency, u32> {
    let mut exponents = BTreeMap::new();
    for (code, exponent) in settings {
        match Currency::parse(&code) {
            Err(error) => wrong.push(format!("exponents.{code}: {error}")),
            Ok(_) if exponent > MAX => wrong.push(format!("exponents.{code}: above {MAX}")),
            Ok(currency) => {
                exponents.insert(currency, exponent);
            }
        }
    }
    exponents
}

impl Softswiss {
    /// How many decimals the currency's smallest unit has: as configured, or as ISO 4217 or
    /// [`CRYPTO`] says.
    pub(super) fn known_exponent(&self, currency: &Currency) -> Option<u32> {
        let code = currency.as_str();
        let configured = self.exponents.get(currency).copied();
        configured
            .or_else(|| iso4217::decimals(code))
            .or_else(|| iso4217::decimals_in(CRYPTO, code))
    }

    /// The same for a call that cannot be read without it.
    pub(super) fn exponent(&self, currency: &Currency) -> Result<u32, Failure> {
        self.known_exponent(currency).ok_or_else(|| Failure::CurrencyUnknown(currency.clone()))
    }

    /// The currencies whose smallest unit is finer than what is booked.
    pub(super) fn finer_than_booked(&self) -> Vec<Currency> {
        let known =
            CRYPTO.iter().flat_map(|(_, codes)| *codes).filter_map(|c| Currency::parse(c).ok());
        let mut finer: Vec<Currency> = known.chain(self.exponents.keys().cloned()).collect();
        finer.retain(|currency| self.known_exponent(currency).is_some_and(|has| has > BOOKED));
        finer.sort_unstable();
        finer.dedup();
        finer
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::adapter;
    use super::*;

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
            assert_eq!(bare.known_exponent(&currency(code)), without, "{code}");
            assert_eq!(set.known_exponent(&currency(code)), with, "{code}");
        }
        let unknown = Err(Failure::CurrencyUnknown(currency("TRX")));
        assert_eq!(set.exponent(&currency("TRX")), unknown);
    }

    #[test]
    fn what_is_finer_than_what_is_booked_is_known_from_the_start() {
        let softswiss = adapter("exponents = { USDT = 6, TON = 9, TRX = 6, ETH = 18 }");
        let finer = softswiss.expect("good settings").finer_than_booked();
        let finer: Vec<&str> = finer.iter().map(Currency::as_str).collect();
        assert_eq!(finer, ["BCH", "BTC", "DOG", "DOGE", "ETH", "LTC", "TON"]);
    }
}
