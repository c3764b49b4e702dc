//! A player's balance as kept in Redis: `version|micros|currency|status`.

use crate::core::{Currency, Micros, PlayerStatus, WalletState};

/// A balance and the wallet's version that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedBalance {
    /// The wallet's currency.
    pub currency: Currency,
    /// The balance.
    pub balance: Micros,
    /// `wallet.version`; of two balances of a player the one with the higher version is newer.
    pub version: i64,
    /// What the player may do.
    pub status: PlayerStatus,
}

impl From<&WalletState> for CachedBalance {
    fn from(wallet: &WalletState) -> Self {
        Self {
            currency: wallet.currency.clone(),
            balance: wallet.balance,
            version: wallet.version,
            status: wallet.status,
        }
    }
}

impl CachedBalance {
    /// The stored text.
    pub(super) fn encode(&self) -> String {
        let Self { currency, balance, version, status } = self;
        format!("{version}|{}|{currency}|{}", balance.get(), status.as_str())
    }

    /// Reads the stored text; `None` for whatever is not one.
    pub(super) fn decode(text: &str) -> Option<Self> {
        let mut parts = text.split('|');
        let (version, micros) = (parts.next()?, parts.next()?);
        let (currency, status) = (parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        Some(Self {
            currency: Currency::parse(currency).ok()?,
            balance: Micros::new(micros.parse().ok()?),
            version: version.parse().ok()?,
            status: PlayerStatus::parse(status)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balance_is_read_back_as_written() {
        for status in PlayerStatus::ALL {
            let written = CachedBalance {
                currency: Currency::parse("USDT").unwrap(),
                balance: Micros::new(1_250_000),
                version: 42,
                status: *status,
            };
            assert_eq!(CachedBalance::decode(&written.encode()), Some(written));
        }
    }

    #[test]
    fn what_is_no_balance_is_none() {
        for text in [
            "",
            "|||",
            "1|2|EUR",
            "1|2|EUR|active|",
            "1|2|eur|active",
            "1|2|EUR|gone",
            "1.5|2|EUR|active",
            "1|99999999999999999999|EUR|active",
            "x|2|EUR|active",
        ] {
            assert_eq!(CachedBalance::decode(text), None, "{text}");
        }
    }
}
