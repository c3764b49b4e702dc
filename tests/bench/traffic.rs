//! What one connection asks, call by call, and what it makes of the replies.

use std::cell::RefCell;
use std::rc::Rc;

use super::calls::{Expected, Pen, Spin, TransactionId, check};
use super::http::Reply;

/// Refused for want of money.
const INSUFFICIENT: u32 = 1;
/// More than any player has, in cents.
const TOO_MUCH: u64 = 9_999_999_900;

/// The kinds of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// Bets only, each of a random player.
    Bets { players: u64 },
    /// The same over gRPC.
    GrpcBets { players: u64 },
    /// Bets with their results; 5 % of the bets are refused, 2 % repeated, 1 % refunded.
    Pairs { players: u64 },
    /// The same references over and over.
    Repeats { of: Repeated, references: u64 },
}

/// What is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// A refund may have undone it since, behind Redis' back, and its provider wants to know: it is
    /// looked up.
    Bets,
    /// What Redis remembers of it is enough.
    Results,
}

/// One connection's part.
pub trait Caller {
    /// Writes the next request.
    fn ask(&mut self, out: &mut Vec<u8>);
    /// How many rows the reply to it acknowledges.
    ///
    /// # Errors
    /// What the reply said, where it is not as expected.
    fn hear(&mut self, reply: &Reply<'_>) -> Result<u64, String>;
}

pub type SharedPen = Rc<RefCell<Pen>>;

pub struct Bets {
    pub pen: SharedPen,
    pub players: u64,
}

impl Caller for Bets {
    fn ask(&mut self, out: &mut Vec<u8>) {
        let mut pen = self.pen.borrow_mut();
        let spin = pen.spin(self.players);
        pen.bet(&spin, out);
    }

    fn hear(&mut self, reply: &Reply<'_>) -> Result<u64, String> {
        check(reply, Expected::Done).map(|_| 1)
    }
}

/// What the next call of a [`Pairs`] is.
#[derive(Clone, Copy)]
enum Step {
    Bet,
    Refusal,
    Repeat(TransactionId),
    Result,
    Refund,
}

pub struct Pairs {
    pen: SharedPen,
    players: u64,
    step: Step,
    spin: Spin,
    /// The bet as it was sent, for its repeat.
    bet: Vec<u8>,
}

impl Pairs {
    pub fn new(pen: SharedPen, players: u64) -> Self {
        let spin = pen.borrow_mut().spin(players);
        Self { pen, players, step: Step::Bet, spin, bet: Vec::new() }
    }
}

impl Caller for Pairs {
    fn ask(&mut self, out: &mut Vec<u8>) {
        let mut pen = self.pen.borrow_mut();
        match self.step {
            Step::Bet | Step::Refusal => {
                self.spin = pen.spin(self.players);
                self.step = Step::Bet;
                if pen.rng.below(100) < 5 {
                    self.spin.cents = TOO_MUCH;
                    self.step = Step::Refusal;
                }
                pen.bet(&self.spin, out);
                self.bet.clone_from(out);
            }
            Step::Repeat(_) => out.clone_from(&self.bet),
            Step::Result => {
                let reference = pen.reference();
                let won = if pen.rng.below(10) < 3 { self.spin.cents * 3 } else { 0 };
                pen.result(&self.spin, &reference, won, out);
            }
            Step::Refund => pen.refund(&self.spin, out),
        }
    }

    fn hear(&mut self, reply: &Reply<'_>) -> Result<u64, String> {
        let (next, rows) = match self.step {
            Step::Bet => {
                let id = check(reply, Expected::Done)?.unwrap_or([0; 36]);
                let next = match self.pen.borrow_mut().rng.below(100) {
                    0 => Step::Refund,
                    1 | 2 => Step::Repeat(id),
                    _ => Step::Result,
                };
                (next, 1)
            }
            Step::Refusal => {
                check(reply, Expected::Refused(INSUFFICIENT)).map(|_| (Step::Bet, 1))?
            }
            Step::Repeat(id) => {
                check(reply, Expected::DoneBefore(id)).map(|_| (Step::Result, 0))?
            }
            Step::Result | Step::Refund => check(reply, Expected::Done).map(|_| (Step::Bet, 1))?,
        };
        self.step = next;
        Ok(rows)
    }
}

/// Calls that were answered before, with their transactions.
pub type Known = Rc<Vec<(Vec<u8>, TransactionId)>>;

pub struct Repeats {
    pub pen: SharedPen,
    pub known: Known,
    pub at: usize,
}

impl Caller for Repeats {
    fn ask(&mut self, out: &mut Vec<u8>) {
        self.at = self.pen.borrow_mut().rng.below(self.known.len() as u64) as usize;
        out.clone_from(&self.known[self.at].0);
    }

    fn hear(&mut self, reply: &Reply<'_>) -> Result<u64, String> {
        check(reply, Expected::DoneBefore(self.known[self.at].1)).map(|_| 0)
    }
}
