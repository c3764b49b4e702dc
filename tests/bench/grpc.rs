//! Bets over gRPC, on connections that carry several calls at once: as lean as `http` is for
//! HTTP/1.1. It writes the frames of HTTP/2 itself and reads no more of a reply than its message:
//! a reply without one is a refusal.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;

use anyhow::Context;
use prost::Message as _;
use seamless_wallet::grpc::proto::{
    Debit, ExecuteRequest, ExecuteResponse, Movement, Outcome, movement,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::calls::{SECRET, TOKEN};
use super::http::Reply;
use super::traffic::{Caller, SharedPen};

/// Calls that a connection carries at once.
pub const STREAMS: usize = 8;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
/// The last frame of a stream; of PING and SETTINGS, an answer.
const END: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:method: POST` and `:scheme: http`, and then what the first call has put into the table.
const AS_BEFORE: &[u8] = &[0x83, 0x86, 0xc2, 0xc1, 0xc0, 0xbf, 0xbe];

pub struct Connection {
    stream: TcpStream,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    /// By their numbers, what has come of the calls that are not answered yet.
    open: HashMap<u32, Vec<u8>>,
    next: u32,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("connecting")?;
        stream.set_nodelay(true)?;
        let mut outbox = PREFACE.to_vec();
        frame(&mut outbox, SETTINGS, 0, 0, &[]);
        // Room for more replies than there will be.
        let room = (u32::MAX >> 1) - 65_535;
        frame(&mut outbox, WINDOW_UPDATE, 0, 0, &room.to_be_bytes());
        Ok(Self { stream, inbox: Vec::new(), outbox, open: HashMap::new(), next: 1 })
    }

    /// Adds a call to what is sent next; its number.
    pub fn ask(&mut self, message: &[u8]) -> u32 {
        let number = self.next;
        self.next += 2;
        let first = (number == 1).then(first_headers);
        let headers = first.as_deref().unwrap_or(AS_BEFORE);
        frame(&mut self.outbox, HEADERS, END_HEADERS, number, headers);
        frame(&mut self.outbox, DATA, END, number, message);
        self.open.insert(number, Vec::with_capacity(256));
        number
    }

    /// Sends what was asked, and waits for some of the replies: the messages by their numbers.
    pub async fn replies(&mut self) -> io::Result<Vec<(u32, Vec<u8>)>> {
        let mut replies = Vec::new();
        while replies.is_empty() {
            self.stream.write_all(&self.outbox).await?;
            self.outbox.clear();
            if self.stream.read_buf(&mut self.inbox).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut read = 0;
            while let Some(head) = self.inbox.get(read..read + 9) {
                let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
                let (kind, flags) = (head[3], head[4]);
                let number = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
                let Some(content) = self.inbox.get(read + 9..read + 9 + length) else { break };
                match kind {
                    DATA => {
                        if let Some(message) = self.open.get_mut(&number) {
                            message.extend_from_slice(content);
                        }
                    }
                    SETTINGS if flags & END == 0 => frame(&mut self.outbox, SETTINGS, END, 0, &[]),
                    PING if flags & END == 0 => frame(&mut self.outbox, PING, END, 0, content),
                    RST_STREAM | GOAWAY => return Err(io::ErrorKind::ConnectionAborted.into()),
                    _ => {}
                }
                if matches!(kind, DATA | HEADERS) && flags & END != 0 {
                    replies.extend(self.open.remove(&number).map(|message| (number, message)));
                }
                read += 9 + length;
            }
            self.inbox.drain(..read);
        }
        Ok(replies)
    }
}

fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, content: &[u8]) {
    out.extend_from_slice(&(content.len() as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(content);
}

/// Each of them is remembered by the other side, the last one under 62, the one before under 63 …
fn first_headers() -> Vec<u8> {
    let mut block = vec![0x83, 0x86];
    let mut add = |name: &[u8], value: &str| {
        block.extend_from_slice(name);
        block.push(value.len() as u8);
        block.extend_from_slice(value.as_bytes());
    };
    add(&[0x44], "/wallet.v1.WalletService/Execute");
    add(&[0x41], "wallet");
    add(b"\x40\x02te", "trailers");
    add(&[0x5f], "application/grpc");
    add(&[0x57], &format!("Bearer {SECRET}"));
    block
}

/// Bets, each of a random player, with the token that a callback's bet has, too.
pub struct Bets {
    pub pen: SharedPen,
    pub players: u64,
}

impl Caller for Bets {
    fn ask(&mut self, out: &mut Vec<u8>) {
        let spin = self.pen.borrow_mut().spin(self.players);
        let debit = Debit { amount_micros: spin.cents as i64 * 10_000, category: 0 };
        let bet = ExecuteRequest {
            player_id: spin.player.to_string(),
            currency: "EUR".to_owned(),
            movements: vec![Movement {
                tx_id: String::from_utf8_lossy(&spin.reference).into_owned(),
                action: Some(movement::Action::Debit(debit)),
                detail: "spin".to_owned(),
            }],
            session_token: format!("{TOKEN}{}", spin.player),
            game_id: "vs20olympgate".to_owned(),
            round_id: spin.round.to_string(),
            ..ExecuteRequest::default()
        };
        out.clear();
        out.push(0);
        out.extend_from_slice(&(bet.encoded_len() as u32).to_be_bytes());
        bet.encode(out).expect("a vector grows");
    }

    fn hear(&mut self, reply: &Reply<'_>) -> Result<u64, String> {
        let message = reply.body.get(5..).ok_or("no message")?;
        let executed = ExecuteResponse::decode(message).map_err(|error| error.to_string())?;
        let [result] = executed.results.as_slice() else { return Err(format!("{executed:?}")) };
        let done = result.outcome() == Outcome::Applied && result.entry.is_some();
        if done { Ok(1) } else { Err(format!("{executed:?}")) }
    }
}
