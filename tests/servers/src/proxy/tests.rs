//! The proxy in front of a server that sends back what it is sent.

use super::*;
use std::io::{ErrorKind, Read as _, Write as _};
use std::time::Instant;

/// Longer than anything here takes, so that a test that waits in vain ends.
const PATIENCE: Duration = Duration::from_secs(30);

/// The port of a server that sends back what it is sent.
fn echo() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let connection = connection.unwrap();
            connection.set_nodelay(true).unwrap();
            thread::spawn(move || drop(std::io::copy(&mut &connection, &mut &connection)));
        }
    });
    port
}

fn connect(proxy: &Proxy) -> TcpStream {
    let connection = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
    connection.set_nodelay(true).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection
}

fn send(mut connection: &TcpStream, bytes: &[u8]) {
    connection.write_all(bytes).unwrap();
}

fn read(mut connection: &TcpStream, bytes: usize) -> Vec<u8> {
    let mut content = vec![0; bytes];
    connection.read_exact(&mut content).unwrap();
    content
}

/// How a connection ends, and what came before.
fn ending(mut connection: &TcpStream) -> (Vec<u8>, std::io::Result<()>) {
    let mut content = Vec::new();
    let ended = connection.read_to_end(&mut content).map(|_| ());
    (content, ended)
}

#[test]
fn what_is_sent_comes_out_on_the_other_side_and_so_does_its_end() {
    let proxy = Proxy::start(echo());
    let connection = connect(&proxy);
    let content: Vec<u8> = (0..3_000_000_u32).map(|number| number as u8).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            send(&connection, &content);
            connection.shutdown(std::net::Shutdown::Write).unwrap();
        });
        let (echoed, ended) = ending(&connection);
        ended.unwrap();
        assert!(echoed == content);
    });
    assert_eq!((proxy.bytes(Way::Request), proxy.bytes(Way::Answer)), (3_000_000, 3_000_000));
    assert_eq!(proxy.connections(), 1);
}

#[test]
fn a_delay_is_there_each_way_and_many_pieces_are_on_their_way_at_once() {
    let delay = Duration::from_millis(60);
    let proxy = Proxy::start(echo());
    proxy.set_delay(delay);
    let connection = connect(&proxy);
    // Connecting takes a round trip, too.
    for round_trips in [2, 1] {
        let began = Instant::now();
        send(&connection, b"a");
        read(&connection, 1);
        assert!(began.elapsed() >= delay * 2 * round_trips, "{:?}", began.elapsed());
    }
    let began = Instant::now();
    let pieces = 200;
    for _ in 0..pieces {
        send(&connection, b"a");
        // Each is a piece of its own.
        thread::sleep(Duration::from_micros(500));
    }
    read(&connection, pieces as usize);
    assert!(began.elapsed() < delay * pieces / 4, "{:?}", began.elapsed());
    proxy.set_delay(Duration::ZERO);
    send(&connection, b"b");
    assert_eq!(read(&connection, 1), b"b");
}

#[test]
fn a_line_that_is_cut_closes_and_refuses_until_it_is_mended() {
    let proxy = Proxy::start(echo());
    let connection = connect(&proxy);
    send(&connection, b"a");
    assert_eq!(read(&connection, 1), b"a");
    proxy.cut();
    assert_eq!(ending(&connection).0, b"");
    let refused = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    proxy.mend();
    let connection = connect(&proxy);
    send(&connection, b"b");
    assert_eq!(read(&connection, 1), b"b");
}

#[test]
fn a_line_that_is_cut_after_so_many_bytes_lets_exactly_these_through() {
    let proxy = Proxy::start(echo());
    proxy.cut_after(1000);
    let connection = connect(&proxy);
    // The rest may find nobody.
    drop((&connection).write_all(&[7; 4000]));
    proxy.wait_until_cut();
    assert_eq!((proxy.bytes(Way::Request), proxy.cuts()), (1000, 1));
    proxy.mend();
    let connection = connect(&proxy);
    send(&connection, b"b");
    assert_eq!(read(&connection, 1), b"b");
}

