//! Ports that are free.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

/// Below those that the system hands out to connections, so that no connection takes one between
/// the moment that it was found free and the moment that a server listens there.
const PORTS: std::ops::Range<u64> = 10_240..32_000;

/// A port of the loopback address that nobody listens on.
pub(crate) fn free() -> u16 {
    loop {
        // By chance, so that tests in other processes look elsewhere.
        let number = RandomState::new().hash_one(0);
        let port = PORTS.start + number % (PORTS.end - PORTS.start);
        let port = u16::try_from(port).expect("all of them are ports");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
