//! The form that every call is, and the text that its hash covers.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use crate::providers::Failure;

/// The parameters of a call, decoded, sorted by name.
#[derive(Debug)]
pub struct Form<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Form<'a> {
    /// Splits, then decodes: a value may hold an encoded `&` or `=`. Broken percent-encoding
    /// and anything but UTF-8 is refused, because nobody could say what was signed.
    ///
    /// # Errors
    /// [`Failure::BadRequest`].
    pub fn parse(body: &'a [u8]) -> Result<Self, Failure> {
        let mut pairs = Vec::with_capacity(16);
        for part in body.split(|byte| *byte == b'&').filter(|part| !part.is_empty()) {
            let mut halves = part.splitn(2, |byte| *byte == b'=');
            let name = decoded(halves.next().unwrap_or_default())?;
            let value = decoded(halves.next().unwrap_or_default())?;
            pairs.push((name, value));
        }
        // Stable, so that a doubled name keeps its order.
        pairs.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
        Ok(Self { pairs })
    }

    /// The value of a parameter that is there once and is not empty.
    ///
    /// # Errors
    /// [`Failure::BadRequest`] when it is there twice.
    pub fn get(&self, name: &str) -> Result<Option<&str>, Failure> {
        let mut values = self.pairs.iter().filter(|(n, _)| n == name).map(|(_, value)| value);
        let first = values.next();
        if values.next().is_some() {
            return Err(Failure::BadRequest(format!("{name} is there twice")));
        }
        Ok(first.map(|value| &**value).filter(|value| !value.is_empty()))
    }

    /// The value of a parameter that has to be there.
    ///
    /// # Errors
    /// [`Failure::BadRequest`] when it is missing, empty or there twice.
    pub fn need(&self, name: &str) -> Result<&str, Failure> {
        self.get(name)?.ok_or_else(|| Failure::BadRequest(format!("{name} is missing")))
    }

    /// The first name that is there twice.
    pub fn doubled(&self) -> Option<&str> {
        self.pairs
            .iter()
            .zip(self.pairs.iter().skip(1))
            .find(|(a, b)| a.0 == b.0)
            .map(|(a, _)| &*a.0)
    }

    /// The texts that the hash may cover: every parameter but `hash`, also the unknown ones,
    /// `name=value` joined by `&`. Empty values are left out; where there are any, a second
    /// text keeps them, because some senders do.
    pub fn signed_texts(&self) -> Vec<Cow<'static, [u8]>> {
        let mut texts = vec![Cow::Owned(self.joined(false))];
        if self.pairs.iter().any(|(name, value)| value.is_empty() && name != "hash") {
            texts.push(Cow::Owned(self.joined(true)));
        }
        texts
    }

    fn joined(&self, keep_empty: bool) -> Vec<u8> {
        let mut text = Vec::with_capacity(512);
        for (name, value) in &self.pairs {
            if name == "hash" || (value.is_empty() && !keep_empty) {
                continue;
            }
            if !text.is_empty() {
                text.push(b'&');
            }
            text.extend_from_slice(name.as_bytes());
            text.push(b'=');
            text.extend_from_slice(value.as_bytes());
        }
        text
    }

    /// The `hash` parameter, when it is there once.
    pub fn take_hash(self) -> Option<Cow<'a, str>> {
        let mut hashes = self.pairs.into_iter().filter(|(name, _)| name == "hash");
        let (_, hash) = hashes.next()?;
        hashes.next().is_none().then_some(hash)
    }
}

/// Decodes `+` and `%XX`.
fn decoded(raw: &[u8]) -> Result<Cow<'_, str>, Failure> {
    let plain = !raw.iter().any(|byte| matches!(byte, b'%' | b'+'));
    let text = if plain {
        std::str::from_utf8(raw).ok().map(Cow::Borrowed)
    } else {
        if !percent_signs_are_whole(raw) {
            return Err(Failure::BadRequest("broken percent-encoding".to_owned()));
        }
        let spaced: Vec<u8> = raw.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
        let text = percent_decode(&spaced).decode_utf8().ok().map(Cow::into_owned);
        text.map(Cow::Owned)
    };
    text.ok_or_else(|| Failure::BadRequest("not UTF-8".to_owned()))
}

fn percent_signs_are_whole(raw: &[u8]) -> bool {
    raw.split(|byte| *byte == b'%')
        .skip(1)
        .all(|after| after.get(..2).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)))
}
