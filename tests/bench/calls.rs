//! Pragmatic Play's calls, written and signed as the provider does, and what a reply says.

use std::io::Write as _;

use md5::{Digest, Md5};

use super::http::{Reply, find, number};
use super::ids::{Order, Reference, References, Rng, since_epoch};

/// What the nodes verify with.
pub const SECRET: &str = "bench-secret";
/// The first of the players, whose ids are numbers of ten digits.
pub const FIRST_PLAYER: u64 = 1_000_000_000;
/// What a session's token begins with; the player's id follows.
pub const TOKEN: &str = "session-token-of-";

/// One spin of one player.
#[derive(Clone, Copy)]
pub struct Spin {
    pub player: u64,
    pub round: u64,
    pub reference: Reference,
    pub cents: u64,
}

/// Writes calls. Shared by all connections of a run.
pub struct Pen {
    pub rng: Rng,
    references: References,
    round: u64,
    body: Vec<u8>,
}

impl Pen {
    pub fn new(order: Order) -> Self {
        let mut rng = Rng::new();
        let references = References::new(order, &mut rng);
        let round = since_epoch().as_millis() as u64 % 1_000_000_000_000 * 1_000;
        Self { rng, references, round, body: Vec::with_capacity(512) }
    }

    /// A stake between 0.01 and 1.00 of one of the first `players` players.
    pub fn spin(&mut self, players: u64) -> Spin {
        self.round += 1;
        Spin {
            player: FIRST_PLAYER + self.rng.below(players),
            round: self.round,
            reference: self.references.next(&mut self.rng),
            cents: 1 + self.rng.below(100),
        }
    }

    pub fn reference(&mut self) -> Reference {
        self.references.next(&mut self.rng)
    }

    pub fn bet(&mut self, spin: &Spin, out: &mut Vec<u8>) {
        self.movement("bet", spin, &spin.reference, spin.cents, true, out);
    }

    /// The win of a spin, which may be zero, under a reference of its own.
    pub fn result(&mut self, spin: &Spin, reference: &Reference, cents: u64, out: &mut Vec<u8>) {
        self.movement("result", spin, reference, cents, false, out);
    }

    pub fn refund(&mut self, spin: &Spin, out: &mut Vec<u8>) {
        let Spin { player, round, reference, .. } = spin;
        self.body.clear();
        let _ = write!(
            self.body,
            "gameId=vs20olympgate&platform=WEB&providerId=PragmaticPlay&reference={}\
             &roundId={round}&timestamp={}&userId={player}",
            text(reference),
            since_epoch().as_millis()
        );
        self.finish("refund", out);
    }

    fn movement(
        &mut self,
        method: &str,
        spin: &Spin,
        reference: &Reference,
        cents: u64,
        with_token: bool,
        out: &mut Vec<u8>,
    ) {
        let Spin { player, round, .. } = spin;
        self.body.clear();
        // In the order of the names: so the body is also the text that is signed.
        let _ = write!(
            self.body,
            "amount={}.{:02}&gameId=vs20olympgate&language=en&platform=WEB\
             &providerId=PragmaticPlay&reference={}&roundDetails=spin&roundId={round}\
             &timestamp={}",
            cents / 100,
            cents % 100,
            text(reference),
            since_epoch().as_millis()
        );
        if with_token {
            let _ = write!(self.body, "&token={TOKEN}{player}");
        }
        let _ = write!(self.body, "&userId={player}");
        self.finish(method, out);
    }

    fn finish(&mut self, method: &str, out: &mut Vec<u8>) {
        let hash = Md5::new().chain_update(&self.body).chain_update(SECRET).finalize();
        let mut digits = [0; 32];
        hex::encode_to_slice(hash, &mut digits).expect("32 digits for 16 bytes");
        out.clear();
        let _ = write!(
            out,
            "POST /pragmatic/{method}.html HTTP/1.1\r\nhost: wallet\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n",
            self.body.len() + 6 + digits.len()
        );
        out.extend_from_slice(&self.body);
        out.extend_from_slice(b"&hash=");
        out.extend_from_slice(&digits);
    }
}

fn text(reference: &Reference) -> &str {
    std::str::from_utf8(reference).unwrap_or_default()
}

/// The operator's id for a movement: a UUID, with or without its dashes.
pub type TransactionId = [u8; 36];

/// What is expected of a reply.
#[derive(Clone, Copy)]
pub enum Expected {
    Done,
    /// Done, and the same transaction as before.
    DoneBefore(TransactionId),
    /// Refused with this code.
    Refused(u32),
}

/// Checks a reply.
///
/// # Errors
/// What it said instead.
pub fn check(reply: &Reply<'_>, expected: Expected) -> Result<Option<TransactionId>, String> {
    let error = find(reply.body, b"\"error\":").and_then(|at| number(&reply.body[at + 8..]));
    let id = transaction_id(reply.body);
    let as_expected = reply.status == 200
        && match expected {
            Expected::Done => error == Some(0) && id.is_some(),
            Expected::DoneBefore(first) => error == Some(0) && id == Some(first),
            Expected::Refused(code) => error == Some(code) && id.is_none(),
        };
    if as_expected {
        return Ok(id);
    }
    Err(format!("HTTP {}: {}", reply.status, String::from_utf8_lossy(reply.body)))
}

fn transaction_id(body: &[u8]) -> Option<TransactionId> {
    let rest = &body[find(body, b"\"transactionId\":\"")? + 17..];
    let length = rest.iter().position(|byte| *byte == b'"')?;
    let mut id = [0; 36];
    id.get_mut(..length).filter(|_| length >= 32)?.copy_from_slice(&rest[..length]);
    Some(id)
}
