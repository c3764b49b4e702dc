//! Ports of one's own, for servers that must be found again where they were.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that the system gives to whoever asks for any.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// An address on the loopback where nobody listens, and that is given to nobody else here.
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Runs side by side start at different places.
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).expect("below it");
    for _ in 0..COUNT {
        let at = (start + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + at));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no port is free from {FIRST} on");
}
