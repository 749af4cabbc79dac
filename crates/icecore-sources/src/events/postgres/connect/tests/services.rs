//! Service files.

use super::support::{Home, SECRET, environment, messages};
use crate::events::postgres::connect::{ConnectionSettings, SettingsError};

const FILE: &str = "# services\n\
                    [other]\n\
                    host=other.example\n\
                    nonsense here is not looked at\n\
                    \n\
                    [shop]\n  \
                    host=db.example\n\
                    port=5433\n\
                    host=second.example\n\
                    user=backup\n\
                    dbname=shop  \n\
                    # the end\n\
                    [later]\n\
                    options=x\n";

#[test]
fn a_service_gives_what_the_text_does_not() {
    let home = Home::new();
    home.file(".pg_service.conf", 0o644, FILE);
    let variables = [("PGHOST", "env.example"), ("PGPORT", "1"), ("PGAPPNAME", "app")];
    let settings = |text| ConnectionSettings::parse(text, &home.environment(&variables)).unwrap();
    for text in ["postgres:service=shop", "postgres://?service=shop"] {
        let settings = settings(text);
        assert_eq!(settings.name(), "postgres://db.example:5433/shop");
        assert_eq!((&*settings.user, &*settings.application_name), ("backup", "app"));
        assert_eq!(settings.options, None);
    }
    assert_eq!(settings("postgres://mine/?service=shop").name(), "postgres://mine:5433/shop");
    assert_eq!(settings("postgres:service=shop dbname=x").name(), "postgres://db.example:5433/x");
}

#[test]
fn the_service_may_come_from_the_environment() {
    let home = Home::new();
    let file = home.file("services", 0o644, FILE);
    let variables = [("PGSERVICE", "shop"), ("PGSERVICEFILE", file.to_str().unwrap())];
    let settings = ConnectionSettings::parse("postgres:", &environment(&variables)).unwrap();
    assert_eq!(settings.name(), "postgres://db.example:5433/shop");
}

#[test]
fn the_systems_file_is_looked_into_last() {
    let home = Home::new();
    home.file(".pg_service.conf", 0o644, "[shop]\nhost=own\n");
    home.file("etc/pg_service.conf", 0o644, "[shop]\nhost=system\n[all]\nhost=system\n");
    let etc = home.path().join("etc");
    let environment = home.environment(&[("PGSYSCONFDIR", etc.to_str().unwrap())]);
    let name = |text| ConnectionSettings::parse(text, &environment).unwrap().name();
    assert_eq!(name("postgres:service=shop dbname=x"), "postgres://own/x");
    assert_eq!(name("postgres:service=all dbname=x"), "postgres://system/x");
    let error = ConnectionSettings::parse("postgres:service=none", &environment).unwrap_err();
    let message = messages(&error);
    assert!(message.contains("'none'") && message.contains("/etc/pg_service.conf"), "{message}");
    assert!(message.contains(".pg_service.conf, "), "{message}");
}

#[test]
fn a_service_may_have_the_password() {
    let home = Home::new();
    let file = home.file(".pg_service.conf", 0o600, &format!("[shop]\npassword={SECRET}\n"));
    let environment = home.environment(&[("PGPASSWORD", "from the environment")]);
    let settings = ConnectionSettings::parse("postgres:service=shop", &environment).unwrap();
    let password = settings.servers[0].password.as_ref().unwrap();
    assert_eq!(&*password.secret, SECRET);
    assert_eq!(password.origin.to_string(), format!("the service file {}", file.display()));
    assert!(!format!("{settings:?}").contains(SECRET));
}

#[test]
fn a_service_file_that_is_wrong_says_where() {
    for (content, line, expected) in [
        ("[shop]\nhost=a\nSECRET\n", 3, "there is no '='"),
        ("[shop]\nservice=other\n", 2, "a service cannot refer to another"),
        ("[shop]\nldap://ldap.example/SECRET\n", 2, "there is no '='"),
        ("[shop]\nhots=SECRET\n", 2, "there is no connection parameter 'hots'"),
        ("[shop]\nsslpassword=SECRET\n", 2, "'sslpassword' is not supported"),
    ] {
        let home = Home::new();
        home.file(".pg_service.conf", 0o600, &content.replace("SECRET", SECRET));
        let parsed = ConnectionSettings::parse("postgres:service=shop", &home.environment(&[]));
        let message = messages(&parsed.unwrap_err());
        assert!(message.contains(expected), "{content}: {message}");
        assert!(message.contains(&format!("line {line} of the service file")), "{message}");
        assert!(!message.contains(SECRET));
    }
}

#[test]
fn a_named_service_file_must_be_there() {
    let environment = environment(&[("PGSERVICEFILE", "/not/there"), ("PGSERVICE", "shop")]);
    let error = ConnectionSettings::parse("postgres:", &environment).unwrap_err();
    assert!(matches!(error, SettingsError::Read { what: "service file", .. }), "{error}");
}
