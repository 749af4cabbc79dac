-- A small and odd content for eventcore's store with projection delivery. First a history that was
-- there before the migration: the delivery trigger is off, and then the positions are given as the
-- migration gives them (projection-migrations/0001_delivery_source.sql): by stream, not by time.
-- What follows is appended with the trigger on. See ../eventcore/fill.sql for how appends are made.

SET client_encoding = 'UTF8';

ALTER TABLE eventcore_events DISABLE TRIGGER eventcore_projection_delivery_trigger;

-- Two streams are opened, and a third that stays empty takes part as a reader.
BEGIN;
SELECT pg_advisory_xact_lock(hashtextextended('account-alice', 0));
SELECT pg_advisory_xact_lock(hashtextextended('account-bob', 0));
SELECT pg_advisory_xact_lock(hashtextextended('rates-eur', 0));
SELECT COALESCE(MAX(stream_version), 0) FROM eventcore_events WHERE stream_id = 'account-alice';
SELECT set_config('eventcore.expected_versions',
    '{"account-alice": 0, "account-bob": 0, "rates-eur": 0}', true);
INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data, metadata) VALUES
    ('019a0000-0000-7000-8000-000000000001', 'account-alice', 'AccountOpened',
        '{"owner": "Alice", "currency": "EUR"}', '{}'),
    ('019a0000-0000-7000-8000-000000000002', 'account-bob', 'AccountOpened',
        '{"owner": "Bob", "currency": "EUR"}', '{}');
COMMIT;

-- One more stream, whose name sorts before the others though its event is the newest.
BEGIN;
SELECT set_config('eventcore.expected_versions', '{"aaa": 0}', true);
INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data, metadata) VALUES
    ('019a0000-0000-7000-8000-000000000009', 'aaa', 'Opened', '{}', '{}');
COMMIT;

-- The backfill, and the trigger back on, in the migration's one transaction.
BEGIN;
WITH unmapped_events AS (
    SELECT event_id, row_number() OVER (ORDER BY stream_id, stream_version, event_id) AS ordinal
    FROM eventcore_events
)
INSERT INTO eventcore_projection_delivery (delivery_position, event_id)
SELECT ordinal, event_id FROM unmapped_events ORDER BY ordinal;
UPDATE eventcore_projection_delivery_frontier
SET last_position = (SELECT count(*) FROM eventcore_projection_delivery) WHERE singleton = TRUE;
ALTER TABLE eventcore_events ENABLE TRIGGER eventcore_projection_delivery_trigger;
COMMIT;

-- A transfer: two streams in one transaction, two events in one of them, not in the order of names.
BEGIN;
SELECT pg_advisory_xact_lock(hashtextextended('account-alice', 0));
SELECT pg_advisory_xact_lock(hashtextextended('account-bob', 0));
SELECT set_config('eventcore.expected_versions', '{"account-bob": 1, "account-alice": 1}', true);
INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data, metadata) VALUES
    ('019a0000-0001-7000-8000-000000000001', 'account-bob', 'MoneyDeposited',
        '{"amount": 100.10, "exact": 12345678901234567890.12345678901234567890}', '{}'),
    ('019a0000-0001-7000-8000-000000000002', 'account-bob', 'MoneyWithdrawn',
        '{"amount": 40, "note": null}', '{}'),
    ('019a0000-0001-7000-8000-000000000003', 'account-alice', 'MoneyDeposited',
        '{"amount": 40, "from": ["account-bob", {"nested": {"deep": []}}]}', '{}');
COMMIT;

-- An append that is rolled back. It leaves no trace: no sequence is drawn from.
BEGIN;
SELECT set_config('eventcore.expected_versions', '{"account-alice": 2}', true);
INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data, metadata) VALUES
    ('019a0000-0002-7000-8000-000000000001', 'account-alice', 'MoneyWithdrawn', '{"amount": 1}', '{}');
ROLLBACK;

