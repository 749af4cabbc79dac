//! Against what PostgreSQL prints.

use super::*;
use crate::events::postgres::connect::{ConnectionSettings, Environment, connect};
use icecore_test_cluster::Cluster;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

#[test]
fn json_is_printed_as_postgresql_does() {
    // SELECT '...'::jsonb
    for (json, printed) in [
        (" {\"bb\":1,\"a\":[ ],\"b\" : {},\"a\":2}", "{\"a\": 2, \"b\": {}, \"bb\": 1}"),
        (
            "[1e2,1.50e1,-0,-0.00,1E-3,0.10,12345678901234567890.5]",
            "[100, 15.0, 0, 0.00, 0.001, 0.10, 12345678901234567890.5]",
        ),
        ("[0e5,0.0e1,1.5e0,10e-1,123.45e-2]", "[0, 0, 1.5, 1.0, 1.2345]"),
        (r#""\u00e1\/\u2028\u001f\t\ud83e\uddca""#, "\"á/\u{2028}\\u001f\\t🧊\""),
        ("true", "true"),
        ("null ", "null"),
    ] {
        let mut out = Vec::new();
        put(json.as_bytes(), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), printed);
    }
}

#[test]
fn what_postgresql_refuses_is_refused() {
    for json in
        ["", "{", "[1,]", "{\"a\"}", "01", "1.", "\"\\u0000\"", "tru", "{}{}", "1e999999", "nan"]
    {
        assert!(put(json.as_bytes(), &mut Vec::new()).is_err(), "{json}");
    }
    let deep = "[".repeat(DEPTH_MAX + 2);
    assert!(put(deep.as_bytes(), &mut Vec::new()).is_err());
}

/// Texts of JSON with spaces, escapes and numbers as people and programs write them.
fn json() -> impl Strategy<Value = String> {
    let space = "[ \n\t]{0,2}";
    let number = "-?(0|[1-9][0-9]{0,22})(\\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?";
    let string = prop::collection::vec(
        prop_oneof![
            "[a-zA-Z ž日🧊/\u{7f}\u{2028}]{1,3}".boxed(),
            "\\\\[\"\\\\/bfnrt]".boxed(),
            "\\\\u00[01][1-9a-fA-F]".boxed(),
            Just("\\ud83e\\uddca".to_owned()).boxed(),
        ],
        0..4,
    )
    .prop_map(|parts| format!("\"{}\"", parts.concat()));
    let leaf = prop_oneof![
        number.prop_map(|it| it),
        string.clone(),
        prop::sample::select(vec!["true", "false", "null"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 5, move |inner| {
        let member = (string.clone(), space, inner.clone());
        let member =
            member.prop_map(|(name, space, value)| format!("{name}{space}:{space}{value}"));
        prop_oneof![
            (vec(inner, 0..5), space).prop_map(|(values, space)| {
                format!("[{space}{}{space}]", values.join(&format!("{space},{space}")))
            }),
            (vec(member, 0..5), space).prop_map(|(members, space)| {
                format!("{{{space}{}{space}}}", members.join(&format!("{space},{space}")))
            }),
        ]
    })
}

#[tokio::test]
async fn a_server_prints_the_same() {
    const TEXTS: usize = 2000;
    let cluster = Cluster::start();
    let settings = ConnectionSettings::parse(&cluster.url("postgres"), &Environment::default());
    let client = connect(&settings.unwrap()).await.unwrap();
    let statement = client.prepare("SELECT $1::text::jsonb::text").await.unwrap();
    let (mut runner, texts) = (TestRunner::deterministic(), json());
    for _ in 0..TEXTS {
        let text = texts.new_tree(&mut runner).unwrap().current();
        let printed: String = client.query_one(&statement, &[&text]).await.unwrap().get(0);
        let mut out = Vec::new();
        put(text.as_bytes(), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), printed, "{text}");
    }
}
