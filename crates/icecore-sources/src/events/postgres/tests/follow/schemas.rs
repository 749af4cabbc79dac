//! Every schema: what is followed has the records of what is read whole.

use super::following::{Followed, follow};
use crate::events::postgres::SchemaChoice;
use crate::events::postgres::tests::reading::{Found, read, source};
use crate::events::postgres::tests::stores::{STORES, Store};
use crate::events::postgres::tests::support::{logical, published};
use icecore::source::{Source, SourceRequest};
use icecore_test_cluster::Cluster;
use std::collections::BTreeSet;

/// The records of all events, as they are read whole.
async fn records(source: &impl Source) -> BTreeSet<Vec<u8>> {
    let mut reader = source.open(&SourceRequest::default()).await.unwrap();
    let mut records = BTreeSet::new();
    while let Some(batch) = reader.next().await.unwrap() {
        let batch = batch.parse().unwrap();
        let mut begin = 0;
        for end in batch.record_ends {
            records.insert(batch.records[begin..end].to_vec());
            begin = end;
        }
    }
    records
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_followed_has_the_records_of_what_is_read_whole() {
    let cluster = Cluster::start_with(&logical());
    for store in STORES {
        let Store { folder: database, append, expected, .. } = store;
        cluster.create_database(database);
        cluster.psql(database, &published(database, "schema.sql"));
        let source = source(&cluster, database, SchemaChoice::default());
        let empty = read(&source, None).await.unwrap();
        let mut followed = Followed::after(empty.since());
        let mut follower = follow(&source, empty.since()).await;
        cluster.psql(database, &published(database, "fill.sql"));
        if let Err(error) = followed.take(&mut follower).await {
            // Its content was changed after it was appended, so it is read whole.
            assert!(CHANGED.contains(&database), "{database}: {error:?}");
            let filled = read(&source, None).await.unwrap();
            followed = Followed::after(filled.since());
            follower = follow(&source, filled.since()).await;
        } else {
            assert!(!CHANGED.contains(&database), "{database}");
            assert!(followed.events.len() > 3, "{database}");
        }
        let before = followed.events.len();
        cluster.psql(database, append);
        followed.flush(&mut follower).await;
        assert!(followed.events.len() > before, "{database}");
        let of_commits: u32 = followed.events_of_commits().iter().sum();
        assert_eq!(of_commits as usize, followed.events.len(), "{database}");

        let all = expected.events(&cluster, database, "");
        let known = if CHANGED.contains(&database) { all.len() - followed.events.len() } else { 0 };
        assert_eq!(known + followed.events.len(), all.len(), "{database}");
        let is_there = |event: &Found| all.contains(event);
        assert!(followed.events.iter().all(is_there), "{database}");
        let records = records(&source).await;
        for record in &followed.records {
            assert!(records.contains(record), "{database}");
        }
        assert_eq!(followed.records.iter().collect::<BTreeSet<_>>().len(), followed.records.len());

        let nothing = read(&source, Some(followed.since())).await.unwrap();
        assert!(nothing.is_further(), "{database}: {:?}", nothing.reading);
        assert_eq!(nothing.events, [], "{database}");
    }
}

/// The stores whose content has events that were changed or deleted.
const CHANGED: [&str; 0] = [];
