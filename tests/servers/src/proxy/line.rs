//! The line between clients and the server: what holds for all connections.

use std::net::{Ipv4Addr, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::{Ending, Trap, Way};

/// How much is taken in at a time.
const PIECE_BYTES_MAX: usize = 64 << 10;

/// The same on a narrow line, as a part of what goes through in a second: so that it is even.
const PIECES_PER_SECOND: u64 = 50;

/// What all connections share.
#[derive(Debug)]
pub(super) struct Line {
    port: u16,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each comes and goes without the others")]
pub(super) struct State {
    pub(super) delay: Duration,
    pub(super) rate: Option<u64>,
    /// Whether connections are refused, or are about to be.
    pub(super) refuses: bool,
    pub(super) is_listening: bool,
    pub(super) is_silent: bool,
    pub(super) is_over: bool,
    pub(super) bytes_until_cut: Option<u64>,
    pub(super) traps: Vec<Trap>,
    pub(super) caught: u32,
    pub(super) cuts: u32,
    pub(super) connections_made: u64,
    /// By way.
    pub(super) bytes: [u64; 2],
    /// When all that was taken in has gone through, by way.
    free_at: [Option<Instant>; 2],
    connections: Vec<Weak<Connection>>,
}

impl Line {
    pub(super) fn new(port: u16) -> Self {
        let state = State { is_listening: true, ..State::default() };
        Self { port, state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changed.notify_all();
        changed
    }

    pub(super) fn wait(&self, mut until: impl FnMut(&State) -> bool) {
        let state = self.lock();
        let waited = self.changed.wait_while(state, |state| !until(state));
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Notes a connection, unless they are refused by now.
    pub(super) fn add(&self, connection: Weak<Connection>) -> bool {
        self.change(|state| {
            state.connections.retain(|other| other.strong_count() > 0);
            state.connections.push(connection);
            state.connections_made += 1;
            !state.refuses
        })
    }

    /// Cuts if enough bytes have come through, and nobody else did.
    pub(super) fn cut_if_due(&self) {
        let is_due = self.change(|state| {
            state.bytes_until_cut.take_if(|left| *left == 0).map(|_| state.refuses = true).is_some()
        });
        if is_due {
            self.cut();
        }
    }

    /// Refuses connections and closes those that are there. Does not wait until nobody listens.
    pub(super) fn cut(&self) {
        self.change(|state| (state.refuses, state.cuts) = (true, state.cuts + 1));
        self.end_all(Ending::Close);
        // Wakes whoever listens.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
    }

    pub(super) fn end_all(&self, ending: Ending) {
        let connections = self.change(|state| std::mem::take(&mut state.connections));
        for connection in connections.iter().filter_map(Weak::upgrade) {
            connection.end(ending);
        }
        // Those that wait look again.
        self.changed.notify_all();
        // All of them are gone when this returns.
        while connections.iter().any(|connection| connection.strong_count() > 0) {
            std::thread::yield_now();
        }
    }

    /// How much may be taken in at a time.
    pub(super) fn piece_bytes(&self) -> usize {
        let rate = self.look(|state| state.rate);
        let even = rate.map_or(u64::MAX, |rate| rate / PIECES_PER_SECOND);
        usize::try_from(even).unwrap_or(usize::MAX).clamp(1, PIECE_BYTES_MAX)
    }

    /// When bytes that came just now are on the line, where others may be before them.
    pub(super) fn pass(&self, way: Way, bytes: usize) -> Instant {
        self.change(|state| {
            state.bytes[way as usize] += bytes as u64;
            let now = Instant::now();
            let Some(rate) = state.rate else { return now };
            let begins = state.free_at[way as usize].map_or(now, |free_at| free_at.max(now));
            let passed = begins + Duration::from_secs_f64(bytes as f64 / rate as f64);
            state.free_at[way as usize] = Some(passed);
            passed
        })
    }

    /// How many of these bytes of a request still come through, if the line is cut then.
    pub(super) fn until_cut(&self, bytes: usize) -> Option<usize> {
        self.change(|state| {
            let left = state.bytes_until_cut.as_mut()?;
            let last = (bytes as u64).min(*left);
            *left -= last;
            (*left == 0).then_some(last as usize)
        })
    }

    /// The trap that a request is caught in, if it is.
    pub(super) fn trap(&self, beginning: &[u8]) -> Option<Trap> {
        self.change(|state| {
            let has = |trap: &Trap| {
                let text = trap.request.as_bytes();
                trap.times > 0 && beginning.windows(text.len().max(1)).any(|window| window == text)
            };
            let trap = state.traps.iter_mut().find(|trap| has(trap))?;
            trap.times -= 1;
            Some(trap.clone())
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