-- An append that the trigger refuses: the stream is at 2, not at 7.
DO $$
BEGIN
    PERFORM set_config('eventcore.expected_versions', '{"account-alice": 7}', true);
    INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data, metadata) VALUES
        ('019a0000-0003-7000-8000-000000000001', 'account-alice', 'MoneyWithdrawn', '{}', '{}');
    RAISE EXCEPTION 'a conflict of versions was not refused' USING ERRCODE = 'XX000';
EXCEPTION WHEN SQLSTATE 'P0001' THEN
    NULL;
END;
$$;

-- Names and values that are not ASCII, quotes in names, empty objects.
BEGIN;
SELECT set_config('eventcore.expected_versions',
    '{"účet-Žofie-日本": 0, "it''s \"quoted\"": 0}', true);
INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data, metadata) VALUES
    ('019a0000-0005-7000-8000-000000000001', 'účet-Žofie-日本', 'ÚčetOtevřen',
        '{"jméno": "Žofie", "emoji": "🧊", "escaped": "tab\tquote\" back\\slash \u2028"}', '{}'),
    ('019a0000-0005-7000-8000-000000000002', 'it''s "quoted"', 'Nothing', '{}', '{}');
COMMIT;

-- Its id is older than the two before, though it is committed after them: a client's clock, or a
-- transaction that took long. The order of ids is not the order of commits.
BEGIN;
SELECT set_config('eventcore.expected_versions', '{"account-alice": 2}', true);
INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data, metadata) VALUES
    ('019a0000-0004-7000-8000-000000000001', 'account-alice', 'MoneyWithdrawn', '{"amount": 5}', '{}');
COMMIT;

-- Written by an application's own SQL: no expected versions, metadata that is not empty, a scalar.
INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data, metadata) VALUES
    ('019a0000-0006-7000-8000-000000000001', 'account-bob', 'Imported', '"a scalar"',
        '{"correlation": "žádost 17", "causation": null}');

-- Checkpoints, as PostgresCheckpointStore::save: one at the head, one behind, one nowhere.
INSERT INTO eventcore_subscription_versions (subscription_name, last_position, updated_at)
VALUES ('balances', '019a0000-0006-7000-8000-000000000001', NOW())
ON CONFLICT (subscription_name) DO UPDATE SET last_position = EXCLUDED.last_position, updated_at = NOW();
INSERT INTO eventcore_subscription_versions (subscription_name, last_position, updated_at)
VALUES ('přehled', '019a0000-0001-7000-8000-000000000002', NOW());
INSERT INTO eventcore_subscription_versions (subscription_name, last_position, updated_at)
VALUES ('deleted-long-ago', '00000000-0000-0000-0000-000000000000', NOW());

-- States of commands, as save_command_state_snapshot.
INSERT INTO eventcore_command_state_snapshots
    (snapshot_id, state, stream_versions, replay_checkpoints, updated_at)
VALUES
    ('transfer:account-bob:account-alice', '{"bob": 60.10, "alice": 40}',
        '{"account-bob": 3, "account-alice": 2}',
        '[{"stream_id": "account-bob", "state": {"bob": 60.10}, "stream_versions": {"account-bob": 3}}]',
        NOW()),
    ('empty', '{}', '{}', '[]', NOW());

-- Progress of transactional projections, as ProjectionLeader::advance_progress. They may be in a
-- database of their own; here they share the events' one.
INSERT INTO eventcore_projection_progress (projector_name, source_id, selection_id, last_position)
VALUES ('inventory-totals-v1', 'primary-event-store', 'inventory-events-v1', 10)
ON CONFLICT (projector_name) DO UPDATE SET source_id = EXCLUDED.source_id,
    selection_id = EXCLUDED.selection_id, last_position = EXCLUDED.last_position, updated_at = NOW();
INSERT INTO eventcore_projection_progress (projector_name, source_id, selection_id, last_position)
VALUES ('lagging-přehled', 'primary-event-store', 'all-v1', 2);
