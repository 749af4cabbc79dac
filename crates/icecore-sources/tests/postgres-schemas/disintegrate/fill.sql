-- A small and odd content for disintegrate, appended as PgEventStore does it (disintegrate-postgres
-- 4.0.1, src/event_store.rs and src/event_store/append.rs): SERIALIZABLE, the epoch begun, the check
-- for newer events, then one INSERT. Payloads are what disintegrate_serde's Json writes, as bytes.

SET client_encoding = 'UTF8';

BEGIN;
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
SELECT event_store_begin_epoch();
SELECT EXISTS (SELECT 1 FROM event WHERE event_id > 0 AND cart_id = 'cart-1');
INSERT INTO event (event_type,payload,cart_id,product_id) VALUES
    ('ItemAdded', convert_to('{"event_type":"item_added","cart_id":"cart-1","quantity":2}', 'UTF8'),
        'cart-1', '6f7f3b38-5a3e-4a53-9d15-0a2a6c6f3c01'),
    ('ItemAdded', convert_to('{"event_type":"item_added","cart_id":"cart-1","quantity":1}', 'UTF8'),
        'cart-1', '6f7f3b38-5a3e-4a53-9d15-0a2a6c6f3c02') RETURNING (event_id);
COMMIT;

-- An append that is rolled back leaves a gap: event_id 3 is gone.
BEGIN;
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
SELECT event_store_begin_epoch();
INSERT INTO event (event_type,payload,cart_id) VALUES
    ('CartAbandoned', convert_to('{}', 'UTF8'), 'cart-1') RETURNING (event_id);
ROLLBACK;

-- Events with other identifiers, in one transaction: columns that an event has not are NULL.
BEGIN;
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
SELECT event_store_begin_epoch();
INSERT INTO event (event_type,payload,cart_id,order_number) VALUES
    ('OrderPlaced', convert_to('{"event_type":"order_placed","note":"žluťoučký kůň 🧊"}', 'UTF8'),
        'košík-日本', 9007199254740993),
    ('CartClosed', convert_to('{}', 'UTF8'), 'košík-日本', NULL) RETURNING (event_id);
COMMIT;

-- Without the check, as append_without_validation does it. No identifiers at all; a payload that is
-- not text (MessagePack), and one that is empty.
BEGIN;
SELECT event_store_begin_epoch();
INSERT INTO event (event_type,payload) VALUES
    ('Ticked', '\x81a16bc0'), ('Ticked', '\x') RETURNING (event_id);
COMMIT;

-- An identifier found later, as PgIdIndexer does it: events are updated.
UPDATE event SET order_number = 42 WHERE event_id = 2;

-- Listeners, as they are registered, one that has handled some, one that nothing ever moved.
INSERT INTO event_listener (id, last_processed_event_id) VALUES ('read-model', 0) ON CONFLICT (id) DO NOTHING;
INSERT INTO event_listener (id, last_processed_event_id) VALUES ('e-maily', 0) ON CONFLICT (id) DO NOTHING;
INSERT INTO event_listener (id, last_processed_event_id) VALUES ('new', 0) ON CONFLICT (id) DO NOTHING;
UPDATE event_listener SET last_processed_event_id = 7, updated_at = now() WHERE id = 'read-model';
UPDATE event_listener SET last_processed_event_id = 2, updated_at = now() WHERE id = 'e-maily';

-- Snapshots of states, as PgSnapshotter::store_snapshot. Ids are made from the state's name and the
-- query (UUID version 3); the version is the id of the last event that was applied.
INSERT INTO snapshot (id, name, query, payload, version)
VALUES ('fb1769ee-cb73-329a-86d2-9c521b561036', 'Cart', '(0|ItemAdded,CartClosed|cart_id=cart-1)', '{"items":3}', 2)
ON CONFLICT(id) DO UPDATE SET name = EXCLUDED.name, query = EXCLUDED.query, payload = EXCLUDED.payload,
    version = EXCLUDED.version WHERE snapshot.version < EXCLUDED.version;
INSERT INTO snapshot (id, name, query, payload, version)
VALUES ('c5ced431-5739-32da-a368-94e4b41498e4', 'Order', '(0|OrderPlaced|order_number=9007199254740993)', '{}', 4);
