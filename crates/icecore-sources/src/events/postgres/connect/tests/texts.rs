//! URLs and keywords.

use super::support::{SECRET, environment, messages, parse};
use crate::events::postgres::connect::percent::{decode, encode};
use crate::events::postgres::connect::servers::Place;
use crate::events::postgres::connect::settings::WantedSession;
use crate::events::postgres::connect::{ConnectionSettings, SettingsError};
use proptest::prelude::*;
use std::time::Duration;

/// Servers, database and role, for a glance: sockets where they usually are have no host.
fn seen(text: &str) -> String {
    let settings = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let hosts = settings.servers.iter().map(|server| match &server.place {
        Place::Network { host, address: None } => format!("{host}|{}", server.port),
        Place::Network { host, address: Some(address) } => {
            format!("{host}({address})|{}", server.port)
        }
        Place::Socket(path) if path.ends_with("postgresql") || path.ends_with("tmp") => {
            format!("|{}", server.port)
        }
        Place::Socket(path) => format!("{}|{}", path.display(), server.port),
    });
    let hosts = hosts.collect::<Vec<_>>().join(" ");
    format!("{hosts} {} {}", settings.database, settings.user)
}

#[test]
fn urls_are_read_as_libpq_documents_them() {
    for (text, expected) in [
        ("postgresql://", "|5432 alice alice"),
        ("postgresql://localhost", "localhost|5432 alice alice"),
        ("postgresql://localhost:5433", "localhost|5433 alice alice"),
        ("postgresql://localhost/mydb", "localhost|5432 mydb alice"),
        ("postgresql://user@localhost", "localhost|5432 user user"),
        ("postgresql://other@localhost/otherdb?connect_timeout=10", "localhost|5432 otherdb other"),
        ("postgresql://host1:123,host2:456/somedb", "host1|123 host2|456 somedb alice"),
        ("postgres://host1,host2:456/somedb", "host1|5432 host2|456 somedb alice"),
        ("postgresql:///mydb?host=localhost&port=5433", "localhost|5433 mydb alice"),
        ("postgresql://[2001:db8::1234]/database", "2001:db8::1234|5432 database alice"),
        ("postgres://bob@[::1]:5433,db/x", "::1|5433 db|5432 x bob"),
        ("postgres://[::1]/a@b", "::1|5432 a@b alice"),
        ("postgresql:///dbname?host=/var/lib/pg", "/var/lib/pg|5432 dbname alice"),
        ("postgresql://%2Fvar%2Flib%2Fpg/dbname", "/var/lib/pg|5432 dbname alice"),
        ("postgres:///shop", "|5432 shop alice"),
        ("postgres://:5433/shop", "|5433 shop alice"),
        ("postgres://%C3%A9lise@db/my%20shop%2F1", "db|5432 my shop/1 élise"),
        ("postgres://bob:@db/shop", "db|5432 shop bob"),
        ("postgres://db/shop?user=bob%40example.org", "db|5432 shop bob@example.org"),
        ("postgres://db/shop?hostaddr=10.0.0.7", "db(10.0.0.7)|5432 shop alice"),
        ("postgres:///shop?hostaddr=10.0.0.7", "10.0.0.7(10.0.0.7)|5432 shop alice"),
        ("postgres://a,b,c/shop?port=6000", "a|6000 b|6000 c|6000 shop alice"),
        ("postgres://db?dbname=shop&dbname=other", "db|5432 other alice"),
    ] {
        assert_eq!(seen(text), expected, "{text}");
    }
}

#[test]
fn keywords_are_read_as_libpq_documents_them() {
    for (text, expected) in [
        ("postgres:", "|5432 alice alice"),
        ("postgres:host=localhost port=5432 dbname=mydb", "localhost|5432 mydb alice"),
        ("postgresql:host = db  user\t=\n bob", "db|5432 bob bob"),
        ("postgres:host=db user=backup dbname='my shop'", "db|5432 my shop backup"),
        (r"postgres:host=db dbname='it\'s \\ one'", r"db|5432 it's \ one alice"),
        (r"postgres:host=db dbname=it\'s\ one", "db|5432 it's one alice"),
        ("postgres:host=db dbname='' user=''", "db|5432 alice alice"),
        ("postgres:host=a,b port=1,2", "a|1 b|2 alice alice"),
        ("postgres:host=a,,b port=,7,", "a|5432 |7 b|5432 alice alice"),
        ("postgres:host=/srv/pg port=7", "/srv/pg|7 alice alice"),
        ("postgres:hostaddr=::1,10.0.0.1", "::1(::1)|5432 10.0.0.1(10.0.0.1)|5432 alice alice"),
    ] {
        assert_eq!(seen(text), expected, "{text}");
    }
}

