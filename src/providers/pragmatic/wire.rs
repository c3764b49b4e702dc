//! What goes over the wire: the form that every call is, with the text that its hash covers,
//! and the one flat object that every reply is.

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::LazyLock;

use percent_encoding::percent_decode;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::codes::Code;
use crate::core::Micros;
use crate::providers::Failure;

// ---- In ----

/// The parameter that the hash is, and does not cover.
const HASH: &[u8] = b"hash";

/// The parameters of a call, decoded, sorted by name. They are bytes, which the hash covers
/// whatever they are; what is read of them is UTF-8.
#[derive(Debug)]
pub struct Form<'a> {
    pairs: Vec<Pair<'a>>,
}

/// A name and a value.
type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

impl<'a> Form<'a> {
    /// Splits, then decodes: a value may hold an encoded `&` or `=`. Broken percent-encoding is
    /// refused, because nobody could say what was signed.
    ///
    /// # Errors
    /// [`Failure::BadRequest`].
    pub fn parse(body: &'a [u8]) -> Result<Self, Failure> {
        let mut pairs = Vec::with_capacity(16);
        for part in body.split(|byte| *byte == b'&').filter(|part| !part.is_empty()) {
            let mut halves = part.splitn(2, |byte| *byte == b'=');
            let (name, value) = (halves.next(), halves.next());
            pairs.push((decoded(name.unwrap_or_default())?, decoded(value.unwrap_or_default())?));
        }
        // Stable, so that a doubled name keeps its order.
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Self { pairs })
    }

    /// The texts that the hash may cover: every parameter but `hash`, also the unknown ones,
    /// `name=value` joined by `&`. Empty values are left out; where there are any, a second
    /// text keeps them, because some senders do.
    pub fn signed_texts(&self) -> Vec<Cow<'static, [u8]>> {
        let mut texts = vec![Cow::Owned(self.joined(false))];
        if self.pairs.iter().any(|(name, value)| value.is_empty() && **name != *HASH) {
            texts.push(Cow::Owned(self.joined(true)));
        }
        texts
    }

    fn joined(&self, keep_empty: bool) -> Vec<u8> {
        let mut text = Vec::with_capacity(512);
        for (name, value) in &self.pairs {
            if **name == *HASH || (value.is_empty() && !keep_empty) {
                continue;
            }
            if !text.is_empty() {
                text.push(b'&');
            }
            text.extend_from_slice(name);
            text.push(b'=');
            text.extend_from_slice(value);
        }
        text
    }

    /// The `hash` parameter, when it is there once.
    pub fn hash(&self) -> Option<Cow<'a, str>> {
        let mut hashes = self.pairs.iter().filter(|(name, _)| **name == *HASH);
        let (_, hash) = hashes.next()?;
        let hash = match hash {
            Cow::Borrowed(hash) => Cow::Borrowed(std::str::from_utf8(hash).ok()?),
            Cow::Owned(hash) => Cow::Owned(String::from_utf8(hash.clone()).ok()?),
        };
        hashes.next().is_none().then_some(hash)
    }

    /// Refuses a form with a name that is there twice: two readers could read it in two ways.
    ///
    /// # Errors
    /// [`Failure::BadRequest`].
    pub fn refuse_doubled(&self) -> Result<(), Failure> {
        match self.pairs.iter().zip(self.pairs.iter().skip(1)).find(|(a, b)| a.0 == b.0) {
            Some(((name, _), _)) => Err(bad(&String::from_utf8_lossy(name), "there twice")),
            None => Ok(()),
        }
    }

    /// The value of a parameter that is there and not empty.
    ///
    /// # Errors
    /// [`Failure::BadRequest`] when it is not UTF-8.
    pub fn get(&self, name: &str) -> Result<Option<&str>, Failure> {
        let found = self.pairs.iter().find(|(own, _)| **own == *name.as_bytes());
        let Some((_, value)) = found.filter(|(_, value)| !value.is_empty()) else {
            return Ok(None);
        };
        std::str::from_utf8(value).map(Some).map_err(|_| bad(name, "not UTF-8"))
    }

    /// True when a parameter is there and not empty.
    pub fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(own, value)| **own == *name.as_bytes() && !value.is_empty())
    }

    /// The value of a parameter that is there and not empty, as text for people.
    pub fn words(&self, name: &str) -> Option<Cow<'_, str>> {
        let (_, value) = self.pairs.iter().find(|(own, _)| **own == *name.as_bytes())?;
        (!value.is_empty()).then(|| String::from_utf8_lossy(value))
    }

    /// The value of a parameter that has to be there.
    ///
    /// # Errors
    /// [`Failure::BadRequest`] when it is missing or empty, or not UTF-8.
    pub fn need(&self, name: &str) -> Result<&str, Failure> {
        self.get(name)?.ok_or_else(|| bad(name, "missing"))
    }

    /// A parameter that has to be there, as what `parse` makes of it.
    ///
    /// # Errors
    /// [`Failure::BadRequest`] when it is missing or empty, or `parse` refuses it.
    pub fn read<'f, T, E: Display>(
        &'f self,
        name: &str,
        parse: impl FnOnce(&'f str) -> Result<T, E>,
    ) -> Result<T, Failure> {
        parse(self.need(name)?).map_err(|error| bad(name, error))
    }

    /// A parameter that may be there, as what `parse` makes of it.
    ///
    /// # Errors
    /// [`Failure::BadRequest`] when `parse` refuses it.
    pub fn read_any<'f, T, E: Display>(
        &'f self,
        name: &str,
        parse: impl FnOnce(&'f str) -> Result<T, E>,
    ) -> Result<Option<T>, Failure> {
        self.get(name)?.map(parse).transpose().map_err(|error| bad(name, error))
    }
}

