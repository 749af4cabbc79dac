//! A connection through the proxy: for each way a thread that takes in and one that gives out.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_linger;

use super::line::Line;
use super::{Ending, Trap, Way};

/// How often somebody who waits for the other side looks whether the connection is over.
const POLL: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(super) struct Connection {
    line: Arc<Line>,
    began: Instant,
    client: TcpStream,
    server: TcpStream,
    exchange: Mutex<Exchange>,
    is_stalled: AtomicBool,
    is_over: AtomicBool,
}

/// A request and its answer, as far as they have come.
#[derive(Debug)]
struct Exchange {
    last: Way,
    /// By way.
    bytes: [u64; 2],
    trap: Option<Trap>,
}

/// What one thread hands to the other.
enum Piece {
    Bytes(Vec<u8>, Instant),
    Finished,
    Ending(Ending),
    Cut,
}

impl Connection {
    pub(super) fn begin(line: Arc<Line>, client: TcpStream, server: TcpStream) {
        for stream in [&client, &server] {
            stream.set_nodelay(true).expect("a connection takes options");
            stream.set_write_timeout(Some(POLL)).expect("a connection takes options");
        }
        let exchange = Exchange { last: Way::Answer, bytes: [0; 2], trap: None };
        let connection = Arc::new(Self {
            line,
            began: Instant::now(),
            client,
            server,
            exchange: Mutex::new(exchange),
            is_stalled: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        });
        if !connection.line.add(Arc::downgrade(&connection)) {
            return;
        }
        for way in [Way::Request, Way::Answer] {
            let (pieces, queue) = channel();
            let (one, other) = (connection.clone(), connection.clone());
            thread::spawn(move || one.take_in(way, &pieces));
            thread::spawn(move || other.give_out(way, &queue));
        }
    }

    /// Ends it, or makes it silent. It is closed when both its ways have noticed.
    pub(super) fn end(&self, ending: Ending) {
        if ending == Ending::Stall {
            self.is_stalled.store(true, Relaxed);
            return;
        }
        self.is_over.store(true, Relaxed);
        for stream in [&self.client, &self.server] {
            // It may be closed already.
            drop(match ending {
                // Wakes whoever reads, and says nothing to the other side: closing does.
                Ending::Reset => {
                    let _is_set = set_socket_linger(stream, Some(Duration::ZERO));
                    stream.shutdown(Shutdown::Read)
                }
                Ending::Close | Ending::Stall => stream.shutdown(Shutdown::Both),
            });
        }
    }

    fn take_in(&self, way: Way, pieces: &Sender<Piece>) {
        let mut from = match way {
            Way::Request => &self.client,
            Way::Answer => &self.server,
        };
        let mut buffer = vec![0; self.line.piece_bytes()];
        // Whoever gives out may be gone, which ends this with the next piece.
        loop {
            buffer.resize(self.line.piece_bytes(), 0);
            let taken = match from.read(&mut buffer) {
                Ok(0) => return drop(pieces.send(Piece::Finished)),
                Ok(bytes) => &buffer[..bytes],
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return self.end(Ending::Close),
            };
            let (passing, last) = self.judge(way, taken);
            let on_line = self.line.pass(way, passing);
            let piece = Piece::Bytes(taken[..passing].to_vec(), self.arrival(way, on_line));
            if pieces.send(piece).is_err() || last.is_some_and(|last| pieces.send(last).is_err()) {
                return;
            }
            // A narrow line takes nothing more meanwhile.
            thread::sleep(on_line.saturating_duration_since(Instant::now()));
            self.wait_while_silent();
        }
    }

    /// How much of what was taken in comes through, and what comes after it.
    fn judge(&self, way: Way, taken: &[u8]) -> (usize, Option<Piece>) {
        let mut exchange = self.exchange.lock().unwrap_or_else(PoisonError::into_inner);
        if way == Way::Request && exchange.last == Way::Answer {
            *exchange = Exchange { last: way, bytes: [0; 2], trap: self.line.trap(taken) };
        }
        exchange.last = way;
        let before = exchange.bytes[way as usize];
        exchange.bytes[way as usize] += taken.len() as u64;
        if let Some(trap) = &exchange.trap
            && trap.way == way
            && exchange.bytes[way as usize] > trap.bytes
        {
            self.line.change(|state| state.caught += u32::from(before <= trap.bytes));
            let passing = trap.bytes.saturating_sub(before) as usize;
            return (passing, Some(Piece::Ending(trap.ending)));
        }
        drop(exchange);
        match way {
            Way::Request => match self.line.until_cut(taken.len()) {
                Some(last) => (last, Some(Piece::Cut)),
                None => (taken.len(), None),
            },
            Way::Answer => (taken.len(), None),
        }
    }

    /// When bytes come out at the other end.
    fn arrival(&self, way: Way, on_line: Instant) -> Instant {
        let delay = self.line.look(|state| state.delay);
        // A client hears that it is connected, and sends, after one round trip.
        let connected = match way {
            Way::Request => self.began + delay * 2,
            Way::Answer => self.began,
        };
        on_line.max(connected) + delay
    }

    fn give_out(&self, way: Way, queue: &Receiver<Piece>) {
        for piece in queue {
            // Such as one that says that the other side has finished, where it was only woken.
            if self.is_over.load(Relaxed) {
                return;
            }
            let done = match piece {
                Piece::Bytes(bytes, at) => {
                    thread::sleep(at.saturating_duration_since(Instant::now()));
                    self.wait_while_silent();
                    self.write(way, &bytes)
                }
                Piece::Finished => self.to(way).shutdown(Shutdown::Write),
                Piece::Ending(ending) => {
                    self.end(ending);
                    Ok(())
                }
                Piece::Cut => {
                    // It waits until this connection is gone, too.
                    let line = self.line.clone();
                    thread::spawn(move || line.cut_if_due());
                    return;
                }
            };
            if done.is_err() {
                self.end(Ending::Close);
            }
        }
    }

    fn wait_while_silent(&self) {
        self.line.wait(|state| !state.is_silent || self.is_over.load(Relaxed));
    }

    /// Writes what is left, unless the connection is over or nothing comes through it any more.
    fn write(&self, way: Way, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() && !self.is_over.load(Relaxed) && !self.is_stalled.load(Relaxed) {
            match self.to(way).write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn to(&self, way: Way) -> &TcpStream {
        match way {
            Way::Request => &self.server,
            Way::Answer => &self.client,
        }
    }
}
