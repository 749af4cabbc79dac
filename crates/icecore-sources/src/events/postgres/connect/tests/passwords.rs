//! Password files.

use super::support::{Home, SECRET, messages};
use crate::events::postgres::connect::{ConnectionSettings, SettingsError};

/// The passwords that servers get from a file.
fn found(file: &str, text: &str) -> Vec<Option<String>> {
    let home = Home::new();
    home.file(".pgpass", 0o600, file);
    let settings = ConnectionSettings::parse(text, &home.environment(&[])).unwrap();
    let passwords = settings.servers.iter().map(|server| server.password.as_ref());
    passwords.map(|password| password.map(|password| password.secret.to_string())).collect()
}

fn first(file: &str, text: &str) -> Option<String> {
    found(file, text).into_iter().next().flatten()
}

#[test]
fn the_first_line_that_fits_has_the_password() {
    let file = "# db:5432:shop:bob:comment\n\
                \n\
                other:5432:shop:bob:host\n\
                db:5433:shop:bob:port\n\
                db:5432:other:bob:database\n\
                db:5432:shop:eve:user\n\
                db:*:shop:bob:right\n\
                *:*:*:*:late\n";
    assert_eq!(first(file, "postgres://bob@db/shop").as_deref(), Some("right"));
    assert_eq!(first(file, "postgres://eve@db/shop").as_deref(), Some("user"));
    assert_eq!(first(file, "postgres://eve@elsewhere/x").as_deref(), Some("late"));
    assert_eq!(first("db:5432:shop:bob:x", "postgres://bob@db/else"), None);
}

#[test]
fn backslashes_escape_colons_and_themselves() {
    let file = r"\::5432:a\\b:b\:ob:pass\:wo\\rd:rest";
    let url = "postgres://b%3Aob@%3A/a%5Cb";
    assert_eq!(first(file, url).as_deref(), Some(r"pass:wo\rd"));
    assert_eq!(
        first("[::1]:5432:*:*:x\n\\:\\:1:5432:*:*:y", "postgres://[::1]/a").as_deref(),
        Some("y")
    );
    // An escaped star is a star.
    assert_eq!(first("db:5432:\\*:bob:x", "postgres://bob@db/shop"), None);
    assert_eq!(first("db:5432:\\*:bob:x", "postgres://bob@db/%2A").as_deref(), Some("x"));
    assert_eq!(
        first("db:5432:shop:bob:pass word \r\n", "postgres://bob@db/shop").as_deref(),
        Some("pass word ")
    );
}

#[test]
fn localhost_is_a_socket_where_sockets_are() {
    let file = "localhost:*:*:*:local\n/srv/pg:*:*:*:own\n";
    for text in ["postgres:///x", "postgres:///x?host=/run/postgresql", "postgres://localhost/x"] {
        assert_eq!(first(file, text).as_deref(), Some("local"), "{text}");
    }
    assert_eq!(first(file, "postgres:///x?host=/srv/pg").as_deref(), Some("own"));
    assert_eq!(first(file, "postgres:///x?host=/srv/other"), None);
}

#[test]
fn each_of_several_servers_has_its_own_password() {
    let file = "a:*:*:*:one\nb:6000:*:*:two\n";
    let two = ["one", "two"].map(|text| Some(text.to_owned()));
    assert_eq!(found(file, "postgres://a,b:6000/x"), two);
    assert_eq!(found(file, "postgres://c,b:6000/x"), [None, Some("two".to_owned())]);
}

#[test]
fn a_password_file_that_others_can_read_is_refused_with_the_remedy() {
    for mode in [0o640, 0o604, 0o660, 0o602] {
        let home = Home::new();
        let path = home.file(".pgpass", mode, &format!("*:*:*:*:{SECRET}\n"));
        let error =
            ConnectionSettings::parse("postgres://db/x", &home.environment(&[])).unwrap_err();
        assert!(matches!(error, SettingsError::PasswordFileMode { .. }), "{error}");
        let message = messages(&error);
        assert!(message.contains(&format!("chmod 0600 {}", path.display())), "{message}");
        assert!(message.contains(&format!("{mode:04o}")), "{message}");
        assert!(!message.contains(SECRET));
        // It does not matter where it is not used.
        let given = home.environment(&[("PGPASSWORD", "x")]);
        ConnectionSettings::parse("postgres://db/x", &given).unwrap();
    }
}

#[test]
fn a_named_password_file_is_used_instead() {
    let home = Home::new();
    home.file(".pgpass", 0o600, "*:*:*:*:usual");
    let named = home.file("named", 0o600, "*:*:*:*:named");
    let named = named.to_str().unwrap();
    let secret = |text: &str, variables: &[(&str, &str)]| {
        let settings = ConnectionSettings::parse(text, &home.environment(variables)).unwrap();
        settings.servers[0].password.as_ref().map(|password| password.secret.to_string())
    };
    assert_eq!(secret("postgres://db", &[]).as_deref(), Some("usual"));
    assert_eq!(secret("postgres://db", &[("PGPASSFILE", named)]).as_deref(), Some("named"));
    assert_eq!(secret(&format!("postgres://db?passfile={named}"), &[]).as_deref(), Some("named"));
    assert_eq!(secret("postgres://db?passfile=/dev/null", &[]), None);
    assert_eq!(secret("postgres://db?passfile=/not/there", &[]), None);
}
