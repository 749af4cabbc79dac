//! Consumers that have come further than the events that were restored.

use super::support::Place;

struct Store {
    folder: &'static str,
    /// Moves a consumer beyond the last event.
    beyond: &'static str,
    /// What it is called.
    name: &'static str,
    /// Where consumers are.
    consumers: &'static str,
    /// Where the one is after it was put back.
    is: &'static str,
}

const STORES: [Store; 5] = [
    Store {
        folder: "emmett",
        beyond: "UPDATE emt_processors SET last_processed_checkpoint = '0000000000000000099' \
            WHERE processor_id = 'přehled'",
        name: "'přehled, version 1, in emt:default'",
        consumers: "SELECT processor_id, partition, version, last_processed_checkpoint \
            FROM emt_processors ORDER BY 1, 2, 3",
        is: "přehled|emt:default|1|0000000000000000011",
    },
    Store {
        folder: "disintegrate",
        beyond: "UPDATE event_listener SET last_processed_event_id = 99 WHERE id = 'e-maily'",
        name: "'e-maily'",
        consumers: "SELECT id, last_processed_event_id FROM event_listener ORDER BY 1",
        is: "e-maily|7",
    },
    Store {
        folder: "commanded-jsonb",
        beyond: "UPDATE subscriptions SET last_seen = 99 WHERE subscription_name = 'e-maily'",
        name: "'e-maily of stream account-1'",
        consumers: "SELECT stream_uuid, subscription_name, last_seen FROM subscriptions ORDER BY 1, 2",
        is: "account-1|e-maily|4",
    },
    Store {
        folder: "marten-guid",
        beyond: "UPDATE mt_event_progression SET last_seq_id = 99 WHERE name = 'Přehled:V2:All'",
        name: "'Přehled:V2:All'",
        consumers: "SELECT name, last_seq_id FROM mt_event_progression ORDER BY 1",
        is: "Přehled:V2:All|9",
    },
    Store {
        folder: "marten-string",
        beyond: "UPDATE mt_event_progression SET last_seq_id = 8 WHERE name = 'Invoices:All'",
        name: "'Invoices:All'",
        consumers: "SELECT name, last_seq_id FROM mt_event_progression ORDER BY 1",
        is: "Invoices:All|7",
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_beyond_the_restored_head_are_put_back_by_the_sql_that_is_told() {
    let place = Place::new().await;
    for store in &STORES {
        let (folder, target) = (store.folder, format!("{}-restored", store.folder));
        place.filled(folder, folder);
        place.migrated(&target, folder);
        let expected = place.ask(folder, store.consumers);
        place.ask(folder, store.beyond);
        let snapshot = place.back_up_database(folder).await;
        let notes = place.restore_whole(&snapshot, &target).await;
        let [note] = notes.as_slice() else { panic!("{folder}: {notes:?}") };
        assert!(note.contains(store.name), "{folder}: {note}");
        let (_, reset) = note.split_once("from there: ").unwrap();
        place.ask(&target, reset);
        let id = store.is.rsplit_once('|').unwrap().0;
        let expected: Vec<&str> = expected
            .lines()
            .map(|line| if line.rsplit_once('|').unwrap().0 == id { store.is } else { line })
            .collect();
        assert_eq!(place.ask(&target, store.consumers), expected.join("\n"), "{folder}");
    }
}
