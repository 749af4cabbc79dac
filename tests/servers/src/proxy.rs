//! A network that can be made worse while it is used: a proxy in front of any server of this machine.
//!
//! What is asked of it holds from then on, for connections that are there and for new ones. A delay
//! is a line that is long, not one that is narrow: each byte comes so much later, and any number of
//! them are on their way. A rate is that of the line, which all connections share.
//!
//! Threads and nothing else, so that it serves tests with and without a runtime.

mod connection;
mod line;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use self::connection::Connection;
use self::line::Line;
use crate::port;

/// A way of bytes through the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    Request,
    /// From the server to the client.
    Answer,
}

/// How a connection that was caught ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It is closed, as by a program that ended.
    Close,
    /// It is reset, as by a machine that knows nothing of it.
    Reset,
    /// It stays open, and nothing comes through it any more.
    Stall,
}

/// Catches a request, lets so much of it or of its answer through, and ends its connection.
#[derive(Clone, Debug)]
pub struct Trap {
    /// What the beginning of the request has in it, such as `PUT /bucket/`.
    pub request: String,
    /// Which of the two is cut off. An answer is cut off when its first byte has come, so that the
    /// server has done what it was asked.
    pub way: Way,
    /// How many bytes are let through.
    pub bytes: u64,
    /// What happens then.
    pub ending: Ending,
    /// How many requests are caught.
    pub times: u32,
}

/// A proxy on a port of its own, gone when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    line: Arc<Line>,
    acceptor: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts one in front of a port of the loopback address.
    pub fn start(server: u16) -> Self {
        let (listener, port) = loop {
            let port = port::free();
            if let Ok(listener) = listen(port) {
                break (listener, port);
            }
        };
        let line = Arc::new(Line::new(port));
        let acceptor = thread::spawn({
            let line = line.clone();
            move || accept(listener, &line, server)
        });
        Self { port, line, acceptor: Some(acceptor) }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it listens, for servers that speak HTTP.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Each byte comes so much later, either way; and to connect takes as long as on such a line.
    pub fn set_delay(&self, each_way: Duration) {
        self.line.change(|state| state.delay = each_way);
    }

    /// So many bytes go through in a second, each way, of all connections together.
    pub fn set_rate(&self, bytes_per_second: Option<u64>) {
        self.line.change(|state| state.rate = bytes_per_second);
    }

    /// Closes all connections and refuses new ones, until [`mend`](Self::mend).
    pub fn cut(&self) {
        self.line.cut();
        self.line.wait(|state| !state.is_listening);
    }

    /// The same when so many more bytes of requests have come through.
    pub fn cut_after(&self, bytes: u64) {
        self.line.change(|state| state.bytes_until_cut = Some(bytes));
    }

    /// Waits until [`cut_after`](Self::cut_after) has come to pass.
    pub fn wait_until_cut(&self) {
        self.line.wait(|state| state.refuses && !state.is_listening);
    }

    /// Lets nothing through and closes nothing, until [`mend`](Self::mend); then it goes on where it
    /// was.
    pub fn silence(&self) {
        self.line.change(|state| state.is_silent = true);
    }

    /// Takes connections again, and lets bytes through.
    pub fn mend(&self) {
        self.line.change(|state| {
            (state.refuses, state.is_silent, state.bytes_until_cut) = (false, false, None);
        });
        self.line.wait(|state| state.is_listening);
    }

    /// Resets all connections that are there.
    pub fn reset(&self) {
        self.line.end_all(Ending::Reset);
    }

    /// Sets a trap.
    pub fn set_trap(&self, trap: Trap) {
        self.line.change(|state| state.traps.push(trap));
    }

    /// How often the line was cut.
    pub fn cuts(&self) -> u32 {
        self.line.look(|state| state.cuts)
    }

    /// How many requests were caught in traps.
    pub fn caught(&self) -> u32 {
        self.line.look(|state| state.caught)
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> u64 {
        self.line.look(|state| state.connections_made)
    }

    /// How many bytes came so far from one side for the other.
    pub fn bytes(&self, way: Way) -> u64 {
        self.line.look(|state| state.bytes[way as usize])
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.line.change(|state| state.is_over = true);
        self.line.cut();
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
    }
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

/// Takes connections while they are not refused. Refused they are by nobody who listens.
fn accept(listener: TcpListener, line: &Arc<Line>, server: u16) {
    let mut listener = Some(listener);
    loop {
        line.wait(|state| !state.refuses || state.is_over);
        if line.look(|state| state.is_over) {
            return;
        }
        let port = line.port();
        let listener = listener.take().unwrap_or_else(|| listen(port).expect("the port is ours"));
        line.change(|state| state.is_listening = true);
        loop {
            let accepted = listener.accept();
            // Perhaps it is only what wakes this thread up.
            if line.look(|state| state.refuses) {
                break;
            }
            if let Ok((client, _)) = accepted
                && let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server))
            {
                Connection::begin(line.clone(), client, server);
            }
        }
        drop(listener);
        line.change(|state| state.is_listening = false);
    }
}
