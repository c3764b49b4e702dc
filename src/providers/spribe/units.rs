//! How many of its units on the wire a currency has. Nothing is guessed: a wrong number moves a
//! thousand or a hundred thousand times what was meant.

use std::collections::BTreeMap;

use super::Spribe;
use crate::core::{Currency, iso4217};
use crate::providers::Failure;

/// Every currency of ISO 4217 is counted in thousandths, whatever ISO says of its smallest unit.
const FIAT: u32 = 3;
/// Of the crypto currencies, the public integrations name the units of this one alone.
const CRYPTO: &[(u32, &[&str])] = &[(8, &["BTC"])];
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

impl Spribe {
    /// How many decimals of the currency a unit on the wire is: as configured, or as agreed for
    /// everybody.
    pub(super) fn known_exponent(&self, currency: &Currency) -> Option<u32> {
        let code = currency.as_str();
        let configured = self.exponents.get(currency).copied();
        configured
            .or_else(|| iso4217::decimals(code).map(|_| FIAT))
            .or_else(|| iso4217::decimals_in(CRYPTO, code))
    }

    /// The same for a call that cannot be read without it.
    pub(super) fn exponent(&self, currency: &Currency) -> Result<u32, Failure> {
        self.known_exponent(currency).ok_or_else(|| Failure::CurrencyUnknown(currency.clone()))
    }

    /// The currencies whose unit is finer than what is booked.
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
            assert_eq!(bare.known_exponent(&currency(code)), without, "{code}");
            assert_eq!(set.known_exponent(&currency(code)), with, "{code}");
        }
        let unknown = Err(Failure::CurrencyUnknown(currency("ETH")));
        assert_eq!(set.exponent(&currency("ETH")), unknown);
    }

    #[test]
    fn what_is_finer_than_what_is_booked_is_known_from_the_start() {
        let finer = adapter("exponents = { TON = 9, TRX = 6 }").finer_than_booked();
        let finer: Vec<&str> = finer.iter().map(Currency::as_str).collect();
        assert_eq!(finer, ["BTC", "TON"]);
    }
}
