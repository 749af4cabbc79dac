//! What becomes of answers, from a server that gives one after the other.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use super::{name, settings};
use crate::{ObjectInfo, Store, StoreErrorKind, WebDavStore};

/// A server that answers by method, and what it was asked: the lines of requests, with destinations.
struct Server {
    host: String,
    asked: Arc<Mutex<Vec<String>>>,
}

/// Starts a server; `answers` has the beginning of a request's line and the answer, in order of choice.
fn server<const N: usize>(answers: [(&'static str, String); N]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = asked.clone();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut reader = BufReader::new(connection.unwrap());
            let (mut bytes, mut lines) = (0, Vec::new());
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap() == 0 || line.trim_end().is_empty() {
                    break;
                }
                let line = line.trim_end().to_owned();
                if let Some(length) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                    bytes = length.parse().unwrap();
                }
                lines.push(line);
            }
            let Some(first) = lines.first() else { continue };
            let told = lines.iter().filter(|line| line.starts_with("overwrite"));
            let told: Vec<_> = [first].into_iter().chain(told).cloned().collect();
            noted.lock().unwrap().push(told.join(" "));
            reader.read_exact(&mut vec![0; bytes]).unwrap();
            let found = answers.iter().find(|(request, _)| first.starts_with(request));
            let answer = found.map_or_else(|| empty("201 Created"), |(_, answer)| answer.clone());
            // Whoever has read enough may be gone.
            drop(reader.get_mut().write_all(answer.as_bytes()));
        }
    });
    Server { host, asked }
}

impl Server {
    fn store(&self, path: &str) -> WebDavStore {
        WebDavStore::open(&settings(self.host.clone(), path)).unwrap()
    }
}

fn empty(status: &str) -> String {
    with_body(status, "", "")
}