/// What is wrong with a parameter. Its value is not repeated: it may be a token.
pub fn bad(name: &str, what: impl Display) -> Failure {
    Failure::BadRequest(format!("{name}: {what}"))
}

/// Decodes `+` and `%XX`.
fn decoded(raw: &[u8]) -> Result<Cow<'_, [u8]>, Failure> {
    if !raw.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Ok(Cow::Borrowed(raw));
    }
    if !percent_signs_are_whole(raw) {
        return Err(Failure::BadRequest("broken percent-encoding".to_owned()));
    }
    let spaced: Vec<u8> = raw.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    Ok(Cow::Owned(percent_decode(&spaced).collect()))
}

fn percent_signs_are_whole(raw: &[u8]) -> bool {
    raw.split(|byte| *byte == b'%')
        .skip(1)
        .all(|after| after.get(..2).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)))
}

// ---- Out ----

/// Every field of every reply, in the order of the specification. `error` and `description`
/// are always there; which others are there depends on the call.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = pragmatic::Reply)]
pub struct Body<'a> {
    /// The wallet's own id of what was booked, 32 hex characters, the same for every repeat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// The operator's id of the player.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<&'a str>,
    /// The wallet's currency, ISO 4217.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<&'a str>,
    /// The balance now, cut off after two decimals.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub cash: Option<Number>,
    /// Always 0.00: there is no bonus wallet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub bonus: Option<Number>,
    /// What of a stake came out of the bonus wallet: always 0.00.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub used_promo: Option<Number>,
    /// The token, as sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<&'a str>,
    /// As set for the brand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<&'a str>,
    /// As set for the brand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<&'a str>,
    /// The balance, once for each game that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub games_balances: Option<Vec<GameBalance<'a>>>,
    /// 0 for success; see the table of codes.
    pub error: u16,
    /// For people, at most 100 characters.
    pub description: Cow<'a, str>,
}

/// The balance as one game sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = pragmatic::GameBalance)]
pub struct GameBalance<'a> {
    /// The game, as sent.
    #[serde(rename = "gameID", skip_serializing_if = "Option::is_none")]
    pub upper: Option<&'a str>,
    /// The same, in brands that spell it so.
    #[serde(rename = "gameId", skip_serializing_if = "Option::is_none")]
    pub lower: Option<&'a str>,
    /// As in every reply.
    #[schema(value_type = f64)]
    pub cash: Number,
    /// As in every reply.
    #[schema(value_type = f64)]
    pub bonus: Number,
}

