//! Many narrow events: whether memory stays what it is, however long the table.

use super::super::CompareError;
use super::super::interrupt::Interrupt;
use super::load::{DATABASE, SCHEMA};
use icecore_test_cluster::Cluster;

/// What such an event comes to, in the server and in the repository.
pub(super) const WORK_BYTES_PER_EVENT: u64 = 200;

/// How many events a stream has.
const EVENTS_PER_STREAM: u64 = 100;
/// How many are inserted at once.
const EVENTS_AT_ONCE: u64 = 1_000_000;

/// Fills a store with events that the server makes up itself: small payloads, no metadata, and no
/// indexes, which nobody asks for here.
pub(super) fn fill(
    cluster: &Cluster,
    events: u64,
    interrupt: &Interrupt,
) -> Result<(), CompareError> {
    cluster.create_database(DATABASE);
    cluster.psql(DATABASE, SCHEMA);
    cluster.psql(
        DATABASE,
        "ALTER TABLE eventcore_events DROP CONSTRAINT eventcore_events_pkey; \
         DROP INDEX eventcore_events_stream_version_idx, eventcore_events_stream_idx; \
         ALTER TABLE eventcore_events DISABLE TRIGGER USER",
    );
    let mut first = 0;
    while first < events {
        let last = (first + EVENTS_AT_ONCE).min(events) - 1;
        cluster.psql(
            DATABASE,
            &format!(
                "INSERT INTO eventcore_events \
                     (event_id, stream_id, stream_version, event_type, event_data, created_at) \
                 SELECT (lpad(to_hex(n), 12, '0') || '7000' || md5(n::text)::varchar(16))::uuid, \
                        'meter-' || n % ({events} / {EVENTS_PER_STREAM} + 1), \
                        n / ({events} / {EVENTS_PER_STREAM} + 1) + 1, 'Read', \
                        to_jsonb(n * 7919 % 100000), \
                        '2026-01-01'::timestamptz + n * interval '10 milliseconds' \
                 FROM generate_series({first}::bigint, {last}) n"
            ),
        );
        first = last + 1;
        if interrupt.is_interrupted() {
            return Err(CompareError::Interrupted);
        }
    }
    Ok(())
}