#[test]
fn a_text_with_a_password_is_refused_and_the_password_is_not_shown() {
    for text in [
        "postgres://bob:SECRET@db/shop",
        "postgres://:SECRET@db/shop",
        "postgres://bob:SECRET/@db/shop",
        "postgres://bob:5432/SECRET@db/shop",
        "postgres://bob:?SECRET@db/shop",
        "postgres://bob:1?SECRET=1@db/shop",
        "postgres://bob:#SECRET@db/shop",
        "postgres://bob:@SECRET@db/shop",
        "postgres://bob:%SECRET@db/shop",
        "postgres://db/shop?password=SECRET",
        "postgres://db/shop?p%61ssword=SECRET",
        "postgres://db/shop?sslpassword=SECRET",
        "postgres:host=db password=SECRET",
        "postgres:host=db password = 'SECRET",
        "postgres:host=db password=my SECRET=1",
        "postgres:host=db sslpassword='SECRET'",
    ] {
        let error = parse(&text.replace("SECRET", SECRET)).expect_err(text);
        assert!(matches!(error, SettingsError::Password), "{text}: {error}");
        let message = messages(&error);
        for way in ["~/.pgpass", "0600", "service file", "PGPASSWORD"] {
            assert!(message.contains(way), "{message}");
        }
        assert!(!message.contains(SECRET) && !format!("{error:?}").contains(SECRET), "{text}");
    }
}

#[test]
fn what_is_wrong_is_named_and_no_value_is_shown() {
    for (text, expected) in [
        ("mysql://db/shop", "a PostgreSQL source is a URL"),
        ("SECRET", "a PostgreSQL source is a URL"),
        ("postgres:SECRET", "wrong at the beginning: there is no '='"),
        ("postgres:host=db SECRET", "wrong after 'host': there is no '='"),
        ("postgres:host=db SECRET user=bob", "wrong after 'host': there is no '='"),
        ("postgres:host='SECRET", "wrong after 'host': a quote has no end"),
        ("postgres:hots=SECRET", "no connection parameter 'hots'"),
        ("postgres://db/shop?sslmod=SECRET", "no connection parameter 'sslmod'"),
        ("postgres://db/shop?ssl=false", "no connection parameter 'ssl'"),
        ("postgres://db/shop?SECRET", "a parameter in the query has no '='"),
        ("postgres://db/shop?user=a=SECRET", "has two '='"),
        ("postgres://db:SECRET/shop", "'port' is none of what it can be: a number from 1 to"),
        ("postgres://db:0/shop", "'port' is none of what it can be"),
        ("postgres://db:65536/shop", "'port' is none of what it can be"),
        ("postgres://db/%zzSECRET", "'%' is not followed by two digits"),
        ("postgres://db/a%00SECRET", "'%' is not followed by two digits"),
        ("postgres://db/%FF", "the bytes are no text"),
        ("postgres://[::1/SECRET", "a '[' has no ']'"),
        ("postgres://[::1]SECRET", "after ']' comes ':'"),
        ("postgres://a,b,c/x?port=1,2", "3 hosts and 2 of 'port'"),
        ("postgres://a,b/x?hostaddr=10.0.0.1", "2 hosts and 1 of 'hostaddr'"),
        ("postgres://db/x?hostaddr=SECRET", "'hostaddr' is none of what it can be: an IP address"),
        ("postgres://db/x?sslmode=SECRET", "'sslmode' is none of what it can be: disable, allow"),
        ("postgres://db/x?connect_timeout=SECRET", "'connect_timeout' is none of what it can be"),
        ("postgres://db/x?target_session_attrs=SECRET", "any, read-write, read-only, primary"),
        ("postgres://db/x?channel_binding=SECRET", "disable, prefer, require"),
        ("postgres:dbname=postgres://bob:SECRET@db/shop", "'dbname' is none of what it can be"),
        ("postgres://db/x?gssencmode=require", "'gssencmode' is not supported"),
        ("postgres://db/x?require_auth=SECRET", "'require_auth' is not supported"),
        ("postgres://db/x?sslrootcert=system&sslmode=require", "needs sslmode=verify-full"),
        ("postgres://db/x?sslnegotiation=direct", "needs sslmode=require"),
        ("postgres:host=@abstract", "'host' is none of what it can be"),
    ] {
        let error = parse(&text.replace("SECRET", SECRET)).expect_err(text);
        let message = messages(&error);
        assert!(message.contains(expected), "{text}: {message}");
        assert!(!message.contains(SECRET) && !format!("{error:?}").contains(SECRET), "{text}");
    }
}

