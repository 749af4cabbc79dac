-- A small and odd content for Commanded's event store, payloads as jsonb. Rows are as its statements
-- (lib/event_store/sql/statements/, 1.4.8) leave them: an append is one statement that writes the
-- event once, and links it to its stream and to $all (stream 0), and counts both up.

SET client_encoding = 'UTF8';

WITH fresh (event_id, nth) AS (VALUES ('e0000000-0000-4000-8000-000000000001'::uuid, 1), ('e0000000-0000-4000-8000-000000000002'::uuid, 2)),
written AS (
    INSERT INTO events (event_id, event_type, causation_id, correlation_id, data, metadata, created_at) VALUES
        ('e0000000-0000-4000-8000-000000000001', 'Elixir.Bank.AccountOpened', NULL, NULL, '{"owner":"Žofie 🧊","balance":0}'::jsonb, '{"user":"日本"}'::jsonb, '2026-11-21 09:01:00.000123+00'),
        ('e0000000-0000-4000-8000-000000000002', 'Elixir.Bank.Deposited', 'e0000000-0000-4000-8000-000000000001', 'e0000000-0000-4000-8000-0000000000c0', '{"amount":1.50}'::jsonb, '{}'::jsonb, '2026-11-21 09:02:00.000123+00')
),
stream AS (
    INSERT INTO streams (stream_uuid, stream_version) VALUES ('account-1', 2)
    RETURNING stream_id, stream_version - 2 AS before
),
every AS (
    UPDATE streams SET stream_version = stream_version + 2 WHERE stream_id = 0
    RETURNING stream_version - 2 AS before
),
own AS (
    INSERT INTO stream_events (event_id, stream_id, stream_version, original_stream_id, original_stream_version)
    SELECT event_id, stream_id, before + nth, stream_id, before + nth FROM fresh, stream
)
INSERT INTO stream_events (event_id, stream_id, stream_version, original_stream_id, original_stream_version)
SELECT event_id, 0, every.before + nth, stream_id, stream.before + nth FROM fresh, stream, every;

-- Several streams in one transaction.
BEGIN;
WITH fresh (event_id, nth) AS (VALUES ('e0000000-0000-4000-8000-000000000003'::uuid, 1)),
written AS (
    INSERT INTO events (event_id, event_type, causation_id, correlation_id, data, metadata, created_at) VALUES
        ('e0000000-0000-4000-8000-000000000003', 'Elixir.Bank.AccountOpened', NULL, NULL, '{}'::jsonb, NULL, '2026-11-21 09:03:00.000123+00')
),
stream AS (
    INSERT INTO streams (stream_uuid, stream_version) VALUES ('účet-Žofie', 1)
    RETURNING stream_id, stream_version - 1 AS before
),
every AS (
    UPDATE streams SET stream_version = stream_version + 1 WHERE stream_id = 0
    RETURNING stream_version - 1 AS before
),
own AS (
    INSERT INTO stream_events (event_id, stream_id, stream_version, original_stream_id, original_stream_version)
    SELECT event_id, stream_id, before + nth, stream_id, before + nth FROM fresh, stream
)
INSERT INTO stream_events (event_id, stream_id, stream_version, original_stream_id, original_stream_version)
SELECT event_id, 0, every.before + nth, stream_id, stream.before + nth FROM fresh, stream, every;
WITH fresh (event_id, nth) AS (VALUES ('e0000000-0000-4000-8000-000000000004'::uuid, 1)),
written AS (
    INSERT INTO events (event_id, event_type, causation_id, correlation_id, data, metadata, created_at) VALUES
        ('e0000000-0000-4000-8000-000000000004', 'Elixir.Bank.Withdrawn', 'e0000000-0000-4000-8000-000000000003', 'e0000000-0000-4000-8000-0000000000c0', '{"amount":1,"tags":["a",null,[]]}'::jsonb, '{}'::jsonb, '2026-11-21 09:04:00.000123+00')
),
stream AS (
    UPDATE streams SET stream_version = stream_version + 1 WHERE stream_uuid = 'account-1'
    RETURNING stream_id, stream_version - 1 AS before
),
every AS (
    UPDATE streams SET stream_version = stream_version + 1 WHERE stream_id = 0
    RETURNING stream_version - 1 AS before
),
own AS (
    INSERT INTO stream_events (event_id, stream_id, stream_version, original_stream_id, original_stream_version)
    SELECT event_id, stream_id, before + nth, stream_id, before + nth FROM fresh, stream
)
INSERT INTO stream_events (event_id, stream_id, stream_version, original_stream_id, original_stream_version)
SELECT event_id, 0, every.before + nth, stream_id, stream.before + nth FROM fresh, stream, every;
COMMIT;

