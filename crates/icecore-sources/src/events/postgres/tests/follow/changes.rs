//! What is not an appended event ends following, and is read whole.

use super::following::{Followed, begin, follow, lost};
use crate::events::postgres::tests::support::{Shop, id, ids};
use icecore::source::{Follow, Whole};

/// What happens to events behind the store's back, and what is said of it.
const CHANGES: [(&str, &str); 3] = [
    (
        "UPDATE eventcore_events SET event_data = '{}' WHERE stream_version = 1",
        "events were changed",
    ),
    ("DELETE FROM eventcore_events WHERE stream_version = 1", "events were deleted"),
    ("TRUNCATE eventcore_events CASCADE", "the table of events was truncated"),
];

fn changed(what: &str) -> Whole {
    Whole::Changed(what.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_are_changed_or_deleted_are_noticed() {
    for (change, what) in CHANGES {
        let shop = Shop::logical("eventcore");
        shop.append(1, "order-1");
        let backup = shop.read(None).await;
        let mut follower = follow(&shop.source(), backup.since()).await;
        shop.append(2, "order-1");
        shop.sql(&format!("SET session_replication_role = replica; {change}"));
        shop.append(3, "order-2");
        let mut given = Followed::after(backup.since());
        // What was committed before is given, as far as it is still there.
        let is_there = !what.contains("truncated");
        if is_there {
            let captured = follower.next(std::time::Duration::ZERO).await.unwrap().unwrap();
            assert_eq!(captured.batches.len(), 1, "{what}");
        }
        let expected = if is_there {
            what
        } else {
            "events were changed or deleted as soon as they were written"
        };
        assert_eq!(lost(&mut follower).await, changed(expected));
        drop(follower);
        // What happened before somebody began to follow is proved as by a backup.
        assert!(matches!(begin(&shop.source(), backup.since()).await, Follow::Lost(_)), "{what}");
        let backup = shop.read(Some(backup.since())).await;
        let mut follower = follow(&shop.source(), backup.since()).await;
        given.flush(&mut follower).await;
        assert_eq!(given.ids(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_was_rolled_back_is_none() {
    let shop = Shop::logical("eventcore");
    shop.append(1, "order-1");
    let backup = shop.read(None).await;
    let mut follower = follow(&shop.source(), backup.since()).await;
    for (change, _) in CHANGES {
        shop.sql(&format!(
            "BEGIN; SET LOCAL session_replication_role = replica; {change}; ROLLBACK"
        ));
    }
    shop.append(2, "order-1");
    let mut given = Followed::after(backup.since());
    given.flush(&mut follower).await;
    assert_eq!(given.ids(), ids([2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_are_not_what_they_were_end_following() {
    for change in [
        "ADD COLUMN tenant text DEFAULT 'a'",
        "RENAME COLUMN metadata TO about",
        "ALTER COLUMN metadata DROP DEFAULT, ALTER COLUMN metadata TYPE json, \
            ALTER COLUMN metadata SET DEFAULT '{}'",
    ] {
        let shop = Shop::logical("eventcore");
        let backup = shop.read(None).await;
        let mut follower = follow(&shop.source(), backup.since()).await;
        shop.append(1, "order-1");
        let mut given = Followed::after(backup.since());
        given.flush(&mut follower).await;
        assert_eq!(given.ids(), [id(1)]);
        shop.sql(&format!("ALTER TABLE eventcore_events {change}"));
        shop.append(2, "order-1");
        let what = "the table of events has other columns";
        assert_eq!(lost(&mut follower).await, changed(what), "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_is_missing_ends_following() {
    let shop = Shop::logical("eventcore-delivery");
    shop.append(1, "order-1");
    let backup = shop.read(None).await;
    let mut follower = follow(&shop.source(), backup.since()).await;
    shop.sql(&format!(
        "SET session_replication_role = replica; INSERT INTO eventcore_events \
         (event_id, stream_id, stream_version, event_type, event_data) \
         VALUES ('{}', 'order-1', 2, 'Happened', '{{}}')",
        id(2)
    ));
    assert_eq!(lost(&mut follower).await, changed("positions after 1 have gaps"));
}
