//! Encrypted connections to real servers, with certificates of all kinds.

use super::certificates::{Authority, Identity, self_signed};
use super::support::{Home, ask, environment, messages, open};
use crate::events::postgres::connect::{ConnectError, TlsFileError};
use icecore_test_cluster::{Cluster, ClusterOptions};

/// Who is let in how.
const ADMISSION: &str = "hostssl all encrypted 127.0.0.1/32 trust\n\
                         hostnossl all plain 127.0.0.1/32 trust\n\
                         hostssl all certified 127.0.0.1/32 cert\n\
                         hostssl all secret 127.0.0.1/32 scram-sha-256\n\
                         host all everyone 127.0.0.1/32 trust\n";

const ROLES: &str = "CREATE ROLE encrypted LOGIN; CREATE ROLE plain LOGIN; \
    CREATE ROLE certified LOGIN; CREATE ROLE everyone LOGIN; \
    CREATE ROLE secret LOGIN PASSWORD 'a secret'";

/// Whether the connection that asks is encrypted.
const IS_ENCRYPTED: &str = "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

fn server(identity: &Identity, clients: &Authority) -> Cluster {
    let options = ClusterOptions::default()
        .hba(ADMISSION)
        .setting("ssl", "on")
        .setting("ssl_cert_file", "server.crt")
        .setting("ssl_key_file", "server.key")
        .setting("ssl_ca_file", "clients.crt")
        .file("server.crt", &identity.certificate)
        .file("server.key", &identity.key)
        .file("clients.crt", &clients.certificate());
    let cluster = Cluster::start_with(&options);
    cluster.psql("postgres", ROLES);
    cluster
}

/// A source on the cluster, whose host has this name.
fn source(cluster: &Cluster, role: &str, host: &str, rest: &str) -> String {
    let port = cluster.port();
    format!("postgres://{role}@{host}:{port}/postgres?hostaddr=127.0.0.1&{rest}")
}