-- An append that is rolled back: $all has no gap from it, but the sequence of streams has one.
BEGIN;
WITH fresh (event_id, nth) AS (VALUES ('e0000000-0000-4000-8000-000000000005'::uuid, 1)),
written AS (
    INSERT INTO events (event_id, event_type, causation_id, correlation_id, data, metadata, created_at) VALUES
        ('e0000000-0000-4000-8000-000000000005', 'Elixir.Lost', NULL, NULL, '{}'::jsonb, '{}'::jsonb, '2026-11-21 09:05:00.000123+00')
),
stream AS (
    INSERT INTO streams (stream_uuid, stream_version) VALUES ('lost-1', 1)
    RETURNING stream_id, stream_version - 1 AS before
),
every AS (
    UPDATE streams SET stream_version = stream_version + 1 WHERE stream_id = 0
    RETURNING stream_version - 1 AS before
),
own AS (
    INSERT INTO stream_events (event_id, stream_id, stream_version, original_stream_id, original_stream_version)
    SELECT event_id, stream_id, before + nth, stream_id, before + nth FROM fresh, stream
)
INSERT INTO stream_events (event_id, stream_id, stream_version, original_stream_id, original_stream_version)
SELECT event_id, 0, every.before + nth, stream_id, stream.before + nth FROM fresh, stream, every;
ROLLBACK;

WITH fresh (event_id, nth) AS (VALUES ('e0000000-0000-4000-8000-000000000006'::uuid, 1), ('e0000000-0000-4000-8000-000000000007'::uuid, 2)),
written AS (
    INSERT INTO events (event_id, event_type, causation_id, correlation_id, data, metadata, created_at) VALUES
        ('e0000000-0000-4000-8000-000000000006', 'Elixir.Old', NULL, NULL, '{"n":1}'::jsonb, '{}'::jsonb, '2026-11-21 09:06:00.000123+00'),
        ('e0000000-0000-4000-8000-000000000007', 'Elixir.Old', NULL, NULL, '{"n":2}'::jsonb, '{}'::jsonb, '2026-11-21 09:07:00.000123+00')
),
stream AS (
    INSERT INTO streams (stream_uuid, stream_version) VALUES ('to-be-deleted-1', 2)
    RETURNING stream_id, stream_version - 2 AS before
),
every AS (
    UPDATE streams SET stream_version = stream_version + 2 WHERE stream_id = 0
    RETURNING stream_version - 2 AS before
),
own AS (
    INSERT INTO stream_events (event_id, stream_id, stream_version, original_stream_id, original_stream_version)
    SELECT event_id, stream_id, before + nth, stream_id, before + nth FROM fresh, stream
)
INSERT INTO stream_events (event_id, stream_id, stream_version, original_stream_id, original_stream_version)
SELECT event_id, 0, every.before + nth, stream_id, stream.before + nth FROM fresh, stream, every;

WITH fresh (event_id, nth) AS (VALUES ('e0000000-0000-4000-8000-000000000008'::uuid, 1)),
written AS (
    INSERT INTO events (event_id, event_type, causation_id, correlation_id, data, metadata, created_at) VALUES
        ('e0000000-0000-4000-8000-000000000008', 'Elixir.Old', NULL, NULL, '{"n":3}'::jsonb, '{}'::jsonb, '2026-11-21 09:08:00.000123+00')
),
stream AS (
    INSERT INTO streams (stream_uuid, stream_version) VALUES ('soft-deleted-1', 1)
    RETURNING stream_id, stream_version - 1 AS before
),
every AS (
    UPDATE streams SET stream_version = stream_version + 1 WHERE stream_id = 0
    RETURNING stream_version - 1 AS before
),
own AS (
    INSERT INTO stream_events (event_id, stream_id, stream_version, original_stream_id, original_stream_version)
    SELECT event_id, stream_id, before + nth, stream_id, before + nth FROM fresh, stream
)
INSERT INTO stream_events (event_id, stream_id, stream_version, original_stream_id, original_stream_version)
SELECT event_id, 0, every.before + nth, stream_id, stream.before + nth FROM fresh, stream, every;

