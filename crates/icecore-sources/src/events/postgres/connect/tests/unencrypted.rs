//! Connections to real servers, and what keeps them from being made.

use super::support::{Home, SECRET, ask, environment, messages, open, parse};
use crate::events::postgres::connect::{ConnectError, connect};
use icecore_test_cluster::{Cluster, ClusterOptions, Mode};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;

/// A server on which `bob` needs a password, and nobody else gets in.
fn guarded() -> Cluster {
    let options = ClusterOptions::default().hba("host all bob,nobody 127.0.0.1/32 scram-sha-256\n");
    let cluster = Cluster::start_with(&options);
    cluster.psql("postgres", &format!("CREATE ROLE bob LOGIN PASSWORD '{SECRET}'"));
    cluster
}

fn url(cluster: &Cluster, role: &str, database: &str) -> String {
    format!("postgres://{role}@127.0.0.1:{}/{database}", cluster.port())
}

#[tokio::test]
async fn a_socket_leads_to_the_server() {
    let cluster = Cluster::start();
    cluster.create_database("my shop");
    let directory = cluster.socket_directory().display();
    let port = cluster.port();
    for text in [
        format!("postgres:host={directory} port={port} user=postgres dbname='my shop'"),
        format!("postgres://postgres@/my%20shop?host={directory}&port={port}&sslmode=require"),
    ] {
        let client = open(&text, &environment(&[])).await.unwrap();
        assert_eq!(ask(&client, "SELECT current_database()::text").await, "my shop");
        assert_eq!(ask(&client, "SHOW application_name").await, "icecore");
        assert_eq!(ask(&client, "SELECT coalesce(inet_client_addr()::text, 'none')").await, "none");
    }
}

#[test]
fn connecting_can_move_between_threads() {
    fn requires_send(_: impl Send) {}
    requires_send(connect(&parse("postgres://db/shop").unwrap()));
}

#[tokio::test]
async fn what_the_settings_say_reaches_the_server() {
    let cluster = Cluster::start();
    let rest = "application_name=night&options=-c%20geqo%3Doff&keepalives_idle=77\
                &keepalives_interval=7&keepalives_count=5&tcp_user_timeout=9000&connect_timeout=30";
    let client = open(&format!("{}?{rest}", cluster.url("postgres")), &environment(&[])).await;
    let client = client.unwrap();
    assert_eq!(ask(&client, "SHOW application_name").await, "night");
    assert_eq!(ask(&client, "SHOW geqo").await, "off");
}

#[tokio::test]
async fn a_password_comes_from_a_file_a_service_or_a_variable() {
    let cluster = guarded();
    let (text, port) = (url(&cluster, "bob", "postgres"), cluster.port());
    let home = Home::new();
    home.file(".pgpass", 0o600, &format!("127.0.0.1:{port}:*:bob:{SECRET}\n"));
    let client = open(&text, &home.environment(&[])).await.unwrap();
    assert_eq!(ask(&client, "SELECT current_user::text").await, "bob");

    open(&text, &environment(&[("PGPASSWORD", SECRET)])).await.unwrap();

    let service = format!(
        "[shop]\nhost=127.0.0.1\nport={port}\nuser=bob\ndbname=postgres\npassword={SECRET}\n"
    );
    let home = Home::new();
    home.file(".pg_service.conf", 0o600, &service);
    let client = open("postgres:service=shop", &home.environment(&[])).await.unwrap();
    assert_eq!(ask(&client, "SELECT current_user::text").await, "bob");
}

