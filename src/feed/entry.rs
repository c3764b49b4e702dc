//! A row of a provider's list in our words.

use chrono::{DateTime, Utc};
use csv::StringRecord;

use crate::config::{Feed, FeedKind, Sign};
use crate::core::{Micros, TxId};

/// A row of the list that moves money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key that it should have in the ledger.
    pub tx_id: String,
    /// Signed by its effect on the balance.
    pub amount: Micros,
    /// As the list says.
    pub at: DateTime<Utc>,
    /// Where the list says.
    pub currency: Option<String>,
    /// Where the list says.
    pub player: Option<String>,
    /// Where the list says.
    pub round: Option<String>,
}

/// Reads rows by the configured names of the columns.
pub struct Mapping<'a> {
    feed: &'a Feed,
    /// How many cells a row has.
    cells: usize,
    tx_id: usize,
    kind: usize,
    amount: usize,
    time: usize,
    currency: Option<usize>,
    player: Option<usize>,
    round: Option<usize>,
}

impl<'a> Mapping<'a> {
    /// Finds the columns.
    ///
    /// # Errors
    /// Names a column that is not there.
    pub fn new(feed: &'a Feed, header: &StringRecord) -> Result<Self, String> {
        if header.is_empty() {
            return Err("there is no line that names the columns".to_owned());
        }
        let find = |name: &str| {
            // Some programs write a byte order mark before the first name.
            let same = |column: &str| column.trim_start_matches('\u{feff}').trim() == name;
            header.iter().position(same).ok_or_else(|| {
                let there: Vec<&str> = header.iter().collect();
                let there = there.join(", ").replace(char::is_control, "\u{fffd}");
                format!(
                    "there is no column `{name}` but {there}: a list is UTF-8, its columns are \
                     `feed.columns`, and between them stands `feed.delimiter`"
                )
            })
        };
        let perhaps = |name: &Option<String>| name.as_deref().map(find).transpose();
        let columns = &feed.columns;
        Ok(Self {
            feed,
            cells: header.len(),
            tx_id: find(&columns.tx_id)?,
            kind: find(&columns.kind)?,
            amount: find(&columns.amount)?,
            time: find(&columns.time)?,
            currency: perhaps(&columns.currency)?,
            player: perhaps(&columns.player)?,
            round: perhaps(&columns.round)?,
        })
    }

