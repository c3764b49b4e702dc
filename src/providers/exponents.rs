//! How many decimals an amount on the wire has, for protocols that count in units of a currency.
//! Nothing is guessed: a wrong number moves a hundred or a million times what was meant.

use std::collections::BTreeMap;

use super::Failure;
use crate::core::{Currency, iso4217};

/// The decimals that the ledger holds.
const BOOKED: u32 = 6;
/// The most that a setting may say: those of a wei.
const MAX: u32 = 18;

/// What a protocol says of currencies for everybody.
#[derive(Clone, Copy, Debug)]
pub struct Agreed {
    /// The decimals of a currency that has so many by ISO 4217.
    pub iso: fn(u32) -> u32,
    /// Those of crypto currencies.
    pub crypto: &'static [(u32, &'static [&'static str])],
}

/// The exponents of one provider: as configured, or as agreed for everybody.
#[derive(Clone, Debug)]
pub struct Exponents {
    configured: BTreeMap<Currency, u32>,
    agreed: Agreed,
}

impl Exponents {
    /// With the `exponents` of the settings; what is wrong with them is noted.
    pub fn new(agreed: Agreed, settings: BTreeMap<String, u32>, wrong: &mut Vec<String>) -> Self {
        let mut configured = BTreeMap::new();
        for (code, exponent) in settings {
            match Currency::parse(&code) {
                Err(error) => wrong.push(format!("exponents.{code}: {error}")),
                Ok(_) if exponent > MAX => wrong.push(format!("exponents.{code}: above {MAX}")),
                Ok(currency) => {
                    configured.insert(currency, exponent);
                }
            }
        }
        Self { configured, agreed }
    }

    /// How many decimals of the currency a unit on the wire is; `None` where nobody has said.
    pub fn known(&self, currency: &Currency) -> Option<u32> {
        let code = currency.as_str();
        let configured = self.configured.get(currency).copied();
        configured
            .or_else(|| iso4217::decimals(code).map(self.agreed.iso))
            .or_else(|| iso4217::decimals_in(self.agreed.crypto, code))
    }

    /// The same for a call that cannot be read without it.
    ///
    /// # Errors
    /// [`Failure::CurrencyUnknown`].
    pub fn of(&self, currency: &Currency) -> Result<u32, Failure> {
        self.known(currency).ok_or_else(|| Failure::CurrencyUnknown(currency.clone()))
    }

    /// The currencies whose unit is finer than what is booked.
    pub fn finer_than_booked(&self) -> Vec<Currency> {
        let crypto = self.agreed.crypto.iter().flat_map(|(_, codes)| *codes);
        let agreed = crypto.filter_map(|code| Currency::parse(code).ok());
        let mut finer: Vec<Currency> = agreed.chain(self.configured.keys().cloned()).collect();
        finer.retain(|currency| self.known(currency).is_some_and(|has| has > BOOKED));
        finer.sort_unstable();
        finer.dedup();
        finer
    }
}