fn with_body(status: &str, headers: &str, body: &str) -> String {
    let bytes = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {bytes}\r\nConnection: close\r\n\r\n{body}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_tells_what_a_caller_may_do() {
    use StoreErrorKind::{AlreadyExists, Denied, NoSpace, NotFound, Permanent, Transient};
    for (status, read, put, moved) in [
        ("202 Accepted", Permanent, Permanent, Transient),
        ("207 Multi-Status", Permanent, Permanent, Transient),
        ("302 Found", Permanent, Permanent, Permanent),
        ("400 Bad Request", Permanent, Permanent, Permanent),
        ("401 Unauthorized", Denied, Denied, Denied),
        ("403 Forbidden", Denied, Denied, Denied),
        ("404 Not Found", NotFound, Transient, Transient),
        ("409 Conflict", Transient, Transient, Transient),
        ("412 Precondition Failed", Permanent, Permanent, AlreadyExists),
        ("423 Locked", Transient, Transient, Transient),
        ("429 Too Many Requests", Transient, Transient, Transient),
        ("500 Internal Server Error", Transient, Transient, Transient),
        ("501 Not Implemented", Permanent, Permanent, Permanent),
        ("507 Insufficient Storage", NoSpace, NoSpace, NoSpace),
    ] {
        let failing = |method| server([(method, empty(status))]).store("b");
        let put_new =
            async |store: WebDavStore| store.put_new(&name("a"), vec![1].into()).await.unwrap_err();
        let kinds = (
            failing("GET").get(&name("a"), 10).await.unwrap_err().kind(),
            put_new(failing("PUT")).await.kind(),
            put_new(failing("MOVE")).await.kind(),
        );
        assert_eq!(kinds, (read, put, moved), "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_goes_to_a_name_that_nobody_reads_and_is_moved_where_there_is_none() {
    let server = server([("DELETE", empty("204 No Content"))]);
    server.store("b").put_new(&name("packs/1"), vec![1].into()).await.unwrap();
    let asked = server.asked.lock().unwrap().clone();
    let is_unfinished = |line: &str, method: &str| line.starts_with(&format!("{method} /b/tmp/"));
    assert_eq!(asked[..2], ["MKCOL /b/tmp/ HTTP/1.1", "MKCOL /b/packs/ HTTP/1.1"]);
    assert!(is_unfinished(&asked[2], "PUT"), "{asked:?}");
    assert!(is_unfinished(&asked[3], "MOVE") && asked[3].ends_with("overwrite: F"), "{asked:?}");
    assert_eq!(asked.len(), 4, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_may_not_be_made_and_is_there_will_do() {
    let list = with_body("207 Multi-Status", "", "<multistatus/>");
    let there = server([("MKCOL", empty("403 Forbidden")), ("PROPFIND", list)]);
    there.store("b").put_new(&name("a"), vec![1].into()).await.unwrap();
    let missing = server([("MKCOL", empty("403 Forbidden")), ("PROPFIND", empty("404 No"))]);
    let error = missing.store("b").put_new(&name("a"), vec![1].into()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Denied);
    let nowhere = server([("MKCOL", empty("409 Conflict"))]);
    let error = nowhere.store("b/c").put_new(&name("a"), vec![1].into()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Transient);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_exact_also_of_a_server_that_sends_everything() {
    let everything = server([("GET", with_body("200 OK", "", "0123456789"))]).store("");
    assert_eq!(everything.get_range(&name("a"), 3..5).await.unwrap(), "34");
    assert_eq!(everything.get_range(&name("a"), 0..10).await.unwrap(), "0123456789");
    let error = everything.get_range(&name("a"), 9..11).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::TooShort);

    for (range, kind) in [
        ("bytes 3-3/4", StoreErrorKind::TooShort),
        ("bytes 0-1/4", StoreErrorKind::Permanent),
        ("nonsense", StoreErrorKind::Permanent),
    ] {
        let headers = format!("Content-Range: {range}\r\n");
        let answer = with_body("206 Partial Content", &headers, "01");
        let error = server([("GET", answer)]).store("").get_range(&name("a"), 3..5).await;
        assert_eq!(error.unwrap_err().kind(), kind, "{range}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_cut_off_too_large_or_packed_is_not_taken() {
    let read = async |answer: &str| {
        server([("GET", answer.to_owned())]).store("").get(&name("a"), 10).await
    };
    for (answer, kind) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", StoreErrorKind::Transient),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc", StoreErrorKind::Permanent),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\nabc", StoreErrorKind::TooLarge),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n",
            StoreErrorKind::TooLarge,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
            StoreErrorKind::Permanent,
        ),
    ] {
        assert_eq!(read(answer).await.unwrap_err().kind(), kind, "{answer}");
    }
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    assert_eq!(read(chunked).await.unwrap(), "abc");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_takes_addresses_and_odd_names_and_nothing_from_elsewhere() {
    let entry = |href: &str, rest: &str| {
        format!("<response><href>{href}</href><propstat><prop>{rest}</prop></propstat></response>")
    };
    let list = |entries: &[String]| {
        let body = format!("<multistatus xmlns='DAV:'>{}</multistatus>", entries.concat());
        with_body("207 Multi-Status", "", &body)
    };
    let file = "<getcontentlength>3</getcontentlength><resourcetype/>";
    let own = entry("/my%20dav", "<resourcetype><collection/></resourcetype>");
    let given = list(&[
        own.clone(),
        entry("https://other.example/my%20dav/config", file),
        entry("/my%20dav/%6Beys", file),
        entry("/my%20dav/.htaccess", file),
        entry("/my%20dav/tmp/", "<resourcetype><collection/></resourcetype>"),
        entry("/my%20dav/Readme", "<resourcetype/>"),
    ]);
    let store = server([("PROPFIND", given)]).store("my%20dav");
    let expected = ["config", "keys"].map(|it| ObjectInfo { name: name(it), bytes: 3 });
    assert_eq!(store.list("").await.unwrap(), expected);

    for odd in [entry("/elsewhere/config", file), entry("/my%20dav/config", "<resourcetype/>")] {
        let store = server([("PROPFIND", list(&[own.clone(), odd]))]).store("my%20dav");
        let error = store.list("").await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Permanent, "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_error_has_a_password_in_it() {
    let server = server([("", empty("503 Service Unavailable"))]);
    for host in [server.host.clone(), "127.0.0.1:1".to_owned()] {
        let store = WebDavStore::open(&super::user(host, "b", "hunter2")).unwrap();
        assert!(!format!("{store:?}").contains("hunter2"), "{store:?}");
        let error = store.put_new(&name("a"), vec![1].into()).await.unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}
