//! TLS, by a certificate that is made here.

use super::client::{Server, TOKEN, exchange};
use crate::support::{Sandbox, outcome_of};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::fs;
use std::net::TcpStream;
use std::sync::Arc;

/// Writes a certificate of this machine and its key; what clients trust.
fn certify(sandbox: &Sandbox) -> RootCertStore {
    let certified =
        rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
            .unwrap();
    fs::write(sandbox.path("certificate.pem"), certified.cert.pem()).unwrap();
    fs::write(sandbox.path("key.pem"), certified.signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certified.cert.der().clone()).unwrap();
    roots
}

fn serve(sandbox: &Sandbox, address: &str) -> std::process::Command {
    let mut command = sandbox.command(["serve", "--listen", address, "--json"]);
    command.args(["--tls-certificate", "certificate.pem", "--tls-key", "key.pem"]);
    command
}

#[test]
fn whoever_trusts_the_certificate_is_answered() {
    let sandbox = Sandbox::new();
    let roots = certify(&sandbox);
    // With TLS it may listen on every address.
    let server = Server::run(serve(&sandbox, "0.0.0.0:0"));
    assert_eq!(server.scheme, "https");
    let port = server.host.rsplit(':').next().unwrap();
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let tls = ClientConnection::new(Arc::new(config), name).unwrap();
    let tcp = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    let token = format!("Bearer {TOKEN}");
    let headers = [("Host", "backup.example"), ("Authorization", token.as_str())];
    let answer = exchange(StreamOwned::new(tls, tcp), "GET", "/v1/snapshots", &headers, "");
    assert_eq!(answer.expect(200).body, r#"{"snapshots":[]}"#);
    // Whoever speaks no TLS keeps nobody from it.
    let mut plain = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    std::io::Write::write_all(&mut plain, b"GET / HTTP/1.1\r\n\r\n").unwrap();
    server.signal();
    server.outcome().expect(0);
}

#[test]
fn a_key_that_is_none_is_refused_before_anything_is_opened() {
    let sandbox = Sandbox::without_repository();
    certify(&sandbox);
    fs::write(sandbox.path("key.pem"), "no key").unwrap();
    let outcome = outcome_of(serve(&sandbox, "127.0.0.1:0").env("ICECORE_TOKEN", TOKEN)).expect(1);
    assert!(
        outcome.stderr.contains("cannot read the private key in key.pem"),
        "{}",
        outcome.stderr
    );
}
