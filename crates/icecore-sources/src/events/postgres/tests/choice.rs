//! Which store of a database is meant.

use super::reading::{read, settings, source};
use super::stores::{STORES, store};
use crate::events::postgres::SchemaChoice;
use crate::events::postgres::catalog::Catalog;
use crate::events::postgres::moment::Moment;
use crate::events::postgres::schemas::choose;
use icecore_test_cluster::Cluster;

fn by(schema: Option<&str>, namespace: Option<&str>) -> SchemaChoice {
    SchemaChoice {
        schema: schema.map(str::to_owned),
        namespace: namespace.map(str::to_owned),
        mapping: None,
    }
}

#[tokio::test]
async fn a_store_is_recognised_as_what_it_is_and_as_nothing_else() {
    let cluster = Cluster::start();
    for store in STORES {
        let database = store.folder;
        cluster.create_database(database);
        store.make(&cluster, database, "");
        let moment = Moment::begin(&settings(&cluster, database)).await.unwrap();
        let catalog = Catalog::read(&moment.session).await.unwrap();
        let layout = choose(&catalog, &SchemaChoice::default()).unwrap();
        let namespace = if database == "message-db" { "message_store" } else { "public" };
        let expected = format!("{}, in schema {namespace}", store.description);
        assert_eq!(layout.description, expected);
        assert!(database.starts_with(layout.schema), "{database}");
        // By its own name it is found, too, and by another it is not.
        choose(&catalog, &by(Some(layout.schema), None)).unwrap();
        let other = if layout.schema == "eventcore" { "marten" } else { "eventcore" };
        choose(&catalog, &by(Some(other), None)).unwrap_err();
    }
}

#[tokio::test]
async fn of_two_stores_in_one_database_one_must_be_chosen() {
    let cluster = Cluster::start();
    cluster.create_database("two");
    store("message-db").make(&cluster, "two", "");
    store("postgres-es").make(&cluster, "two", "");
    let refused = |choice| {
        let source = source(&cluster, "two", choice);
        async move { read(&source, None).await.err().unwrap().to_string() }
    };
    let message = refused(SchemaChoice::default()).await;
    assert!(message.contains("Message DB, in schema message_store"), "{message}");
    assert!(message.contains("postgres-es, in schema public"), "{message}");
    for (choice, folder) in [
        (by(Some("message-db"), None), "message-db"),
        (by(None, Some("message_store")), "message-db"),
        (by(Some("postgres-es"), None), "postgres-es"),
        (by(None, Some("public")), "postgres-es"),
    ] {
        let given = read(&source(&cluster, "two", choice), None).await.unwrap();
        assert_eq!(given.sorted(), store(folder).expected.events(&cluster, "two", ""), "{folder}");
    }

    // The same schema twice is told apart by its namespace.
    cluster.psql("two", "CREATE SCHEMA other");
    store("disintegrate").make(&cluster, "two", "SET search_path TO other");
    store("disintegrate").make(&cluster, "two", "");
    let message = refused(by(Some("disintegrate"), None)).await;
    assert!(message.contains("disintegrate, in schema other"), "{message}");
    assert!(message.contains("disintegrate, in schema public"), "{message}");
    let chosen = source(&cluster, "two", by(Some("disintegrate"), Some("other")));
    let expected =
        store("disintegrate").expected.events(&cluster, "two", "SET search_path TO other");
    assert_eq!(read(&chosen, None).await.unwrap().sorted(), expected);

    let message = refused(by(Some("marten"), None)).await;
    assert!(message.contains("no event store that this user may see, of: marten"), "{message}");
    let message = refused(by(Some("no-such"), None)).await;
    assert!(message.contains("emmett, disintegrate"), "{message}");
}
