-- A small and odd content for Marten with streams named by UUIDs, by mt_quick_append_events,
-- mt_archive_stream and mt_mark_event_progression, called as Marten 9.29 calls them. One session's
-- SaveChanges is one transaction.

SET client_encoding = 'UTF8';

BEGIN;
SELECT mt_quick_append_events('c0000000-0000-4000-8000-000000000001', 'quest', '*DEFAULT*',
    ARRAY['c1000000-0000-7000-8000-000000000001', 'c1000000-0000-7000-8000-000000000002']::uuid[],
    ARRAY['quest_started', 'members_joined']::varchar[],
    ARRAY['Quests.QuestStarted, Quests', 'Quests.MembersJoined, Quests']::varchar[],
    ARRAY['{"Name": "Žofie 🧊"}', '{"Day": 1, "Members": ["Rand", "日本"], "Exact": 12345678901234567890.1234567890}']::jsonb[],
    ARRAY[NULL, NULL]::bytea[],
    ARRAY['2026-11-21 09:00:00.123456+00', '2026-11-21 09:00:00.123457+00']::timestamptz[]);
COMMIT;

-- Two streams in one transaction, one at an expected version, one without an aggregate's type.
BEGIN;
SELECT mt_quick_append_events('c0000000-0000-4000-8000-000000000001', 'quest', '*DEFAULT*',
    ARRAY['c1000000-0000-7000-8000-000000000003']::uuid[], ARRAY['members_departed']::varchar[],
    ARRAY['Quests.MembersDeparted, Quests']::varchar[], ARRAY['{}']::jsonb[], ARRAY[NULL]::bytea[],
    ARRAY['2026-11-21 10:00:00+00']::timestamptz[], 2);
SELECT mt_quick_append_events('c0000000-0000-4000-8000-000000000002', NULL, '*DEFAULT*',
    ARRAY['c1000000-0000-7000-8000-000000000004']::uuid[], ARRAY['noted']::varchar[],
    ARRAY[NULL]::varchar[], ARRAY['null']::jsonb[], ARRAY[NULL]::bytea[],
    ARRAY['2026-11-21 09:59:59+00']::timestamptz[]);
COMMIT;

-- A transaction that is rolled back leaves a gap: seq_id 5 is gone.
BEGIN;
SELECT mt_quick_append_events('c0000000-0000-4000-8000-000000000002', NULL, '*DEFAULT*',
    ARRAY['c1000000-0000-7000-8000-000000000005']::uuid[], ARRAY['noted']::varchar[],
    ARRAY[NULL]::varchar[], ARRAY['{}']::jsonb[], ARRAY[NULL]::bytea[],
    ARRAY['2026-11-21 11:00:00+00']::timestamptz[]);
ROLLBACK;

-- A wrong expected version: refused before a number is drawn.
DO $$
BEGIN
    PERFORM mt_quick_append_events('c0000000-0000-4000-8000-000000000001', 'quest', '*DEFAULT*',
        ARRAY['c1000000-0000-7000-8000-000000000006']::uuid[], ARRAY['late']::varchar[],
        ARRAY[NULL]::varchar[], ARRAY['{}']::jsonb[], ARRAY[NULL]::bytea[], ARRAY[now()], 1);
    RAISE EXCEPTION 'a wrong version was not refused';
EXCEPTION WHEN SQLSTATE 'MT003' THEN
    NULL;
END;
$$;

-- A binary payload: data is an empty object then, and the bytes are in bdata.
SELECT mt_quick_append_events('c0000000-0000-4000-8000-000000000003', 'reading', '*DEFAULT*',
    ARRAY['c1000000-0000-7000-8000-000000000007', 'c1000000-0000-7000-8000-000000000008']::uuid[],
    ARRAY['measured', 'measured']::varchar[], ARRAY[NULL, NULL]::varchar[],
    ARRAY['{}', '{"value": 1.50}']::jsonb[], ARRAY['\x00ff10', NULL]::bytea[],
    ARRAY['2026-11-21 12:00:00+00', '2026-11-21 12:00:01+00']::timestamptz[]);

-- An archived stream: its rows stay, and are marked. Nothing can be appended to it any more.
SELECT mt_quick_append_events('c0000000-0000-4000-8000-000000000004', 'quest', '*DEFAULT*',
    ARRAY['c1000000-0000-7000-8000-000000000009']::uuid[], ARRAY['quest_started']::varchar[],
    ARRAY['Quests.QuestStarted, Quests']::varchar[], ARRAY['{"Name": "old"}']::jsonb[], ARRAY[NULL]::bytea[],
    ARRAY['2020-01-01 00:00:00+00']::timestamptz[]);
SELECT mt_archive_stream('c0000000-0000-4000-8000-000000000004');

-- A tombstone, as the older mode (Rich) leaves one in the place of an event that failed: the stream
-- is at version 0 and its id is made up by each process. The number was drawn before.
INSERT INTO mt_streams (id, tenant_id, version, is_archived)
VALUES ('c0000000-0000-4000-8000-00000000dead', '*DEFAULT*', 0, false) ON CONFLICT (id) DO NOTHING;
INSERT INTO mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, is_archived)
SELECT n, 'c1000000-0000-7000-8000-00000000000a', 'c0000000-0000-4000-8000-00000000dead', n, '{}',
    'tombstone', '2026-11-21 13:00:00+00', '*DEFAULT*', 'JasperFx.Events.Tombstone, JasperFx.Events', false
FROM nextval('mt_events_sequence') AS n;

-- Progress of the daemon: the high-water mark, a projection at it, one behind.
SELECT mt_mark_event_progression('HighWaterMark', 8);
SELECT mt_mark_event_progression('HighWaterMark', 9);
INSERT INTO mt_event_progression (name, last_seq_id) VALUES ('Quests:All', 9);
INSERT INTO mt_event_progression (name, last_seq_id) VALUES ('Přehled:V2:All', 3);
