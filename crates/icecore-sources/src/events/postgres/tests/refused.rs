//! What cannot be backed up is named as what it is, and nothing is backed up of it.

use super::reading::read;
use super::support::{DATABASE, Shop};
use crate::events::postgres::connect::{ConnectionSettings, Environment};
use crate::events::postgres::{PostgresSource, SchemaChoice};
use icecore::source::{Source, SourceRequest};

async fn error_of(source: &PostgresSource) -> String {
    let error = read(source, None).await.err().expect("it is refused");
    error.to_string()
}

fn as_role(shop: &Shop, role: &str) -> PostgresSource {
    let url = format!("postgres://{role}@127.0.0.1:{}/{DATABASE}", shop.cluster.port());
    let settings = ConnectionSettings::parse(&url, &Environment::default()).unwrap();
    PostgresSource::new(settings, SchemaChoice::default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_a_store_says_what_was_looked_for() {
    let shop = Shop { cluster: icecore_test_cluster::Cluster::start() };
    shop.cluster.create_database(DATABASE);
    let error = error_of(&shop.source()).await;
    assert!(error.contains("has no event store that this user may see"), "{error}");
    assert!(error.contains("eventcore"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_are_chosen_between_by_their_namespace() {
    let shop = Shop::new("eventcore");
    shop.append(1, "order-1");
    shop.sql(
        "CREATE SCHEMA \"Odd \"\"name\"\"\"; \
         CREATE TABLE \"Odd \"\"name\"\"\".eventcore_events (LIKE public.eventcore_events)",
    );
    let error = error_of(&shop.source()).await;
    assert!(error.contains("several event stores"), "{error}");
    assert!(error.contains("in schema public") && error.contains("Odd \"name\""), "{error}");
    for (namespace, events) in [("public", 1), ("Odd \"name\"", 0)] {
        let choice =
            SchemaChoice { namespace: Some(namespace.to_owned()), ..SchemaChoice::default() };
        let source = PostgresSource::new(shop.settings(), choice);
        let found = read(&source, None).await.unwrap();
        assert_eq!(found.ids().len(), events, "{namespace}");
    }
    let choice = SchemaChoice { schema: Some("kafka".to_owned()), ..SchemaChoice::default() };
    let error = error_of(&PostgresSource::new(shop.settings(), choice)).await;
    assert!(error.contains("no schema 'kafka'"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_needs_select_and_nothing_else() {
    let shop = Shop::new("eventcore");
    shop.append(1, "order-1");
    shop.sql("CREATE ROLE reader LOGIN");
    let error = error_of(&as_role(&shop, "reader")).await;
    assert!(error.contains("permission denied for table eventcore_events"), "{error}");
    assert!(error.contains("GRANT SELECT"), "{error}");
    shop.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader");
    let found = read(&as_role(&shop, "reader"), None).await.unwrap();
    assert_eq!(found.ids().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_row_level_security_hides_are_no_backup() {
    let shop = Shop::new("eventcore");
    shop.append(1, "order-1");
    shop.append(2, "secret-1");
    shop.sql(
        "CREATE ROLE tenant LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO tenant; \
         ALTER TABLE eventcore_events ENABLE ROW LEVEL SECURITY; \
         CREATE POLICY own ON eventcore_events FOR SELECT USING (stream_id LIKE 'order-%')",
    );
    let error = error_of(&as_role(&shop, "tenant")).await;
    assert!(error.contains("row-level security hides rows"), "{error}");
    shop.sql("ALTER ROLE tenant BYPASSRLS");
    let found = read(&as_role(&shop, "tenant"), None).await.unwrap();
    assert_eq!(found.ids().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_ended_is_an_error_and_timeouts_are_none() {
    let shop = Shop::new("eventcore");
    (1..=50).for_each(|number| shop.append(number, "order-1"));
    shop.sql(
        "ALTER DATABASE shop SET statement_timeout = '1ms'; \
         ALTER DATABASE shop SET idle_in_transaction_session_timeout = '1ms'",
    );
    assert_eq!(shop.read(None).await.ids().len(), 50);
    let mut reader = shop.source().open(&SourceRequest::default()).await.unwrap();
    shop.cluster.psql(
        "postgres",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE application_name = 'icecore' AND pid <> pg_backend_pid()",
    );
    let error = loop {
        match reader.next().await {
            Ok(Some(_)) => {}
            Ok(None) => break reader.finish().await.expect_err("the session is gone"),
            Err(error) => break error,
        }
    };
    let error = error.to_string();
    let is_told = error.contains("ended this session") || error.contains("was lost");
    assert!(is_told, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_wait_for_nothing_while_a_store_is_read() {
    let shop = Shop::new("eventcore-delivery");
    shop.append(1, "order-1");
    let reader = shop.source().open(&SourceRequest::default()).await.unwrap();
    // A lock that had to be waited for would be an error at once.
    shop.sql("SET lock_timeout = '1ms'");
    shop.append(2, "order-1");
    shop.sql(
        "ALTER TABLE eventcore_events DISABLE TRIGGER eventcore_prevent_update_trigger; \
         ALTER TABLE eventcore_events ENABLE TRIGGER eventcore_prevent_update_trigger",
    );
    reader.finish().await.expect_err("nothing was read");
}