    /// The row; `None` where it moves no money.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(&self, record: &StringRecord) -> Result<Option<Entry>, String> {
        // Else a list that was cut off, or `1,50` without quotes, would be read as something else.
        // An empty cell too many is a delimiter at the end.
        let beyond = record.iter().skip(self.cells).any(|cell| !cell.trim().is_empty());
        if record.len() < self.cells || beyond {
            return Err(format!("it has {} cells and not {}", record.len(), self.cells));
        }
        let cell = |at: usize| record.get(at).map(str::trim).unwrap_or_default();
        let perhaps = |at: Option<usize>| {
            at.map(cell).filter(|text| !text.is_empty() && *text != "null").map(str::to_owned)
        };
        let word = cell(self.kind);
        let kind = self.feed.types.get(word);
        let kind = kind.ok_or_else(|| format!("the type `{word}` is not one of feed.types"))?;
        if kind.kind == FeedKind::Ignore {
            return Ok(None);
        }
        let amount = self.amount(cell(self.amount), kind.kind)?;
        if amount == Micros::ZERO && !self.feed.zero_amounts {
            return Ok(None);
        }
        let time = cell(self.time);
        let at = self.feed.time(time).ok_or_else(|| format!("`{time}` is no time"))?;
        let id = cell(self.tx_id);
        if id.is_empty() {
            return Err("it has no key".to_owned());
        }
        let (player, round) = (perhaps(self.player), perhaps(self.round));
        let tx_id = kind
            .tx_id
            .replace("{player_length}", &player.as_deref().map_or(0, str::len).to_string())
            .replace("{player}", player.as_deref().unwrap_or_default())
            .replace("{round}", round.as_deref().unwrap_or_default())
            .replace("{tx_id}", id);
        // What the ledger cannot hold it cannot be asked about.
        TxId::parse(&tx_id).map_err(|error| format!("its key is {error}"))?;
        Ok(Some(Entry { tx_id, amount, at, currency: perhaps(self.currency), player, round }))
    }

    fn amount(&self, text: &str, kind: FeedKind) -> Result<Micros, String> {
        // As the ledger has it: what is finer than a micro was cut off where it was booked.
        let amount = Micros::parse_cut_off(text, self.feed.minor_digits)
            .map_err(|error| format!("the amount `{text}` is {error}"))?;
        let unsigned = self.feed.sign == Sign::ByKind && kind != FeedKind::Adjust;
        if unsigned && amount.is_negative() {
            return Err(format!("the amount `{text}` has a sign, and feed.sign says by_kind"));
        }
        Ok(match (self.feed.sign, kind) {
            (Sign::ByKind, FeedKind::Debit) => amount.negated(),
            (Sign::ByKind | Sign::Player, _) => amount,
            (Sign::House, _) => amount.negated(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(more: &str) -> Feed {
        let text = format!(
            "time_format = \"unix_s\"\n{more}\n\
             [columns]\ntx_id = \"id\"\ntype = \"t\"\namount = \"a\"\ntime = \"at\"\nround = \"r\"\n\
             [types]\nB = {{ kind = \"debit\" }}\nW = {{ kind = \"credit\" }}\n\
             X = {{ kind = \"ignore\" }}\n\
             R = {{ kind = \"reverse\", tx_id = \"~refund:{{tx_id}}\" }}\n"
        );
        toml::from_str(&text).expect("a feed")
    }

    fn read(feed: &Feed, row: &str) -> Result<Option<(String, i64)>, String> {
        let record = |text: &str| StringRecord::from(text.split(',').collect::<Vec<_>>());
        let mapping = Mapping::new(feed, &record("\u{feff}id,t,a,at,r"))?;
        let entry = mapping.read(&record(row))?;
        Ok(entry.map(|entry| (entry.tx_id, entry.amount.get())))
    }

    #[test]
    fn a_row_gets_the_key_and_the_sign_that_it_has_in_the_ledger() {
        let feed = feed("");
        for (row, key, micros) in [
            ("7,B,1.50,1,r-1", "7", -1_500_000),
            ("8,W,4.2,1,r-1", "8", 4_200_000),
            ("7,R,1.50,1,null", "~refund:7", 1_500_000),
        ] {
            assert_eq!(read(&feed, row), Ok(Some((key.to_owned(), micros))), "{row}");
        }
        assert_eq!(read(&feed, "9,X,1.50,1,r"), Ok(None), "it moves nothing");
        assert_eq!(read(&feed, "9,W,0.00,1,r"), Ok(None), "nor does this");
    }

    #[test]
    fn cents_and_other_signs_are_read_as_they_are_meant() {
        let (cents, house) = (feed("minor_digits = 2"), feed("sign = \"house\""));
        assert_eq!(read(&cents, "7,W,150,1,r"), Ok(Some(("7".to_owned(), 1_500_000))));
        assert_eq!(read(&house, "7,B,1.50,1,r"), Ok(Some(("7".to_owned(), -1_500_000))));
        assert_eq!(read(&house, "8,W,-4.20,1,r"), Ok(Some(("8".to_owned(), 4_200_000))));
    }

    #[test]
    fn what_is_finer_than_a_micro_is_cut_off_as_it_was_where_it_was_booked() {
        let (satoshi, bitcoin) = (feed("minor_digits = 8"), feed(""));
        let booked = Ok(Some(("7".to_owned(), 1_234_567)));
        assert_eq!(read(&satoshi, "7,W,123456789,1,r"), booked);
        assert_eq!(read(&bitcoin, "7,W,1.23456789,1,r"), booked);
    }

    #[test]
    fn a_key_that_has_its_player_in_it_is_made_of_the_row() {
        let mut feed = feed("");
        feed.columns.player = Some("r".to_owned());
        let kind = feed.types.get_mut("W").expect("a type");
        kind.tx_id = "~issue:{player_length}:{player}:{tx_id}".to_owned();
        assert_eq!(feed.faults(), Vec::<String>::new());
        let entry = read(&feed, "i-1,W,1.50,1,änn");
        assert_eq!(entry, Ok(Some(("~issue:4:änn:i-1".to_owned(), 1_500_000))));
    }

    #[test]
    fn what_is_not_understood_is_never_passed_over() {
        let feed = feed("");
        for row in [
            "7,Q,1.50,1,r",
            "7,B,much,1,r",
            "7,B,1_000,1,r",
            "7,B,+5,1,r",
            "7,B,5.,1,r",
            "7,B,.5,1,r",
            "7,B,1E3,1,r",
            "7,B,５,1,r",
            "7,B,-1.50,1,r",
            "7,B,1.50,now,r",
            ",B,1.50,1,r",
            "\0,B,1.50,1,r",
            "7,B,1.50,1",
            "7,B,1,50,1,r",
            "",
        ] {
            assert!(read(&feed, row).is_err(), "{row:?}");
        }
        assert!(read(&feed, "7,B,1.50,1,r,").is_ok(), "a delimiter at the end");
        let lacking = StringRecord::from(vec!["id", "t"]);
        let error = Mapping::new(&feed, &lacking).err().expect("an error");
        assert!(error.starts_with("there is no column `a` but id, t: "), "{error}");
        // UTF-16, as a terminal may be shown it.
        let wide = StringRecord::from(vec!["\0i\0d", "\0t"]);
        let error = Mapping::new(&feed, &wide).err().expect("an error");
        assert!(error.contains("UTF-8") && !error.contains('\0'), "{error}");
    }
}