#[test]
fn a_narrow_line_takes_as_long_as_its_rate_says_whoever_shares_it() {
    let (rate, bytes) = (1_000_000, 100_000);
    let proxy = Proxy::start(echo());
    proxy.set_rate(Some(rate));
    let connections = [connect(&proxy), connect(&proxy)];
    let began = Instant::now();
    thread::scope(|scope| {
        for connection in &connections {
            scope.spawn(|| send(connection, &vec![7; bytes]));
            scope.spawn(|| read(connection, bytes));
        }
    });
    let least = Duration::from_secs_f64(2.0 * bytes as f64 / rate as f64);
    assert!(began.elapsed() >= least, "{:?}", began.elapsed());
}

#[test]
fn connections_that_are_there_are_reset_and_new_ones_are_taken() {
    let proxy = Proxy::start(echo());
    let connection = connect(&proxy);
    send(&connection, b"a");
    read(&connection, 1);
    proxy.reset();
    assert_eq!(ending(&connection).1.unwrap_err().kind(), ErrorKind::ConnectionReset);
    send(&connect(&proxy), b"b");
}

#[test]
fn a_line_that_is_silent_goes_on_where_it_was() {
    let proxy = Proxy::start(echo());
    let connection = connect(&proxy);
    proxy.silence();
    send(&connection, b"a");
    connection.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let nothing = (&connection).read(&mut [0]).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    proxy.mend();
    assert_eq!(read(&connection, 1), b"a");
    // Nobody waits for a silent one that is reset.
    proxy.silence();
    send(&connection, b"b");
    proxy.reset();
    assert_eq!(ending(&connection).0, b"");
}

fn trap(way: Way, bytes: u64, ending: Ending) -> Trap {
    Trap { request: "caught".to_owned(), way, bytes, ending, times: 1 }
}

#[test]
fn the_answer_to_a_request_that_is_caught_is_cut_off_and_others_are_not() {
    for (kind, ended) in [
        (Ending::Close, None),
        (Ending::Reset, Some(ErrorKind::ConnectionReset)),
        (Ending::Stall, Some(ErrorKind::WouldBlock)),
    ] {
        let proxy = Proxy::start(echo());
        proxy.set_trap(trap(Way::Answer, 3, kind));
        let connection = connect(&proxy);
        send(&connection, b"another");
        assert_eq!(read(&connection, 7), b"another");
        send(&connection, b"is caught");
        if kind == Ending::Stall {
            connection.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        }
        let (content, result) = ending(&connection);
        // What was on its way when a connection is reset may be lost with it.
        assert!(content == b"is " || kind == Ending::Reset, "{kind:?}: {content:?}");
        assert_eq!(result.err().map(|error| error.kind()), ended, "{kind:?}");
        assert_eq!(proxy.caught(), 1);
        let connection = connect(&proxy);
        send(&connection, b"is not caught");
        assert_eq!(read(&connection, 13), b"is not caught");
        assert_eq!(proxy.caught(), 1);
    }
}

#[test]
fn a_request_that_is_caught_comes_as_far_as_it_is_let() {
    for kind in [Ending::Close, Ending::Reset, Ending::Stall] {
        let proxy = Proxy::start(echo());
        proxy.set_trap(trap(Way::Request, 3, kind));
        let connection = connect(&proxy);
        connection.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        send(&connection, b"is caught");
        let (content, ended) = ending(&connection);
        // What came may be on its way back as the connection ends.
        assert!(b"is ".starts_with(&content), "{content:?}");
        assert_eq!(ended.is_ok(), kind == Ending::Close, "{kind:?}: {ended:?}");
        assert_eq!((proxy.bytes(Way::Request), proxy.caught()), (3, 1));
    }
}
