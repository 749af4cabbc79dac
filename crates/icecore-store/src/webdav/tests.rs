mod answers;

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;

use icecore_test_servers::{RcloneWebDavServer, WebDavServer};

use super::{WebDavCredential, WebDavSettings, WebDavStore};
use crate::testing::conformance;
use crate::{
    NotExclusive, ObjectInfo, ObjectName, RetryingStore, Store, StoreErrorKind,
    prove_exclusive_by_race,
};

fn name(text: &str) -> ObjectName {
    text.parse().unwrap()
}

fn settings(host: String, path: &str) -> WebDavSettings {
    WebDavSettings { is_encrypted: false, host, path: path.to_owned(), credential: None }
}

fn user(host: String, path: &str, password: &str) -> WebDavSettings {
    let (name, password) = (WebDavServer::USER.to_owned(), password.to_owned().into());
    let credential = Some(WebDavCredential::User { name, password });
    WebDavSettings { credential, ..settings(host, path) }
}

fn lighttpd(server: &WebDavServer, path: &str) -> WebDavStore {
    WebDavStore::open(&user(server.host(), path, WebDavServer::PASSWORD)).unwrap()
}

/// What every server has to do.
async fn assert_conforms(all: WebDavStore, below: WebDavStore) {
    // A server says "locked" now and then where it should wait.
    let store = RetryingStore::new(Arc::new(below));
    conformance::assert_conforms(&store).await;
    for round in 0..5 {
        let name = name(&format!("exclusive/{round}"));
        prove_exclusive_by_race(&store, &name).await.unwrap();
    }
    store.put_new(&name("config"), vec![7].into()).await.unwrap();
    let listed = all.list("").await.unwrap();
    assert_eq!(listed, [ObjectInfo { name: name("backups/of/shop/config"), bytes: 1 }]);
    assert_eq!(all.get(&listed[0].name, 10).await.unwrap(), vec![7]);
    assert_eq!(all.list("backups/of/shop/tmp/").await.unwrap(), [], "unfinished files are left");
    let directory = name("backups/of");
    let error = all.delete(&directory).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotFound, "a directory is no object");
    assert_eq!(all.list("").await.unwrap(), listed);
}

#[tokio::test(flavor = "multi_thread")]
async fn lighttpd_conforms() {
    let Some(server) = WebDavServer::start() else { return };
    assert_conforms(lighttpd(&server, ""), lighttpd(&server, "backups/of/shop")).await;
    for (path, password) in [("backups/of/shop", "another"), ("", "")] {
        let stranger = WebDavStore::open(&user(server.host(), path, password)).unwrap();
        let error = stranger.get(&name("config"), 10).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Denied, "{error:?}");
        let error = stranger.put_new(&name("a"), vec![1].into()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Denied, "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rclone_conforms() {
    let Some(server) = RcloneWebDavServer::start() else { return };
    let store = |path: &str| WebDavStore::open(&settings(server.host(), path)).unwrap();
    assert_conforms(store(""), store("backups/of/shop")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ignores_the_condition_of_a_move_is_found_out() {
    let Some(server) = WebDavServer::start_careless() else { return };
    let store = lighttpd(&server, "backups");
    let error = prove_exclusive_by_race(&store, &name("exclusive/1")).await.unwrap_err();
    assert!(matches!(error, NotExclusive::SeveralWinners { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_keeps_of_a_put_that_was_cut_off_is_no_object() {
    let Some(server) = RcloneWebDavServer::start() else { return };
    let store = WebDavStore::open(&settings(server.host(), "backups")).unwrap();
    store.put_new(&name("a"), vec![1].into()).await.unwrap();
    // As one whose connection breaks.
    let mut connection = TcpStream::connect(server.host()).unwrap();
    let request = "PUT /backups/tmp/cut HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234";
    connection.write_all(request.as_bytes()).unwrap();
    drop(connection);
    let listed: Vec<_> = store.list("").await.unwrap().into_iter().map(|it| it.name).collect();
    assert_eq!(listed, [name("a")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn directories_that_somebody_removed_are_made_again() {
    let Some(server) = RcloneWebDavServer::start() else { return };
    let below = |path: &str| WebDavStore::open(&settings(server.host(), path)).unwrap();
    let store = RetryingStore::new(Arc::new(below("backups")));
    store.put_new(&name("packs/1"), vec![1].into()).await.unwrap();
    let connection = &below("").connection;
    let none = http::HeaderMap::new();
    let removed = connection.status(http::Method::DELETE, "/backups/", none, None).await.unwrap();
    assert!(removed.is_success());
    store.put_new(&name("packs/2"), vec![2].into()).await.unwrap();
    assert_eq!(store.get(&name("packs/2"), 1).await.unwrap(), vec![2]);
}