impl Body<'_> {
    /// A code and nothing else.
    pub fn of(code: Code) -> Self {
        Self {
            error: code.number(),
            description: Cow::Borrowed(code.description()),
            ..Self::default()
        }
    }
}

/// Money as a JSON number with two decimals, cut off.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct Number(Box<RawValue>);

impl Number {
    /// The sum, cut off.
    pub fn of(micros: Micros) -> Self {
        // A decimal number is always JSON.
        let text = RawValue::from_string(micros.to_decimal(2));
        Self(text.unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }

    /// What a bonus wallet holds where there is none.
    pub fn zero() -> Self {
        static ZERO: LazyLock<Number> = LazyLock::new(|| Number::of(Micros::ZERO));
        ZERO.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(body: &str) -> Form<'_> {
        Form::parse(body.as_bytes()).expect("a form")
    }

    fn texts(body: &str) -> Vec<String> {
        let texts = form(body).signed_texts();
        texts.into_iter().map(|t| String::from_utf8(t.into_owned()).expect("UTF-8")).collect()
    }

    #[test]
    fn the_hash_covers_every_parameter_decoded_and_sorted_but_itself() {
        assert_eq!(texts("b=1&hash=x&a=%7B%22x%22%3A1%7D&B=2"), [r#"B=2&a={"x":1}&b=1"#]);
        assert_eq!(texts("a=x%26y%3Dz+%2B"), ["a=x&y=z +"]);
        assert_eq!(texts("a%5B0%5D=1&a=2"), ["a=2&a[0]=1"]);
        assert_eq!(texts("hash=x"), [""]);
    }

    #[test]
    fn empty_values_are_left_out_and_in_a_second_reading_kept() {
        assert_eq!(texts("b=&a=1&c"), ["a=1", "a=1&b=&c="]);
        assert_eq!(texts("a=1&hash="), ["a=1"]);
    }

    #[test]
    fn an_empty_parameter_is_a_missing_one() {
        let form = form("a=&b=1&c");
        let get = |name| form.get(name).expect("UTF-8");
        assert_eq!((get("a"), get("b"), get("c")), (None, Some("1"), None));
        for name in ["a", "c", "d"] {
            assert_eq!(form.need(name).err(), Some(bad(name, "missing")));
        }
    }

    #[test]
    fn no_parameter_may_be_there_twice() {
        assert_eq!(form("b=1&a=2&hash=x").refuse_doubled(), Ok(()));
        for body in ["a=1&a=1", "a=1&b=2&a=", "x&x", "a=1&%61=2"] {
            assert!(form(body).refuse_doubled().is_err(), "{body}");
        }
    }

    #[test]
    fn what_nobody_could_have_signed_is_no_form() {
        for body in [&b"a=%"[..], b"a=%4", b"a=%zz", b"%f=1"] {
            assert!(matches!(Form::parse(body), Err(Failure::BadRequest(_))), "{body:?}");
        }
        // Whatever bytes are signed; who reads them reads UTF-8.
        for body in [&b"a=%FF"[..], b"a=\xff"] {
            let form = Form::parse(body).expect("a form");
            assert_eq!(form.signed_texts(), [&b"a=\xff"[..]]);
            assert_eq!(form.get("a"), Err(bad("a", "not UTF-8")));
            assert_eq!(form.words("a").as_deref(), Some("\u{fffd}"));
        }
        for body in [&b""[..], b"&&", b"=", b"a=%C3%A4", "ä=1".as_bytes()] {
            assert!(Form::parse(body).is_ok(), "{body:?}");
        }
    }

    #[test]
    fn money_is_a_number_with_two_decimals_cut_off() {
        let body = Body {
            cash: Some(Number::of(Micros::new(100_009_999))),
            bonus: Some(Number::zero()),
            ..Body::of(Code::Success)
        };
        assert_eq!(
            serde_json::to_string(&body).expect("JSON"),
            r#"{"cash":100.00,"bonus":0.00,"error":0,"description":"Success"}"#
        );
    }
}
