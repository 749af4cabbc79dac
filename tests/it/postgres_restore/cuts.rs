//! Stores that are recovered to a point: what stands beside the events fits those that are in.

use super::support::{Place, SCHEMAS};
use icecore::Monitor;
use icecore::recover::{
    PointError, RecoverError, RecoverReport, RecoverRequest, RecoveryPoint, State, plan, recover,
};
use icecore::restore::RestoreOptions;
use icecore::selection::StreamSelection;
use icecore::target::{
    Encoded, EventChunk, EventEncoder, EventWriter, OnConflict, RestoreEnd, Target, TargetError,
    TargetRequest, Written,
};
use icecore_format::snapshot::Snapshot;
use icecore_sources::events::postgres::ties;
use icecore_tests::error_chain::chain;
use std::sync::{Arc, Mutex};

fn request(snapshot: &Snapshot, point: RecoveryPoint) -> RecoverRequest {
    let states = vec![State::of(snapshot.clone())];
    RecoverRequest {
        states,
        point,
        streams: StreamSelection::default(),
        ties: |_, files| ties(files),
    }
}

async fn recovered(
    place: &Place,
    request: &RecoverRequest,
    database: &str,
) -> Result<RecoverReport, RecoverError> {
    let (target, options) = (place.target(database), RestoreOptions::default());
    recover(&place.repository, request, &target, &options, &Monitor::default()).await
}

/// An event: its stream, its version, and all else.
type Seen = (String, u64, String);

/// A target that keeps what it is given.
#[derive(Clone, Default)]
struct Keeper(Arc<Mutex<Vec<Seen>>>);

#[async_trait::async_trait]
impl Target for Keeper {
    fn kind(&self) -> &'static str {
        "memory"
    }

    async fn open(&self, _request: &TargetRequest) -> Result<Box<dyn EventWriter>, TargetError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl EventWriter for Keeper {
    fn encoder(&self) -> Arc<dyn EventEncoder> {
        Arc::new(self.clone())
    }

    async fn write(&mut self, _encoded: Encoded) -> Result<(), TargetError> {
        Ok(())
    }

    async fn finish(self: Box<Self>, _end: RestoreEnd) -> Result<Written, TargetError> {
        let events = self.0.lock().unwrap().len() as u64;
        Ok(Written { events, bytes: 0, verified: None, notes: Vec::new() })
    }

    async fn abandon(self: Box<Self>) -> String {
        String::new()
    }
}

impl EventEncoder for Keeper {
    fn encode(&self, chunk: &EventChunk) -> Result<Encoded, TargetError> {
        let mut seen = Vec::new();
        chunk.visit::<TargetError>(|restored| {
            let event = &restored.event;
            let rest = (event, restored.payload, restored.position);
            seen.push((event.stream.to_owned(), event.version, format!("{rest:?}")));
            Ok(())
        })?;
        let events = seen.len() as u64;
        self.0.lock().unwrap().extend(seen);
        Ok(Encoded { bytes: Vec::new(), events })
    }
}

/// The events of a snapshot, or of a cut of it.
async fn events(place: &Place, snapshot: &Snapshot, options: &RestoreOptions) -> Vec<Seen> {
    let keeper = Keeper::default();
    place.restore(snapshot, &keeper, options).await.unwrap();
    std::mem::take(&mut keeper.0.lock().unwrap())
}