#[tokio::test]
async fn each_mode_encrypts_as_far_as_it_says() {
    let authority = Authority::new("ours");
    let cluster = server(&authority.sign("server", &["db.test"]), &authority);
    let home = Home::new();
    let root = home.file("ours.crt", 0o644, &authority.certificate());
    let root = root.display();
    let nothing = environment(&[]);
    for (role, mode, expected) in [
        ("everyone", "disable", Some("false")),
        ("everyone", "allow", Some("false")),
        ("everyone", "prefer", Some("true")),
        ("everyone", "require", Some("true")),
        ("everyone", "verify-ca", Some("true")),
        ("everyone", "verify-full", Some("true")),
        ("encrypted", "disable", None),
        ("encrypted", "allow", Some("true")),
        ("encrypted", "prefer", Some("true")),
        ("plain", "disable", Some("false")),
        ("plain", "allow", Some("false")),
        ("plain", "prefer", Some("false")),
        ("plain", "require", None),
        ("stranger", "prefer", None),
        ("stranger", "allow", None),
    ] {
        let rest = format!("sslmode={mode}&sslrootcert={root}");
        let opened = open(&source(&cluster, role, "db.test", &rest), &nothing).await;
        match (opened, expected) {
            (Ok(client), Some(expected)) => {
                assert_eq!(ask(&client, IS_ENCRYPTED).await, expected, "{role} {mode}");
            }
            (Err(ConnectError::NotAdmitted { user, .. }), None) => assert_eq!(user, role),
            (opened, _) => panic!("{role} {mode}: {:?}", opened.map(|_| "connected")),
        }
    }
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_not_trusted() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let cluster = server(&theirs.sign("server", &["db.test"]), &ours);
    let home = Home::new();
    home.file(".postgresql/root.crt", 0o644, &ours.certificate());
    let home = home.environment(&[]);
    // With a root certificate, `require` is `verify-ca`.
    for mode in ["require", "verify-ca", "verify-full"] {
        let rest = format!("sslmode={mode}");
        let error = open(&source(&cluster, "everyone", "db.test", &rest), &home).await.unwrap_err();
        assert!(matches!(error, ConnectError::CertificateUntrusted { .. }), "{mode}: {error:?}");
        assert!(error.to_string().contains("sslrootcert"), "{error}");
    }
    // Without one, `require` takes any, and the others have nothing to check with.
    let nothing = environment(&[]);
    let text = source(&cluster, "everyone", "db.test", "sslmode=require");
    assert_eq!(ask(&open(&text, &nothing).await.unwrap(), IS_ENCRYPTED).await, "true");
    for mode in ["verify-ca", "verify-full"] {
        let text = source(&cluster, "everyone", "db.test", &format!("sslmode={mode}"));
        let error = open(&text, &nothing).await.unwrap_err();
        let none = matches!(&error, ConnectError::TlsFiles(TlsFileError::NoRoots { mode: of }) if *of == mode);
        assert!(none, "{error:?}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_does_for_all_but_the_full_check() {
    let authority = Authority::new("ours");
    let cluster = server(&authority.sign("server", &["other.test"]), &authority);
    let home = Home::new();
    home.file(".postgresql/root.crt", 0o644, &authority.certificate());
    let home = home.environment(&[]);
    for mode in ["require", "verify-ca"] {
        let text = source(&cluster, "everyone", "db.test", &format!("sslmode={mode}"));
        open(&text, &home).await.unwrap();
    }
    let text = source(&cluster, "everyone", "db.test", "sslmode=verify-full");
    let error = open(&text, &home).await.unwrap_err();
    assert!(matches!(error, ConnectError::CertificateForOtherName { .. }), "{error:?}");
    // What it is for is said.
    assert!(messages(&error).contains("other.test"), "{}", messages(&error));
    open(&source(&cluster, "everyone", "other.test", "sslmode=verify-full"), &home).await.unwrap();
}

#[tokio::test]
async fn an_expired_certificate_is_said_to_be_expired() {
    let authority = Authority::new("ours");
    let cluster = server(&authority.sign_expired("server", &["db.test"]), &authority);
    let home = Home::new();
    home.file(".postgresql/root.crt", 0o644, &authority.certificate());
    let text = source(&cluster, "everyone", "db.test", "sslmode=verify-ca");
    let error = open(&text, &home.environment(&[])).await.unwrap_err();
    assert!(matches!(error, ConnectError::CertificateExpired { .. }), "{error:?}");
}

#[tokio::test]
async fn a_revoked_certificate_is_said_to_be_revoked() {
    let authority = Authority::new("ours");
    let cluster = server(&authority.sign("server", &["db.test"]), &authority);
    let home = Home::new();
    home.file(".postgresql/root.crt", 0o644, &authority.certificate());
    home.file(".postgresql/root.crl", 0o644, &authority.revoke(true));
    let environment = home.environment(&[]);
    let text = source(&cluster, "everyone", "db.test", "sslmode=verify-full");
    let error = open(&text, &environment).await.unwrap_err();
    assert!(matches!(error, ConnectError::CertificateRevoked { .. }), "{error:?}");
    let list = home.file("named.crl", 0o644, &authority.revoke(false));
    open(&format!("{text}&sslcrl={}", list.display()), &environment).await.unwrap();
}

#[tokio::test]
async fn the_systems_roots_do_not_trust_an_authority_of_our_own() {
    let authority = Authority::new("ours");
    let cluster = server(&authority.sign("server", &["db.test"]), &authority);
    let home = Home::new();
    // Not looked at: the system's are asked for.
    home.file(".postgresql/root.crt", 0o644, &authority.certificate());
    let text = source(&cluster, "everyone", "db.test", "sslrootcert=system");
    let error = open(&text, &home.environment(&[])).await.unwrap_err();
    let has_none = matches!(error, ConnectError::TlsFiles(TlsFileError::NoSystemRoots));
    assert!(has_none || matches!(error, ConnectError::CertificateUntrusted { .. }), "{error:?}");
}

#[tokio::test]
async fn a_certificate_that_signed_itself_is_trusted_when_it_is_the_root() {
    let (itself, another) = (self_signed(&["db.test"]), self_signed(&["db.test"]));
    let cluster = server(&itself, &Authority::new("clients"));
    let home = Home::new();
    home.file("itself.crt", 0o644, &itself.certificate);
    home.file("another.crt", 0o644, &another.certificate);
    let nothing = environment(&[]);
    let attempt = async |host: &str, mode: &str, root: &str| {
        let root = home.path().join(root);
        let rest = format!("sslmode={mode}&sslrootcert={}", root.display());
        open(&source(&cluster, "everyone", host, &rest), &nothing).await.map(drop)
    };
    attempt("db.test", "verify-full", "itself.crt").await.unwrap();
    attempt("other.test", "verify-ca", "itself.crt").await.unwrap();
    let error = attempt("other.test", "verify-full", "itself.crt").await.unwrap_err();
    assert!(matches!(error, ConnectError::CertificateForOtherName { .. }), "{error:?}");
    attempt("db.test", "verify-ca", "another.crt").await.unwrap_err();
}

#[tokio::test]
async fn a_client_certificate_is_shown_and_must_be_a_good_one() {
    let (clients, others) = (Authority::new("clients"), Authority::new("others"));
    let cluster = server(&clients.sign("server", &["db.test"]), &clients);
    let text = source(&cluster, "certified", "db.test", "sslmode=require");

    let home = Home::new();
    let error = open(&text, &home.environment(&[])).await.unwrap_err();
    assert!(matches!(error, ConnectError::ClientCertificate { .. }), "{error:?}");

    let good = clients.sign("certified", &[]);
    home.file(".postgresql/postgresql.crt", 0o644, &good.certificate);
    let error = open(&text, &home.environment(&[])).await.unwrap_err();
    assert!(matches!(error, ConnectError::TlsFiles(TlsFileError::NoKey { .. })), "{error:?}");

    let key = home.file(".postgresql/postgresql.key", 0o644, &good.key);
    let error = open(&text, &home.environment(&[])).await.unwrap_err();
    assert!(matches!(error, ConnectError::TlsFiles(TlsFileError::KeyMode { .. })), "{error:?}");
    assert!(messages(&error).contains(&format!("chmod 0600 {}", key.display())));

    home.file(".postgresql/postgresql.key", 0o600, &good.key);
    let client = open(&text, &home.environment(&[])).await.unwrap();
    assert_eq!(ask(&client, IS_ENCRYPTED).await, "true");

    // For another role.
    let eve = clients.sign("eve", &[]);
    let error = attempt_with(&home, &text, &eve).await.unwrap_err();
    assert!(matches!(error, ConnectError::NotAuthenticated { .. }), "{error:?}");

    // Of somebody whom the server does not trust.
    let stranger = others.sign("certified", &[]);
    let error = attempt_with(&home, &text, &stranger).await.unwrap_err();
    assert!(matches!(error, ConnectError::ClientCertificate { .. }), "{error:?}");
}

async fn attempt_with(home: &Home, text: &str, identity: &Identity) -> Result<(), ConnectError> {
    let certificate = home.file("named.crt", 0o644, &identity.certificate);
    let key = home.file("named.key", 0o600, &identity.key);
    let text = format!("{text}&sslcert={}&sslkey={}", certificate.display(), key.display());
    open(&text, &environment(&[])).await.map(drop)
}

#[tokio::test]
async fn the_channel_can_be_bound_to_the_password() {
    let authority = Authority::new("ours");
    let cluster = server(&authority.sign("server", &["db.test"]), &authority);
    let password = environment(&[("PGPASSWORD", "a secret")]);
    let text = source(&cluster, "secret", "db.test", "sslmode=require&channel_binding=require");
    assert_eq!(ask(&open(&text, &password).await.unwrap(), IS_ENCRYPTED).await, "true");
    // Where there is no password there is nothing to bind.
    let text = source(&cluster, "everyone", "db.test", "sslmode=require&channel_binding=require");
    let error = open(&text, &password).await.unwrap_err();
    assert!(matches!(error, ConnectError::Authentication { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_without_encryption_is_refused_where_it_is_required() {
    let cluster = Cluster::start();
    let nothing = environment(&[]);
    let error = open(&format!("{}?sslmode=require", cluster.url("postgres")), &nothing).await;
    let error = error.map(drop).unwrap_err();
    assert!(matches!(error, ConnectError::TlsNotOffered { mode: "require", .. }), "{error:?}");
    for mode in ["allow", "prefer", "disable"] {
        let text = format!("{}?sslmode={mode}", cluster.url("postgres"));
        assert_eq!(ask(&open(&text, &nothing).await.unwrap(), IS_ENCRYPTED).await, "false");
    }
}