#[tokio::test]
async fn a_wrong_or_missing_password_says_where_it_was_looked_for() {
    let cluster = guarded();
    let text = url(&cluster, "bob", "postgres");
    let home = Home::new();
    let error = open(&text, &home.environment(&[])).await.unwrap_err();
    assert!(matches!(error, ConnectError::PasswordMissing { .. }), "{error:?}");
    let path = home.path().join(".pgpass");
    let expected = format!("there is no password file {}", path.display());
    assert!(error.to_string().contains(&expected), "{error}");

    home.file(".pgpass", 0o600, "# none\n*:1:*:*:x\n");
    let error = open(&text, &home.environment(&[])).await.unwrap_err();
    let expected = format!("no line of the password file {} fits", path.display());
    assert!(error.to_string().contains(&expected), "{error}");

    home.file(".pgpass", 0o600, &format!("# none\n*:*:*:*:not-{SECRET}\n"));
    let error = open(&text, &home.environment(&[])).await.unwrap_err();
    assert!(matches!(error, ConnectError::PasswordWrong { .. }), "{error:?}");
    let expected = format!("line 2 of the password file {}", path.display());
    assert!(error.to_string().contains(&expected), "{error}");
    assert!(!messages(&error).contains(SECRET) && !format!("{error:?}").contains(SECRET));

    let error = open(&text, &environment(&[("PGPASSWORD", "x")])).await.unwrap_err();
    assert!(error.to_string().contains("the environment variable PGPASSWORD"), "{error}");
    // A server does not tell a role that is missing from a password that is wrong.
    let nobody = url(&cluster, "nobody", "postgres");
    let error = open(&nobody, &environment(&[("PGPASSWORD", "x")])).await.unwrap_err();
    assert!(matches!(error, ConnectError::PasswordWrong { .. }), "{error:?}");
}

#[tokio::test]
async fn what_the_server_refuses_has_a_kind_of_its_own() {
    let admission = "host all bob,full,nobody 127.0.0.1/32 trust\n";
    let cluster = Cluster::start_with(&ClusterOptions::default().hba(admission));
    let roles = "CREATE ROLE bob LOGIN; CREATE ROLE full LOGIN CONNECTION LIMIT 0; \
                 CREATE ROLE eve LOGIN";
    cluster.psql("postgres", roles);
    cluster.create_database("closed");
    cluster.psql("postgres", "REVOKE CONNECT ON DATABASE closed FROM PUBLIC");
    let nothing = environment(&[]);
    let error = async |role, database| {
        open(&url(&cluster, role, database), &nothing).await.map(drop).unwrap_err()
    };
    let missing = error("bob", "no such").await;
    assert!(matches!(missing, ConnectError::DatabaseMissing { .. }), "{missing:?}");
    assert!(missing.to_string().contains("'no such'"), "{missing}");
    let role = error("nobody", "postgres").await;
    assert!(matches!(role, ConnectError::RoleMissing { .. }), "{role:?}");
    let admitted = error("eve", "postgres").await;
    assert!(matches!(admitted, ConnectError::NotAdmitted { .. }), "{admitted:?}");
    assert!(messages(&admitted).contains("no pg_hba.conf entry"), "{}", messages(&admitted));
    let forbidden = error("bob", "closed").await;
    assert!(matches!(forbidden, ConnectError::DatabaseForbidden { .. }), "{forbidden:?}");
    let full = error("full", "postgres").await;
    assert!(matches!(full, ConnectError::TooManyConnections { .. }), "{full:?}");
}

#[tokio::test]
async fn a_server_that_is_down_is_refused_and_comes_back() {
    let mut cluster = Cluster::start();
    let directory = cluster.socket_directory().display().to_string();
    let socket = format!("postgres:host={directory} port={} user=postgres", cluster.port());
    let nothing = environment(&[]);
    cluster.stop(Mode::Fast);
    let error = open(&cluster.url("postgres"), &nothing).await.unwrap_err();
    assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains(&format!("127.0.0.1:{}", cluster.port())), "{error}");
    let error = open(&socket, &nothing).await.unwrap_err();
    assert!(matches!(error, ConnectError::NoSocket { .. }), "{error:?}");
    assert!(error.to_string().contains(&directory), "{error}");
    cluster.start_again();
    open(&cluster.url("postgres"), &nothing).await.unwrap();
    open(&socket, &nothing).await.unwrap();
}

