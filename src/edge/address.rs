//! Whose address a call comes from: the peer's or, behind proxies that are trusted, the last one
//! that none of them wrote.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// Where proxies write whom they speak for, each behind the one before.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The caller's address. `None` where a trusted proxy says something that is no address: then
/// nobody can say who calls.
pub fn caller(trusted: &[IpNet], peer: SocketAddr, headers: &HeaderMap) -> Option<IpAddr> {
    let is_trusted = |ip: &IpAddr| contains(trusted, ip);
    let mut caller = peer.ip().to_canonical();
    // Several headers are one list, as the standard has it.
    let lists = headers.get_all(FORWARDED_FOR).iter().rev();
    let hops = lists.flat_map(|list| list.as_bytes().rsplit(|byte| *byte == b','));
    for hop in hops {
        let hop = hop.trim_ascii();
        if !is_trusted(&caller) {
            break;
        }
        // A proxy that adds to an empty list.
        if !hop.is_empty() {
            caller = std::str::from_utf8(hop).ok().and_then(parse)?;
        }
    }
    Some(caller)
}

/// True for an address of one of the networks.
pub fn contains(networks: &[IpNet], ip: &IpAddr) -> bool {
    networks.iter().any(|network| network.contains(ip))
}

/// An address as proxies write it: bare, in brackets, with a port, with a zone, in quotes.
fn parse(text: &str) -> Option<IpAddr> {
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let ip = if let Some(rest) = text.strip_prefix('[') {
        let (ip, port) = rest.split_once(']')?;
        let port_is_good = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        ip_v6(ip).filter(|_| port_is_good)?
    } else if let Some((ip, port)) = text.split_once(':').filter(|(ip, _)| ip.contains('.')) {
        ip.parse().ok().map(IpAddr::V4).filter(|_| is_port(port))?
    } else {
        text.parse().ok().or_else(|| ip_v6(text))?
    };
    Some(ip.to_canonical())
}

/// A zone says which of the proxy's own links it is.
fn ip_v6(text: &str) -> Option<IpAddr> {
    let ip = text.split_once('%').map_or(text, |(ip, _)| ip);
    Some(IpAddr::V6(ip.parse().ok()?))
}

fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn networks(list: &[&str]) -> Vec<IpNet> {
        list.iter().map(|network| network.parse().expect("a network")).collect()
    }

    fn headers(lists: &[&[u8]]) -> HeaderMap {
        let value = |list: &&[u8]| HeaderValue::from_bytes(list).expect("a header");
        lists
            .iter()
            .map(|list| (axum::http::HeaderName::from_static(FORWARDED_FOR), value(list)))
            .collect()
    }

    fn called_by(peer: &str, lists: &[&[u8]]) -> Option<String> {
        let trusted = networks(&["10.0.0.0/8", "fd00::/8"]);
        let peer = SocketAddr::new(peer.parse().expect("an address"), 4711);
        caller(&trusted, peer, &headers(lists)).map(|ip| ip.to_string())
    }

    #[test]
    fn every_common_way_of_writing_an_address_is_read() {
        let written: [(&[u8], &str); 13] = [
            (b"203.0.113.7", "203.0.113.7"),
            (b"203.0.113.7:51234", "203.0.113.7"),
            (b"\"203.0.113.7:80\"", "203.0.113.7"),
            (b" 203.0.113.7 ", "203.0.113.7"),
            (b"2001:db8::7", "2001:db8::7"),
            (b"[2001:db8::7]", "2001:db8::7"),
            (b"[2001:db8::7]:443", "2001:db8::7"),
            (b"\"[2001:db8::7]:443\"", "2001:db8::7"),
            (b"fe80::1%eth0", "fe80::1"),
            (b"[fe80::1%eth0]:80", "fe80::1"),
            (b"::ffff:203.0.113.7", "203.0.113.7"),
            (b"[::ffff:203.0.113.7]:80", "203.0.113.7"),
            (b"203.0.113.7,", "203.0.113.7"),
        ];
        for (written, read) in written {
            let text = String::from_utf8_lossy(written);
            assert_eq!(called_by("10.0.0.1", &[written]).as_deref(), Some(read), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_nobodys() {
        for written in [
            &b"unknown"[..],
            b"_hidden",
            b"203.0.113",
            b"203.0.113.7:",
            b"203.0.113.7:x",
            b"[::1",
            b"[::1]x",
            b"1.2.3.4:123456",
            b"\xff",
        ] {
            assert_eq!(called_by("10.0.0.1", &[written]), None, "{written:?}");
        }
    }

    #[test]
    fn the_last_address_that_no_trusted_proxy_wrote_is_the_callers() {
        type Case<'a> = (&'a str, &'a [&'a [u8]], Option<&'a str>);
        let cases: [Case<'_>; 9] = [
            ("198.51.100.1", &[b"203.0.113.7"], Some("198.51.100.1")),
            ("10.0.0.1", &[], Some("10.0.0.1")),
            ("10.0.0.1", &[b"203.0.113.7"], Some("203.0.113.7")),
            ("10.0.0.1", &[b"1.1.1.1, 203.0.113.7"], Some("203.0.113.7")),
            ("10.0.0.1", &[b"1.1.1.1, 203.0.113.7, 10.0.0.2:80"], Some("203.0.113.7")),
            ("10.0.0.1", &[b"1.1.1.1", b"203.0.113.7", b"10.0.0.2"], Some("203.0.113.7")),
            // What a stranger wrote before it is not looked at, whatever it is.
            ("10.0.0.1", &[b"nonsense, 203.0.113.7"], Some("203.0.113.7")),
            ("::ffff:10.0.0.1", &[b"203.0.113.7"], Some("203.0.113.7")),
            ("fd00::1", &[b"[fd00::2]:1, 10.3.2.1"], Some("fd00::2")),
        ];
        for (peer, lists, who) in cases {
            assert_eq!(called_by(peer, lists).as_deref(), who, "{peer} {lists:?}");
        }
    }
}
