//! Tables that users describe.

use super::reading::{Expected, Found, read, source};
use crate::events::postgres::{PostgresSource, SchemaChoice, TableMapping};
use icecore::source::{Proof, Reading, Whole};
use icecore_test_cluster::Cluster;

const TABLE: &str = r#"
    CREATE SCHEMA "Its ""own""";
    CREATE TABLE "Its ""own"""."Domain Events" (
        "No" bigserial PRIMARY KEY,
        region varchar NOT NULL,
        "Aggregate" uuid NOT NULL,
        revision int NOT NULL,
        kind citext_like NOT NULL,
        happened timestamptz,
        body json,
        "quoted ""extra""" numeric,
        doubled int GENERATED ALWAYS AS (revision * 2) STORED
    );
    INSERT INTO "Its ""own"""."Domain Events"
        (region, "Aggregate", revision, kind, happened, body, "quoted ""extra""") VALUES
        ('eu/1', '6f7f3b38-5a3e-4a53-9d15-0a2a6c6f3c01', 1, 'Made', '2026-01-02 03:04:05+02',
            '{"a": 1,  "a":2}', 1.50),
        ('eu\1', '6f7f3b38-5a3e-4a53-9d15-0a2a6c6f3c01', 1, 'Made', NULL, 'null', NULL),
        ('', '6f7f3b38-5a3e-4a53-9d15-0a2a6c6f3c02', 2, '', 'infinity', NULL, 'NaN')"#;

const EXPECTED: Expected = Expected {
    from: "\"Its \"\"own\"\"\".\"Domain Events\"",
    stream: "replace(replace(region, '\\', '\\\\'), '/', '\\/') || '/' || \"Aggregate\"::text",
    version: "revision",
    event_type: "kind",
    id: "\"No\"",
    time: "CASE WHEN isfinite(happened) THEN happened END",
    payload: "convert_to(body::text, 'UTF8')",
    metadata: "NULL::bytea",
    position: "\"No\"",
    members: &[
        ("region", "to_json(region)"),
        ("Aggregate", "to_json(\"Aggregate\")"),
        ("quoted \"extra\"", "to_json(\"quoted \"\"extra\"\"\"::text)"),
        ("payload_is_null", "CASE WHEN body IS NULL THEN true END"),
    ],
};

fn mapping() -> TableMapping {
    let column = |name: &str| Some(name.to_owned());
    TableMapping {
        namespace: column("Its \"own\""),
        table: "Domain Events".to_owned(),
        stream: vec!["region".to_owned(), "Aggregate".to_owned()],
        version: column("revision"),
        event_type: column("kind"),
        time: column("happened"),
        payload: "body".to_owned(),
        metadata: None,
        id: column("No"),
        order: column("No"),
    }
}

fn of(cluster: &Cluster, mapping: TableMapping) -> PostgresSource {
    let choice = SchemaChoice { mapping: Some(mapping), ..SchemaChoice::default() };
    source(cluster, "postgres", choice)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_table_that_is_described_is_read_and_what_is_new_of_it() {
    let cluster = Cluster::start();
    cluster.psql("postgres", "CREATE DOMAIN citext_like AS text");
    cluster.psql("postgres", TABLE);
    let source = of(&cluster, mapping());
    let first = read(&source, None).await.unwrap();
    let is_infinite = |event: &&Found| event.time.as_deref() == Some("infinity");
    assert_eq!(first.events.iter().filter(is_infinite).count(), 1);
    let finite = |mut events: Vec<Found>| {
        for event in &mut events {
            event.time.take_if(|time| time == "infinity");
        }
        events.sort();
        events
    };
    assert_eq!(finite(first.events.clone()), EXPECTED.events(&cluster, "postgres", ""));
    let streams: Vec<&str> = first.events.iter().map(|event| event.stream.as_str()).collect();
    assert_eq!(
        streams,
        [
            "eu\\/1/6f7f3b38-5a3e-4a53-9d15-0a2a6c6f3c01",
            "eu\\\\1/6f7f3b38-5a3e-4a53-9d15-0a2a6c6f3c01",
            "/6f7f3b38-5a3e-4a53-9d15-0a2a6c6f3c02",
        ]
    );
    cluster.psql(
        "postgres",
        r#"INSERT INTO "Its ""own"""."Domain Events" (region, "Aggregate", revision, kind, body)
           VALUES ('eu', '6f7f3b38-5a3e-4a53-9d15-0a2a6c6f3c01', 1, 'Made', '[]')"#,
    );
    let further = read(&source, Some(first.since())).await.unwrap();
    assert_eq!(further.reading, Reading::Further(Proof::Identified { events: 4 }));
    assert_eq!(further.events.len(), 1);
    assert_eq!(further.events[0].payload, "5b5d");

    // A column more can have a value in rows that nobody wrote since.
    let alter = r#"ALTER TABLE "Its ""own"""."Domain Events" ADD COLUMN more int DEFAULT 7"#;
    cluster.psql("postgres", alter);
    let whole = read(&source, Some(further.since())).await.unwrap();
    assert!(matches!(whole.reading, Reading::Whole(Whole::NotPossible(_))), "{:?}", whole.reading);
    let more = ("more".to_owned(), "7".to_owned());
    assert!(whole.events.iter().all(|event| event.members.contains(&more)));
}

#[tokio::test]
async fn a_table_with_as_good_as_nothing_is_read() {
    let cluster = Cluster::start();
    cluster.psql(
        "postgres",
        "CREATE TABLE log (n smallint, line text); \
                              INSERT INTO log VALUES (3, 'x'), (4, '')",
    );
    let least = TableMapping {
        table: "log".to_owned(),
        payload: "line".to_owned(),
        order: Some("n".to_owned()),
        ..TableMapping::default()
    };
    let given = read(&of(&cluster, least.clone()), None).await.unwrap();
    let found: Vec<_> = given
        .events
        .iter()
        .map(|event| (event.stream.as_str(), event.version, event.payload.as_str()))
        .collect();
    assert_eq!(found, [("all", 3, "78"), ("all", 4, "")]);
    assert!(given.events.iter().all(|event| event.members.is_empty()));

    let refused = |mapping| {
        let source = of(&cluster, mapping);
        async move { read(&source, None).await.err().unwrap().to_string() }
    };
    let message = refused(TableMapping { order: None, ..least.clone() }).await;
    assert!(message.contains("one of version and order must be a column"), "{message}");
    let message = refused(TableMapping { payload: "no\"ne".to_owned(), ..least.clone() }).await;
    assert!(message.contains("has no column \"no\"\"ne\"; it has: \"n\", \"line\""), "{message}");
    let message = refused(TableMapping { table: "nowhere".to_owned(), ..least.clone() }).await;
    assert!(message.contains("there is no table \"nowhere\""), "{message}");
    assert!(message.contains("there are: \"public\".\"log\""), "{message}");
    cluster.psql("postgres", "CREATE SCHEMA other; CREATE TABLE other.log (n int, line text)");
    let message = refused(least).await;
    assert!(message.contains("\"other\".\"log\"") && message.contains("\"public\".\"log\""));
}
