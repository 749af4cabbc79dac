//! Names of sources.

use super::support::{SECRET, environment, parse};
use crate::events::postgres::connect::ConnectionSettings;

#[test]
fn a_name_has_hosts_ports_and_the_database() {
    for (text, expected) in [
        ("postgres://backup@db.example:5432/shop", "postgres://db.example/shop"),
        ("postgresql://DB.Example:5433/shop?sslmode=require", "postgres://db.example:5433/shop"),
        ("postgres:host=db.example dbname='my shop'", "postgres://db.example/my%20shop"),
        ("postgres:///shop", "postgres:///shop"),
        ("postgres:///shop?host=/run/postgresql", "postgres:///shop"),
        ("postgres:///shop?host=/var/run/postgresql", "postgres:///shop"),
        ("postgres:///shop?port=5433", "postgres://:5433/shop"),
        ("postgres:///shop?host=/srv/pg", "postgres://%2Fsrv%2Fpg/shop"),
        ("postgres://a:5432,b:5433/shop", "postgres://a,b:5433/shop"),
        ("postgres://[::1]:5433/shop", "postgres://[::1]:5433/shop"),
        ("postgres://10.0.0.1/a%2Fb", "postgres://10.0.0.1/a%2Fb"),
        ("postgres://db/shop?hostaddr=10.0.0.1", "postgres://db/shop"),
    ] {
        let settings = parse(text).unwrap();
        assert_eq!(settings.name(), expected, "{text}");
        assert_eq!(parse(expected).unwrap().name(), expected);
    }
}

#[test]
fn neither_names_nor_what_is_logged_has_the_password() {
    let environment = environment(&[("PGPASSWORD", SECRET)]);
    let settings = ConnectionSettings::parse("postgres://bob@db/shop", &environment).unwrap();
    assert_eq!(settings.name(), "postgres://db/shop");
    let password = settings.servers[0].password.as_ref().unwrap();
    assert_eq!(&*password.secret, SECRET);
    for shown in [format!("{settings:?}"), format!("{settings:#?}"), format!("{environment:?}")] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
}
