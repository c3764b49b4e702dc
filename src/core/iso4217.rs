//! The decimals of ISO 4217's currencies: how many of a major unit's decimals its smallest unit has.

/// By decimals: what is in use, and what was withdrawn so lately that wallets may still hold it.
/// Metals, funds and test codes, whose decimals ISO gives as "not applicable", are in none.
const DECIMALS: &[(u32, &[&str])] = &[
    (
        0,
        &[
            "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI",
            "VND", "VUV", "XAF", "XOF", "XPF",
        ],
    ),
    (
        2,
        &[
            "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD",
            "BDT", "BGN", "BMD", "BND", "BOB", "BOV", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD",
            "CAD", "CDF", "CHE", "CHF", "CHW", "CNY", "COP", "COU", "CRC", "CUC", "CUP", "CVE",
            "CZK", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL",
            "GHS", "GIP", "GMD", "GTQ", "GYD", "HKD", "HNL", "HRK", "HTG", "HUF", "IDR", "ILS",
            "INR", "IRR", "JMD", "KES", "KGS", "KHR", "KPW", "KYD", "KZT", "LAK", "LBP", "LKR",
            "LRD", "LSL", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR",
            "MWK", "MXN", "MXV", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "PAB",
            "PEN", "PGK", "PHP", "PKR", "PLN", "QAR", "RON", "RSD", "RUB", "SAR", "SBD", "SCR",
            "SDG", "SEK", "SGD", "SHP", "SLE", "SLL", "SOS", "SRD", "SSP", "STN", "SVC", "SYP",
            "SZL", "THB", "TJS", "TMT", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "USD", "USN",
            "UYU", "UZS", "VED", "VES", "WST", "XCD", "XCG", "YER", "ZAR", "ZMW", "ZWG", "ZWL",
        ],
    ),
    (3, &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]),
    (4, &["CLF", "UYW"]),
];

/// The decimals of a currency's smallest unit; `None` for a code that is not ISO's, or that has
/// none.
pub fn decimals(code: &str) -> Option<u32> {
    decimals_in(DECIMALS, code)
}

/// The same in a table of one's own.
pub fn decimals_in(table: &[(u32, &[&str])], code: &str) -> Option<u32> {
    table.iter().find(|(_, codes)| codes.contains(&code)).map(|(decimals, _)| *decimals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::Currency;

    #[test]
    fn a_code_that_iso_does_not_know_has_no_decimals_that_could_be_guessed() {
        for (code, known) in [
            ("EUR", Some(2)),
            ("JPY", Some(0)),
            ("KWD", Some(3)),
            ("CLF", Some(4)),
            ("BTC", None),
            ("TON", None),
            ("XAU", None),
            ("XXX", None),
            ("eur", None),
        ] {
            assert_eq!(decimals(code), known, "{code}");
        }
    }

    #[test]
    fn every_code_of_the_table_is_one_and_stands_there_once() {
        let mut codes: Vec<&str> = DECIMALS.iter().flat_map(|(_, codes)| *codes).copied().collect();
        assert!(codes.iter().all(|code| code.len() == 3 && Currency::parse(code).is_ok()));
        codes.sort_unstable();
        assert!(codes.windows(2).all(|pair| pair[0] != pair[1]), "{codes:?}");
    }
}
