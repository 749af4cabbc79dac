-- A small and odd content for Message DB, by its own write_message. The stream's name is
-- category-id; all before the first hyphen is the category.

SET client_encoding = 'UTF8';
SET search_path TO message_store, public;

SELECT write_message('a0000000-0000-4000-8000-000000000001', 'account-123', 'Opened',
    '{"owner": "Žofie", "balance": 0}', '{"schemaVersion": 1}', -1);
SELECT write_message('A0000000-0000-4000-8000-000000000002', 'account-123', 'Deposited',
    '{"amount": 11.50, "exact": 12345678901234567890.12345678901234567890}',
    '{"correlationStreamName": "transfer-7", "causationMessagePosition": 0, "causationMessageGlobalPosition": 1}', 0);
-- No metadata: SQL NULL, which is not the JSON null of the next one.
SELECT write_message('a0000000-0000-4000-8000-000000000003', 'account-456', 'Opened', '{}');
SELECT write_message('a0000000-0000-4000-8000-000000000004', 'account-456', 'Renamed', 'null', 'null');

-- Several streams in one transaction, of two categories, and one batch of one stream.
BEGIN;
SELECT write_message('a0000000-0000-4000-8000-000000000005', 'transfer-7', 'Initiated', '{"amount": 5}', '{}');
SELECT write_message('a0000000-0000-4000-8000-000000000006', 'account-123', 'Withdrawn', '{"amount": 5}', NULL, 1);
SELECT write_message('a0000000-0000-4000-8000-000000000007', 'account-456', 'Deposited', '{"amount": 5}', NULL, 1);
SELECT write_message('a0000000-0000-4000-8000-000000000008', 'transfer-7', 'Completed', '{"tags": ["a", []]}', NULL, 0);
COMMIT;

-- An append that is rolled back leaves a gap: global_position 9 and 10 are gone.
BEGIN;
SELECT write_message('a0000000-0000-4000-8000-000000000009', 'account-123', 'Closed', '{}', NULL, 2);
SELECT write_message('a0000000-0000-4000-8000-00000000000a', 'account-456', 'Closed', '{}', NULL, 2);
ROLLBACK;

-- Two that are refused. A wrong version draws no number; an id of old does, so 11 is gone too.
DO $$
BEGIN
    PERFORM write_message('a0000000-0000-4000-8000-00000000000b', 'account-123', 'Closed', '{}', NULL, 17);
    RAISE EXCEPTION 'a wrong version was not refused' USING ERRCODE = 'XX000';
EXCEPTION WHEN raise_exception THEN
    NULL;
END;
$$;
DO $$
BEGIN
    PERFORM write_message('a0000000-0000-4000-8000-000000000001', 'account-123', 'Closed', '{}');
    RAISE EXCEPTION 'an id of old was not refused' USING ERRCODE = 'XX000';
EXCEPTION WHEN unique_violation THEN
    NULL;
END;
$$;

-- Odd names: a compound id, a category with a type, a stream that is only a category, not ASCII.
SELECT write_message('a0000000-0000-4000-8000-00000000000c', 'account:command-123+abc', 'Withdraw', '{}', '{}');
SELECT write_message('a0000000-0000-4000-8000-00000000000d', 'someCategory', 'Noted', '{"emoji": "🧊"}');
SELECT write_message('a0000000-0000-4000-8000-00000000000e', 'účet-日本-1', 'Otevřen', '{"u2028": "\u2028", "tab": "\t"}');

-- Consumers keep their positions as messages in streams of the same table, and so do entities their
-- snapshots (eventide-project/consumer-postgres and entity-snapshot-postgres). The last message of a
-- position stream counts.
SELECT write_message('a0000000-0000-4000-8000-00000000000f', 'account:position', 'Recorded', '{"position": 4}');
SELECT write_message('a0000000-0000-4000-8000-000000000010', 'account:position', 'Recorded', '{"position": 8}');
SELECT write_message('a0000000-0000-4000-8000-000000000011', 'account:position-reports', 'Recorded', '{"position": 3}');
SELECT write_message('a0000000-0000-4000-8000-000000000012', 'account:snapshot-123', 'Recorded',
    '{"entityData": {"id": "123", "balance": 6.5}, "entityVersion": 2}');

-- Messages are deleted by hand only (there is no function for it). A stream that lost its first.
SELECT write_message('a0000000-0000-4000-8000-000000000013', 'trimmed-1', 'First', '{}');
SELECT write_message('a0000000-0000-4000-8000-000000000014', 'trimmed-1', 'Second', '{}');
DELETE FROM messages WHERE stream_name = 'trimmed-1' AND position = 0;