/// Queries of what does not fit the events of a store: it gives nothing.
const MISFITS: [(&str, &str); 7] = [
    (
        "commanded",
        "SELECT stream_uuid, stream_version FROM streams s WHERE stream_id <> 0 AND stream_version \
         IS DISTINCT FROM (SELECT max(e.stream_version) FROM stream_events e \
             WHERE e.stream_id = s.stream_id)",
    ),
    (
        "commanded",
        "SELECT source_uuid FROM snapshots s WHERE NOT EXISTS (SELECT FROM streams t \
         WHERE t.stream_uuid = s.source_uuid AND t.stream_version >= s.source_version)",
    ),
    (
        "emmett",
        "SELECT stream_id, stream_position FROM emt_streams s WHERE stream_position \
         IS DISTINCT FROM (SELECT max(m.stream_position) FROM emt_messages m \
             WHERE (m.stream_id, m.partition, m.is_archived) \
                 = (s.stream_id, s.partition, s.is_archived))",
    ),
    (
        "marten",
        "SELECT id, version FROM mt_streams s WHERE version IS DISTINCT FROM \
         (SELECT max(e.version) FROM mt_events e WHERE e.stream_id = s.id \
             AND e.tenant_id = s.tenant_id) AND s.version > 0",
    ),
    (
        "postgres-es",
        "SELECT aggregate_id FROM snapshots s WHERE NOT EXISTS (SELECT FROM events e \
         WHERE e.aggregate_type = s.aggregate_type AND e.aggregate_id = s.aggregate_id \
             AND e.sequence >= s.last_sequence)",
    ),
    (
        "rails-event-store",
        "SELECT id FROM event_store_events_in_streams l WHERE NOT EXISTS \
         (SELECT FROM event_store_events e WHERE e.event_id = l.event_id)",
    ),
    (
        "eventcore",
        "SELECT snapshot_id FROM eventcore_command_state_snapshots k, \
             jsonb_each_text(k.stream_versions) s (stream, version) \
         WHERE s.version::bigint > (SELECT coalesce(max(e.stream_version), 0) \
             FROM eventcore_events e WHERE e.stream_id = s.stream)",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_store_is_cut_and_fits_together() {
    let place = Place::new().await;
    for folder in SCHEMAS {
        place.filled(folder, folder);
        let snapshot = place.back_up_database(folder).await;
        let all = events(&place, &snapshot, &RestoreOptions::default()).await;
        for (name, third, is_there) in [("a", 1, false), ("b", 2, true)] {
            let target = format!("{folder}-{name}");
            if is_there {
                place.migrated(&target, folder);
            } else {
                place.cluster.create_database(&target);
            }
            // Not every event can be the last one: its transaction may go on. And one may be the last.
            let mut chosen = None;
            for (stream, version, _) in all[all.len() * third / 3..].iter().cloned() {
                let request = request(&snapshot, RecoveryPoint::Version { stream, version });
                match plan(&place.repository, &request, &Monitor::default()).await {
                    Err(RecoverError::Point(PointError::Torn { .. })) => {}
                    planned if planned.as_ref().is_ok_and(|it| it.is_exact) => {}
                    planned => {
                        planned.map_err(|error| chain(&error)).unwrap();
                        chosen = Some(request);
                        break;
                    }
                }
            }
            let request = chosen.unwrap();
            let recovered = recovered(&place, &request, &target).await;
            let report = recovered.map_err(|error| chain(&error)).unwrap();
            assert!(report.restored.written.verified.is_some());
            let options = report.plan.restore_options(&request, &RestoreOptions::default());
            let mut expected = events(&place, &snapshot, &options).await;
            assert!(!expected.is_empty() && expected.len() < all.len(), "{target}");
            let again = place.back_up_database(&target).await;
            let mut found = events(&place, &again, &RestoreOptions::default()).await;
            expected.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, expected, "{target}");
            for (_, misfits) in MISFITS.iter().filter(|(schema, _)| folder.starts_with(schema)) {
                assert_eq!(place.ask(&target, misfits), "", "{target}: {misfits}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_of_events_that_were_cut_off_are_not_dealt_again() {
    let place = Place::new().await;
    place.filled("shop", "eventcore-delivery");
    let head: u64 = place
        .ask("shop", "SELECT last_position FROM eventcore_projection_delivery_frontier")
        .parse()
        .unwrap();
    place.ask("shop", "UPDATE eventcore_projection_progress SET last_position = 4");
    let snapshot = place.back_up_database("shop").await;
    place.migrated("restored", "eventcore-delivery");
    let request = request(&snapshot, RecoveryPoint::Position(3));
    let report = recovered(&place, &request, "restored").await.unwrap();
    assert_eq!(report.restored.events_restored, 3);
    let positions = "SELECT string_agg(delivery_position::text, ',' ORDER BY delivery_position) \
                     FROM eventcore_projection_delivery";
    assert_eq!(place.ask("restored", positions), "1,2,3");
    place.ask(
        "restored",
        "BEGIN; SELECT set_config('eventcore.expected_versions', '{\"fresh\": 0}', true); \
         INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data, metadata) \
         VALUES (gen_random_uuid(), 'fresh', 'Opened', '{}', '{}'); COMMIT",
    );
    assert_eq!(place.ask("restored", positions), format!("1,2,3,{}", head + 1));
    // Whoever has come further is told of.
    let consumers = place.ask("shop", "SELECT count(*) FROM eventcore_projection_progress");
    let notes = &report.restored.written.notes;
    let told = notes.iter().filter(|note| note.contains("is beyond the last event")).count();
    assert!(told > 0 && told.to_string() == consumers, "{notes:?}");
}

/// Consumers that have seen all of a store.
const AT_THE_HEAD: [(&str, &str); 4] = [
    (
        "commanded-jsonb",
        "INSERT INTO subscriptions (stream_uuid, subscription_name, last_seen) \
         SELECT '$all', 'of-all', stream_version FROM streams WHERE stream_id = 0",
    ),
    (
        "emmett",
        "UPDATE emt_processors SET processor_id = 'of-all', last_processed_checkpoint \
         = (SELECT lpad(max(global_position)::text, 19, '0') FROM emt_messages) \
         WHERE processor_id = 'přehled'",
    ),
    (
        "disintegrate",
        "UPDATE event_listener SET id = 'of-all', \
         last_processed_event_id = (SELECT max(event_id) FROM event) WHERE id = 'e-maily'",
    ),
    (
        "marten-guid",
        "INSERT INTO mt_event_progression (name, last_seq_id) \
         SELECT 'of-all', max(seq_id) FROM mt_events",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_that_have_seen_what_was_cut_off_are_told_of() {
    let place = Place::new().await;
    for (folder, consumer) in AT_THE_HEAD {
        place.filled(folder, folder);
        place.ask(folder, consumer);
        let snapshot = place.back_up_database(folder).await;
        let target = format!("{folder}-restored");
        place.cluster.create_database(&target);
        let request = request(&snapshot, RecoveryPoint::Position(3));
        let recovered = recovered(&place, &request, &target).await;
        let notes = recovered.map_err(|error| chain(&error)).unwrap().restored.written.notes;
        let is_told = |note: &String| note.contains("of-all") && note.contains("beyond the last");
        let told: Vec<&String> = notes.iter().filter(|note| is_told(note)).collect();
        let [note] = told.as_slice() else { panic!("{folder}: {notes:?}") };
        // The statement puts it where nothing is told of any more.
        let (_, reset) = note.split_once("from there: ").unwrap();
        place.ask(&target, reset);
        let snapshot = place.back_up_database(&target).await;
        place.cluster.create_database(&format!("{target}-again"));
        let notes = place.restore_whole(&snapshot, &format!("{target}-again")).await;
        assert!(!notes.iter().any(is_told), "{folder}: {notes:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_of_emmett_is_in_or_out_as_a_whole() {
    let place = Place::new().await;
    place.filled("shop", "emmett");
    let snapshot = place.back_up_database("shop").await;
    // The third, fourth and fifth message are one transaction, over two streams.
    let event =
        |number: u64| RecoveryPoint::Event(format!("b0000000-0000-4000-8000-{number:012x}"));
    for number in [3, 4] {
        let failed = recovered(&place, &request(&snapshot, event(number)), "shop").await;
        let is_torn = matches!(failed, Err(RecoverError::Point(PointError::Torn { .. })));
        assert!(is_torn, "{number}: {failed:?}");
    }
    for (point, database, events, moved) in [
        (event(2), "two", 2, 0),
        (RecoveryPoint::Position(4), "four", 2, 2),
        (event(5), "five", 5, 0),
    ] {
        place.cluster.create_database(database);
        let report = recovered(&place, &request(&snapshot, point), database).await.unwrap();
        let cut = report.plan.cut.as_ref().unwrap();
        assert_eq!((report.restored.events_restored, cut.moved), (events, moved), "{database}");
        assert_eq!(place.ask(database, "SELECT count(*) FROM emt_messages"), events.to_string());
    }
    // The next append expects the version that the stream had.
    place.migrated("there", "emmett");
    recovered(&place, &request(&snapshot, event(2)), "there").await.unwrap();
    let append = "SELECT success, next_stream_position FROM emt_append_to_stream( \
        ARRAY['b1000000-0000-4000-8000-000000000001']::text[], ARRAY['{}']::jsonb[], \
        ARRAY['{}']::jsonb[], ARRAY['1']::text[], ARRAY['Confirmed']::text[], ARRAY['E']::text[], \
        'shopping_cart:123'::text, 'shopping_cart'::text, 2::bigint, 'emt:default'::text)";
    assert_eq!(place.ask("there", append), "t|3");
}

/// A stream that takes the place of what it became: where it is, its version, and what tells that.
const REPLACED: [(&str, &str, u64, &str); 3] = [
    (
        "commanded-jsonb",
        "account-1",
        1,
        "SELECT stream_version FROM streams WHERE stream_uuid = 'account-1'",
    ),
    (
        "emmett",
        "emt:default/shopping_cart:123",
        2,
        "SELECT stream_position FROM emt_streams WHERE stream_id = 'shopping_cart:123' AND partition = 'emt:default'",
    ),
    (
        "eventcore-delivery",
        "account-alice",
        2,
        "SELECT max(stream_version) FROM eventcore_events WHERE stream_id = 'account-alice'",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_stream_of_a_store_becomes_what_it_was_and_the_others_stay() {
    let place = Place::new().await;
    for (folder, stream, version, head) in REPLACED {
        place.filled(folder, folder);
        let snapshot = place.back_up_database(folder).await;
        let others = |events: Vec<Seen>| -> Vec<Seen> {
            let mut others: Vec<Seen> =
                events.into_iter().filter(|event| event.0 != stream).collect();
            others.sort_unstable();
            others
        };
        let before = others(events(&place, &snapshot, &RestoreOptions::default()).await);
        let point = RecoveryPoint::Version { stream: stream.to_owned(), version };
        let mut request = request(&snapshot, point);
        request.streams = StreamSelection::new(vec![stream.to_owned()]).unwrap();
        let options =
            RestoreOptions { on_conflict: Some(OnConflict::Replace), ..RestoreOptions::default() };
        let (target, monitor) = (place.target(folder), Monitor::default());
        let report = recover(&place.repository, &request, &target, &options, &monitor).await;
        let report = report.map_err(|error| chain(&error)).unwrap();
        assert_eq!(report.restored.events_restored, version, "{folder}");
        assert_eq!(place.ask(folder, head), version.to_string(), "{folder}");
        let after = place.back_up_database(folder).await;
        let after = others(events(&place, &after, &RestoreOptions::default()).await);
        assert_eq!(after, before, "{folder}");
    }
}
