//! Numbers and names for the calls: cheap, and of the length that providers use.

use std::time::{SystemTime, UNIX_EPOCH};

/// xorshift64*: fast, and good enough to pick players.
pub struct Rng(u64);

impl Rng {
    pub fn new() -> Self {
        Self(since_epoch().as_nanos() as u64 | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }
}

/// How references follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As an ObjectId: seconds, machine, counter. What Pragmatic Play sends looks like this.
    Time,
    /// 96 random bits: the worst that an index can get.
    Random,
}

/// Makes references of 24 hexadecimal digits, each once.
pub struct References {
    order: Order,
    machine: u64,
    counter: u64,
}

pub type Reference = [u8; 24];

impl References {
    pub fn new(order: Order, rng: &mut Rng) -> Self {
        Self { order, machine: rng.next() >> 24, counter: 0 }
    }

    pub fn next(&mut self, rng: &mut Rng) -> Reference {
        self.counter += 1;
        let (high, low) = match self.order {
            Order::Time => {
                let seconds = since_epoch().as_secs() << 32;
                (
                    seconds | (self.machine >> 8),
                    ((self.machine & 0xff) << 24) | (self.counter % (1 << 24)),
                )
            }
            Order::Random => (rng.next(), rng.next() >> 32),
        };
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&high.to_be_bytes());
        bytes[8..].copy_from_slice(&(low as u32).to_be_bytes());
        let mut text = [0; 24];
        hex::encode_to_slice(bytes, &mut text).expect("24 digits for 12 bytes");
        text
    }
}

pub fn since_epoch() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
