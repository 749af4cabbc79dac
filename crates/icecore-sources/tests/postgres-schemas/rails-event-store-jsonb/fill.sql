-- A small and odd content for Rails Event Store: JSON, in a column of type jsonb: normalised. Rows are as
-- event_repository.rb (3.0.0) leaves them: one transaction inserts the events, and then, unless they
-- are published to no stream, where they stand in a stream.

SET client_encoding = 'UTF8';

-- Positions count from 0 when a version is expected.
BEGIN;
INSERT INTO event_store_events (event_id, data, metadata, event_type, created_at, valid_at) VALUES
    ('f0000000-0000-4000-8000-000000000001', '{"order":1,"note":"Žofie 🧊"}', '{"correlation_id":"日本"}', 'OrderPlaced', '2026-11-21 09:01:00.000123', NULL),
    ('f0000000-0000-4000-8000-000000000002', '{}', '{}', 'OrderPaid', '2026-11-21 09:02:00.000123', '2026-11-20 00:00:00');
INSERT INTO event_store_events_in_streams (stream, position, event_id, created_at) VALUES
    ('Order$1', 0, 'f0000000-0000-4000-8000-000000000001', '2026-11-21 09:01:00.000200'),
    ('Order$1', 1, 'f0000000-0000-4000-8000-000000000002', '2026-11-21 09:02:00.000200');
COMMIT;

-- With any version, there is no position; the order in the stream is that of id.
BEGIN;
INSERT INTO event_store_events (event_id, data, metadata, event_type, created_at, valid_at) VALUES
    ('f0000000-0000-4000-8000-000000000003', '{"b": 1.50,  "a":1e2, "a": "\u017dofie"}', '{}', 'Visited', '2026-11-21 09:03:00.000123', NULL);
INSERT INTO event_store_events_in_streams (stream, position, event_id, created_at) VALUES
    ('návštěvy', NULL, 'f0000000-0000-4000-8000-000000000003', '2026-11-21 09:03:00.000200');
COMMIT;
BEGIN;
INSERT INTO event_store_events (event_id, data, metadata, event_type, created_at, valid_at) VALUES
    ('f0000000-0000-4000-8000-000000000004', '{"n":2}', NULL, 'Visited', '2026-11-21 09:04:00.000123', NULL);
INSERT INTO event_store_events_in_streams (stream, position, event_id, created_at) VALUES
    ('návštěvy', NULL, 'f0000000-0000-4000-8000-000000000004', '2026-11-21 09:04:00.000200');
COMMIT;

-- In the global stream only: no row among the streams.
BEGIN;
INSERT INTO event_store_events (event_id, data, metadata, event_type, created_at, valid_at) VALUES
    ('f0000000-0000-4000-8000-000000000005', 'null', '{}', 'Ticked', '2026-11-21 09:05:00.000123', NULL);
COMMIT;

-- A transaction that is rolled back leaves a gap in both sequences: event 6, place 5.
BEGIN;
INSERT INTO event_store_events (event_id, data, metadata, event_type, created_at, valid_at) VALUES
    ('f0000000-0000-4000-8000-000000000006', '{}', '{}', 'Lost', '2026-11-21 09:06:00.000123', NULL);
INSERT INTO event_store_events_in_streams (stream, position, event_id, created_at) VALUES
    ('Order$1', 2, 'f0000000-0000-4000-8000-000000000006', '2026-11-21 09:06:00.000200');
ROLLBACK;

-- Linked to two more streams, not in the order in which they were published.
BEGIN;
INSERT INTO event_store_events_in_streams (stream, position, event_id, created_at) VALUES
    ('$by_type_Order', 0, 'f0000000-0000-4000-8000-000000000002', '2026-11-21 09:02:00.000200'),
    ('$by_type_Order', 1, 'f0000000-0000-4000-8000-000000000001', '2026-11-21 09:01:00.000200');
COMMIT;
BEGIN;
INSERT INTO event_store_events_in_streams (stream, position, event_id, created_at) VALUES
    ('$by_correlation_id_日本', NULL, 'f0000000-0000-4000-8000-000000000001', '2026-11-21 09:01:00.000200');
COMMIT;

-- Events of two streams in one transaction; the time of one is before all others.
BEGIN;
INSERT INTO event_store_events (event_id, data, metadata, event_type, created_at, valid_at) VALUES
    ('f0000000-0000-4000-8000-000000000007', '{"order":2}', '{}', 'OrderPlaced', '2026-11-21 09:07:00.000123', NULL);
INSERT INTO event_store_events_in_streams (stream, position, event_id, created_at) VALUES
    ('Order$2', 0, 'f0000000-0000-4000-8000-000000000007', '2026-11-21 09:07:00.000200');
INSERT INTO event_store_events (event_id, data, metadata, event_type, created_at, valid_at) VALUES
    ('f0000000-0000-4000-8000-000000000008', '[]', '{}', 'OrderShipped', '2001-01-01 00:00:00', NULL);
INSERT INTO event_store_events_in_streams (stream, position, event_id, created_at) VALUES
    ('Order$1', 2, 'f0000000-0000-4000-8000-000000000008', '2026-11-21 09:08:00.000200');
COMMIT;

-- A deleted stream: its links go, its events stay.
BEGIN;
INSERT INTO event_store_events (event_id, data, metadata, event_type, created_at, valid_at) VALUES
    ('f0000000-0000-4000-8000-000000000009', '{"still":"here"}', '{}', 'Forgotten', '2026-11-21 09:09:00.000123', NULL);
INSERT INTO event_store_events_in_streams (stream, position, event_id, created_at) VALUES
    ('to-be-deleted', 0, 'f0000000-0000-4000-8000-000000000009', '2026-11-21 09:09:00.000200');
COMMIT;
DELETE FROM event_store_events_in_streams WHERE stream = 'to-be-deleted';

-- An event that is changed later (update_messages, as when personal data are taken out).
INSERT INTO event_store_events (id, event_id, data, metadata, event_type, created_at, valid_at)
SELECT id, event_id, '{"order":2,"redacted":true}', metadata, event_type, created_at, valid_at
FROM event_store_events WHERE event_id = 'f0000000-0000-4000-8000-000000000007'
ON CONFLICT (id) DO UPDATE SET data = EXCLUDED.data, metadata = EXCLUDED.metadata,
    event_type = EXCLUDED.event_type, valid_at = EXCLUDED.valid_at;