#[tokio::test]
async fn a_host_without_an_address_is_not_found() {
    let error = open("postgres://no-such-host.invalid/x", &environment(&[])).await.unwrap_err();
    assert!(matches!(error, ConnectError::HostNotFound { .. }), "{error:?}");
    assert!(error.to_string().contains("'no-such-host.invalid'"), "{error}");
}

#[tokio::test]
async fn the_next_server_is_tried_where_one_is_not_there_but_not_where_it_refuses() {
    let (mut down, guarded, open_to_all) = (Cluster::start(), guarded(), Cluster::start());
    down.stop(Mode::Fast);
    let hosts = |clusters: &[&Cluster]| {
        let hosts = clusters.iter().map(|cluster| format!("127.0.0.1:{}", cluster.port()));
        format!("postgres://postgres@{}/postgres", hosts.collect::<Vec<_>>().join(","))
    };
    let nothing = environment(&[]);
    let client = open(&hosts(&[&down, &open_to_all]), &nothing).await.unwrap();
    let port = ask(&client, "SHOW port").await;
    assert_eq!(port, open_to_all.port().to_string());
    let error = open(&hosts(&[&guarded, &open_to_all]), &nothing).await.unwrap_err();
    assert!(matches!(error, ConnectError::NotAdmitted { .. }), "{error:?}");
    let error = open(&hosts(&[&down, &down]), &nothing).await.unwrap_err();
    assert!(matches!(&error, ConnectError::AllFailed { failures } if failures.len() == 2));
    assert!(error.to_string().contains("none of 2 servers"), "{error}");
}

/// Listens on a port, answers each connection with these bytes once it was asked something, and
/// holds it until the other side ends it. The thread ends with the test's process.
fn answering(answer: Option<Vec<u8>>) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut asked = [0; 512];
            let _read = stream.read(&mut asked);
            if let Some(answer) = &answer {
                let _written = stream.write_all(answer);
                continue;
            }
            while stream.read(&mut asked).is_ok_and(|read| read > 0) {}
        }
    });
    port
}

/// An error as a server sends it:
/// <https://www.postgresql.org/docs/18/protocol-message-formats.html>.
fn error_message(code: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0VFATAL\0C{code}\0Msays so\0\0");
    let length = u32::try_from(fields.len() + 4).unwrap();
    [b"E", &length.to_be_bytes()[..], fields.as_bytes()].concat()
}

#[tokio::test]
async fn servers_that_are_not_ready_or_say_nothing_have_kinds_of_their_own() {
    let nothing = environment(&[]);
    let error = async |answer: Option<Vec<u8>>, rest: &str| {
        let port = answering(answer);
        let text = format!("postgres://127.0.0.1:{port}/x?sslmode=disable{rest}");
        open(&text, &nothing).await.map(drop).unwrap_err()
    };
    for code in ["57P03", "57P01"] {
        let starting = error(Some(error_message(code)), "").await;
        assert!(matches!(starting, ConnectError::NotReady { .. }), "{starting:?}");
        assert!(messages(&starting).contains("says so"), "{}", messages(&starting));
    }
    let full = error(Some(error_message("53300")), "").await;
    assert!(matches!(full, ConnectError::TooManyConnections { .. }), "{full:?}");
    let other = error(Some(error_message("XX000")), "").await;
    assert!(matches!(&other, ConnectError::ServerRefused { code, .. } if code == "XX000"));
    let closed = error(Some(Vec::new()), "").await;
    assert!(
        matches!(closed, ConnectError::Closed { .. } | ConnectError::Broken { .. }),
        "{closed:?}"
    );
    let silent = error(None, "&connect_timeout=1").await;
    assert!(matches!(silent, ConnectError::TimedOut { seconds: 1, .. }), "{silent:?}");
}