#[test]
fn a_role_must_come_from_somewhere() {
    let mut nobody = environment(&[]);
    nobody.user = None;
    let error = ConnectionSettings::parse("postgres://db/shop", &nobody).unwrap_err();
    assert!(matches!(error, SettingsError::NoUser));
    assert!(ConnectionSettings::parse("postgres://bob@db/shop", &nobody).is_ok());
}

#[test]
fn the_text_wins_over_the_environment_and_that_over_what_is_usual() {
    let environment = environment(&[
        ("PGHOST", "env.example"),
        ("PGPORT", "6000"),
        ("PGDATABASE", "envdb"),
        ("PGUSER", "envuser"),
        ("PGAPPNAME", "env-app"),
        ("PGCONNECT_TIMEOUT", "7"),
        ("PGOPTIONS", "-c geqo=off"),
        ("PGTARGETSESSIONATTRS", "standby"),
        ("PGSSLMODE", ""),
    ]);
    let settings = ConnectionSettings::parse("postgres:", &environment).unwrap();
    assert_eq!(settings.name(), "postgres://env.example:6000/envdb");
    assert_eq!((&*settings.user, &*settings.application_name), ("envuser", "env-app"));
    assert_eq!(settings.timeout, Some(Duration::from_secs(7)));
    assert_eq!(settings.options.as_deref(), Some("-c geqo=off"));
    assert_eq!(settings.session, WantedSession::Standby);

    let text = "postgres://bob@db:1/shop?application_name=own&connect_timeout=0\
                &options=-c%20synchronous_commit%3Doff&target_session_attrs=any";
    let settings = ConnectionSettings::parse(text, &environment).unwrap();
    assert_eq!(settings.name(), "postgres://db:1/shop");
    assert_eq!((&*settings.user, &*settings.application_name), ("bob", "own"));
    assert_eq!(settings.timeout, None);
    assert_eq!(settings.options.as_deref(), Some("-c synchronous_commit=off"));
    assert_eq!(settings.session, WantedSession::Any);
    assert_eq!(parse("postgres://db").unwrap().application_name, "icecore");
}

#[test]
fn an_environment_that_wants_what_is_not_supported_is_refused() {
    let environment = environment(&[("PGREQUIREAUTH", "scram-sha-256")]);
    let error = ConnectionSettings::parse("postgres://db/shop", &environment).unwrap_err();
    assert!(matches!(error, SettingsError::Unsupported { parameter: "require_auth" }));
}

proptest! {
    #[test]
    fn percent_encoding_comes_back(text in "[^\0]{0,40}") {
        prop_assert_eq!(decode(&encode(&text)), Some(text));
    }

    #[test]
    fn an_encoded_url_is_read_as_it_was_meant(
        user in "[^\0]{1,20}", host in "[a-z][a-z0-9.-]{0,15}", port in 1u16.., database in "[^\0]{1,20}",
    ) {
        prop_assume!(!database.starts_with("postgres"));
        let url = format!("postgres://{}@{host}:{port}/{}", encode(&user), encode(&database));
        let settings = parse(&url).unwrap();
        prop_assert_eq!(&settings.user, &user);
        prop_assert_eq!(&settings.database, &database);
        // The name is a URL of the same database.
        let again = parse(&settings.name()).unwrap();
        prop_assert_eq!(again.name(), settings.name());
        prop_assert_eq!(&again.database, &database);
        prop_assert_eq!(again.servers[0].port, port);
    }

    #[test]
    fn quoted_values_come_back(database in "[^\0]{1,20}") {
        prop_assume!(!database.starts_with("postgres"));
        let quoted = database.replace('\\', "\\\\").replace('\'', "\\'");
        let settings = parse(&format!("postgres:host=db dbname='{quoted}' user=bob")).unwrap();
        prop_assert_eq!(settings.database, database);
    }

    #[test]
    fn no_text_panics_and_no_error_shows_a_password(
        before in "[a-z0-9@:/?&=%,\\[\\]' ]{0,12}", after in "[a-z0-9@:/?&=%,\\[\\]' ]{0,12}",
    ) {
        for text in [
            format!("postgres://{before}:{SECRET}{after}@db/shop"),
            format!("postgres:host=db password={SECRET}{before}{after}"),
            format!("postgres:host=db password='{before}{SECRET}{after}"),
        ] {
            let shown = match parse(&text) {
                Ok(settings) => format!("{settings:?} {}", settings.name()),
                Err(error) => format!("{error:?} {}", messages(&error)),
            };
            // Where the text before it ends an authority, it is no password but part of a path.
            prop_assert!(!shown.contains(SECRET) || before.contains('['), "{text}: {shown}");
        }
    }
}