-- A stream of links: events of other streams, not in their order. They are not in $all once more.
BEGIN;
INSERT INTO streams (stream_uuid) VALUES ('big-movements');
WITH stream AS (
    UPDATE streams SET stream_version = stream_version + 2 WHERE stream_uuid = 'big-movements'
    RETURNING stream_id, stream_version - 2 AS before
),
linked (nth, event_id) AS (VALUES (1::bigint, 'e0000000-0000-4000-8000-000000000004'::uuid), (2, 'e0000000-0000-4000-8000-000000000002'))
INSERT INTO stream_events (stream_id, stream_version, event_id, original_stream_id, original_stream_version)
SELECT stream.stream_id, before + nth, event_id, o.original_stream_id, o.stream_version
FROM linked CROSS JOIN stream JOIN stream_events o USING (event_id)
WHERE o.stream_id = o.original_stream_id;
COMMIT;

-- A stream deleted softly: only marked.
UPDATE streams SET deleted_at = now() WHERE stream_uuid = 'soft-deleted-1';

-- A stream deleted for good: its events go, from $all too, which now has gaps at 5 and 6.
BEGIN;
SET LOCAL eventstore.enable_hard_deletes TO 'on';
CREATE TEMPORARY TABLE gone ON COMMIT DROP AS
    SELECT event_id, stream_id FROM stream_events
    WHERE stream_id = (SELECT stream_id FROM streams WHERE stream_uuid = 'to-be-deleted-1');
DELETE FROM stream_events WHERE event_id IN (SELECT event_id FROM gone);
DELETE FROM events WHERE event_id IN (SELECT event_id FROM gone);
DELETE FROM streams WHERE stream_id IN (SELECT stream_id FROM gone);
COMMIT;

WITH fresh (event_id, nth) AS (VALUES ('e0000000-0000-4000-8000-000000000009'::uuid, 1)),
written AS (
    INSERT INTO events (event_id, event_type, causation_id, correlation_id, data, metadata, created_at) VALUES
        ('e0000000-0000-4000-8000-000000000009', 'Elixir.Bank.Closed', NULL, NULL, '{}'::jsonb, '{}'::jsonb, '2026-11-21 09:09:00.000123+00')
),
stream AS (
    UPDATE streams SET stream_version = stream_version + 1 WHERE stream_uuid = 'account-1'
    RETURNING stream_id, stream_version - 1 AS before
),
every AS (
    UPDATE streams SET stream_version = stream_version + 1 WHERE stream_id = 0
    RETURNING stream_version - 1 AS before
),
own AS (
    INSERT INTO stream_events (event_id, stream_id, stream_version, original_stream_id, original_stream_version)
    SELECT event_id, stream_id, before + nth, stream_id, before + nth FROM fresh, stream
)
INSERT INTO stream_events (event_id, stream_id, stream_version, original_stream_id, original_stream_version)
SELECT event_id, 0, every.before + nth, stream_id, stream.before + nth FROM fresh, stream, every;

-- Subscriptions: to all events, to one stream, and one that has seen nothing.
INSERT INTO subscriptions (stream_uuid, subscription_name, last_seen) VALUES ('$all', 'read-model', 0);
UPDATE subscriptions SET last_seen = 8 WHERE stream_uuid = '$all' AND subscription_name = 'read-model';
INSERT INTO subscriptions (stream_uuid, subscription_name, last_seen) VALUES ('account-1', 'e-maily', 2);
INSERT INTO subscriptions (stream_uuid, subscription_name, last_seen) VALUES ('$all', 'přehled', NULL);

-- A snapshot of an aggregate, made and then replaced.
INSERT INTO snapshots (source_uuid, source_version, source_type, data, metadata)
VALUES ('account-1', 2, 'Elixir.Bank.Account', '{"balance":1.50}'::jsonb, '{}'::jsonb)
ON CONFLICT (source_uuid) DO UPDATE SET source_version = EXCLUDED.source_version, source_type = EXCLUDED.source_type,
    data = EXCLUDED.data, metadata = EXCLUDED.metadata;
INSERT INTO snapshots (source_uuid, source_version, source_type, data, metadata)
VALUES ('account-1', 4, 'Elixir.Bank.Account', '{"balance":0.50}'::jsonb, NULL)
ON CONFLICT (source_uuid) DO UPDATE SET source_version = EXCLUDED.source_version, source_type = EXCLUDED.source_type,
    data = EXCLUDED.data, metadata = EXCLUDED.metadata;
