//! What one address may take of something that everybody needs.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Something that there is so much of, and of which one address has a part at most.
#[derive(Debug)]
pub struct Shares {
    most: usize,
    most_of_one: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// What an address has taken; it is given back when this is dropped.
#[derive(Debug)]
pub struct Share {
    of: Arc<Shares>,
    address: IpAddr,
    amount: usize,
}

impl Shares {
    /// `most` in all, and `most_of_one` for one address.
    pub fn new(most: usize, most_of_one: usize) -> Arc<Self> {
        Arc::new(Self { most, most_of_one, taken: Mutex::default() })
    }

    /// Takes so much for an address. `None` where there is not so much, or not for that one.
    pub fn take(self: &Arc<Self>, address: IpAddr, amount: usize) -> Option<Share> {
        let address = network_of(address);
        let mut taken = self.taken();
        let all = taken.all.checked_add(amount).filter(|all| *all <= self.most)?;
        let own = taken.by_address.entry(address).or_default();
        match own.checked_add(amount).filter(|own| *own <= self.most_of_one) {
            Some(more) => *own = more,
            None => {
                if *own == 0 {
                    taken.by_address.remove(&address);
                }
                return None;
            }
        }
        taken.all = all;
        Some(Share { of: Arc::clone(self), address, amount })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever has one address of a /64 has them all.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() >> 64 << 64).into()),
        ip @ IpAddr::V4(_) => ip,
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.of.taken();
        taken.all = taken.all.saturating_sub(self.amount);
        if let Some(own) = taken.by_address.get_mut(&self.address) {
            *own = own.saturating_sub(self.amount);
            if *own == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_address_that_has_its_part_gets_no_more_and_others_do() {
        let shares = Shares::new(100, 10);
        let first: Vec<Share> = (0..2).filter_map(|_| shares.take(ip("192.0.2.1"), 5)).collect();
        assert_eq!(first.len(), 2);
        assert!(shares.take(ip("192.0.2.1"), 1).is_none());
        assert!(shares.take(ip("::ffff:192.0.2.1"), 1).is_none());
        assert!(shares.take(ip("192.0.2.2"), 10).is_some());
        drop(first);
        assert!(shares.take(ip("192.0.2.1"), 10).is_some());
    }

    #[test]
    fn all_addresses_of_a_network_are_one() {
        let shares = Shares::new(100, 10);
        let _first = shares.take(ip("2001:db8:0:1::1"), 10).expect("a share");
        assert!(shares.take(ip("2001:db8:0:1:ffff::2"), 1).is_none());
        assert!(shares.take(ip("2001:db8:0:2::1"), 10).is_some());
    }

    #[test]
    fn there_is_no_more_than_there_is_and_nothing_is_remembered_of_who_has_none() {
        let shares = Shares::new(15, 10);
        let held = [shares.take(ip("192.0.2.1"), 10), shares.take(ip("192.0.2.2"), 5)];
        assert!(held.iter().all(Option::is_some));
        assert!(shares.take(ip("192.0.2.3"), 1).is_none());
        assert!(shares.take(ip("192.0.2.3"), usize::MAX).is_none());
        drop(held);
        assert!(shares.taken().by_address.is_empty());
        assert_eq!(shares.taken().all, 0);
    }
}
