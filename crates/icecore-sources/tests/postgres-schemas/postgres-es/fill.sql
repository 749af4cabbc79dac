-- A small and odd content for postgres-es, by the statements of its src/sql_query.rs and
-- src/view_repository.rs (0.5.0). One call of `persist` is one transaction, of one aggregate.

SET client_encoding = 'UTF8';

-- Two commands on one aggregate. The first sequence is 1.
BEGIN;
INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
VALUES ('account', 'ACC-1', 1, 'AccountOpened', '1.0', '{"AccountOpened":{"account_id":"ACC-1"}}', '{}');
INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
VALUES ('account', 'ACC-1', 2, 'CustomerDepositedMoney', '1.0',
    '{"CustomerDepositedMoney":{"amount":1000.0,"balance":1000.0}}',
    '{"time":"2026-11-21T09:00:00Z","user":"Žofie 🧊"}');
COMMIT;
BEGIN;
INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
VALUES ('account', 'ACC-1', 3, 'CustomerWithdrewCash', '1.0',
    '{"CustomerWithdrewCash":{"amount":0.1,"balance":999.9}}', '{}');
COMMIT;

-- The same id in another type: another aggregate. The type and the id together are the stream.
BEGIN;
INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
VALUES ('customer', 'ACC-1', 1, 'NameAdded', '2.0', '{"NameAdded":{"changed_name":"日本"}}', '{}');
COMMIT;

-- A row from the published init.sql, of a version that upcasters have to lift.
INSERT INTO public.events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
VALUES ('Customer', 'previous_event_in_need_of_upcast', 1, 'NameAdded', '1.0', '{"NameAdded": {}}', '{}');

-- An append that is rolled back; it leaves nothing, not even a gap: there is no sequence.
BEGIN;
INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
VALUES ('account', 'ACC-1', 4, 'Lost', '1.0', '{}', '{}');
ROLLBACK;

-- A lost race: the primary key refuses the second event of one sequence.
DO $$
BEGIN
    INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
    VALUES ('account', 'ACC-1', 3, 'Late', '1.0', '{}', '{}');
    RAISE EXCEPTION 'a second event of one sequence was not refused';
EXCEPTION WHEN unique_violation THEN
    NULL;
END;
$$;

-- Written by other software. The type is json, not jsonb: spaces, the order of members, members of
-- one name and the spelling of numbers all stay as they were. The id is empty, and has a colon.
INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
VALUES
    ('ledger:book', '', 1, 'Imported', '', '{ "z" : 1.50, "a":1e2,
  "a" : "\u017dofie" , "huge":12345678901234567890123 }', 'null'),
    ('ledger:book', '', 2, 'Imported', '', '[]', '""');

-- A snapshot, first made and then replaced (current_snapshot counts from 1), and its events.
BEGIN;
INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
VALUES ('account', 'ACC-2', 1, 'AccountOpened', '1.0', '{"AccountOpened":{"account_id":"ACC-2"}}', '{}');
INSERT INTO snapshots (aggregate_type, aggregate_id, last_sequence, current_snapshot, payload)
VALUES ('account', 'ACC-2', 1, 1, '{"account_id":"ACC-2","balance":0.0}');
COMMIT;
BEGIN;
INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
VALUES ('account', 'ACC-2', 2, 'CustomerDepositedMoney', '1.0',
    '{"CustomerDepositedMoney":{"amount":7.0,"balance":7.0}}', '{}');
UPDATE snapshots SET last_sequence= 2 , payload= '{"account_id":"ACC-2","balance":7.0}', current_snapshot= 2
WHERE aggregate_type= 'account' AND aggregate_id= 'ACC-2' AND current_snapshot= 1;
COMMIT;

-- A view: a read model, whose version counts its own changes and not events.
INSERT INTO test_view (payload, version, view_id) VALUES ( '{"balance":1000.0}', 1, 'ACC-1' );
UPDATE test_view SET payload= '{"balance":999.9}' , version= 2 WHERE view_id= 'ACC-1' AND version= 1;
