-- A small and odd content for Emmett's store, by emt_append_to_stream and store_processor_checkpoint,
-- called as appendToStream.ts and storeProcessorCheckpoint.ts call them (0.42.0).

SET client_encoding = 'UTF8';

BEGIN;
SELECT * FROM emt_append_to_stream(
    ARRAY['b0000000-0000-4000-8000-000000000001', 'b0000000-0000-4000-8000-000000000002']::text[],
    ARRAY['{"productItem": {"id": "shoes", "price": "100.10", "quantity": 2}}', '{"percent": 10}']::jsonb[],
    ARRAY['{"clientId": "Žofie"}', '{}']::jsonb[],
    ARRAY['1', '1']::text[], ARRAY['ProductItemAdded', 'DiscountApplied']::text[], ARRAY['E', 'E']::text[],
    'shopping_cart:123'::text, 'shopping_cart'::text, NULL::bigint, 'emt:default'::text);
COMMIT;

-- Two streams in one transaction; a command among the events; a bigint as a string; not ASCII.
BEGIN;
SELECT * FROM emt_append_to_stream(
    ARRAY['b0000000-0000-4000-8000-000000000003']::text[],
    ARRAY['{}']::jsonb[], ARRAY['{}']::jsonb[], ARRAY['1']::text[],
    ARRAY['ShoppingCartConfirmed']::text[], ARRAY['E']::text[],
    'shopping_cart:123'::text, 'shopping_cart'::text, 2::bigint, 'emt:default'::text);
SELECT * FROM emt_append_to_stream(
    ARRAY['b0000000-0000-4000-8000-000000000004', 'b0000000-0000-4000-8000-000000000005']::text[],
    ARRAY['{"orderId": "9007199254740993", "note": "žluťoučký 🧊 \u2028"}', '{"pay": [1.50, null, []]}']::jsonb[],
    ARRAY['{"correlationId": "日本"}', '{}']::jsonb[],
    ARRAY['1', '1']::text[], ARRAY['ObjednávkaVytvořena', 'Pay']::text[], ARRAY['E', 'C']::text[],
    'objednávka:日本'::text, 'order'::text, NULL::bigint, 'emt:default'::text);
COMMIT;

-- An append that is rolled back leaves a gap: global_position 6 and 7 are gone.
BEGIN;
SELECT * FROM emt_append_to_stream(
    ARRAY['b0000000-0000-4000-8000-000000000006', 'b0000000-0000-4000-8000-000000000007']::text[],
    ARRAY['{}', '{}']::jsonb[], ARRAY['{}', '{}']::jsonb[], ARRAY['1', '1']::text[],
    ARRAY['Lost', 'Lost']::text[], ARRAY['E', 'E']::text[],
    'shopping_cart:lost'::text, 'shopping_cart'::text, NULL::bigint, 'emt:default'::text);
ROLLBACK;

-- An append at a wrong position: it says no, and writes nothing.
SELECT * FROM emt_append_to_stream(
    ARRAY['b0000000-0000-4000-8000-000000000008']::text[],
    ARRAY['{}']::jsonb[], ARRAY['{}']::jsonb[], ARRAY['1']::text[],
    ARRAY['Late']::text[], ARRAY['E']::text[],
    'shopping_cart:123'::text, 'shopping_cart'::text, 1::bigint, 'emt:default'::text);

-- A stream that is archived, and then one of the same name that begins anew. There is no function
-- for archiving in 0.42.0: the rows move to the archived partitions when the column is changed.
SELECT * FROM emt_append_to_stream(
    ARRAY['b0000000-0000-4000-8000-000000000009', 'b0000000-0000-4000-8000-00000000000a']::text[],
    ARRAY['{"old": true}', '{"old": true}']::jsonb[], ARRAY['{}', '{}']::jsonb[], ARRAY['1', '1']::text[],
    ARRAY['Opened', 'Closed']::text[], ARRAY['E', 'E']::text[],
    'till:1'::text, 'till'::text, NULL::bigint, 'emt:default'::text);
BEGIN;
UPDATE emt_messages SET is_archived = TRUE WHERE stream_id = 'till:1' AND partition = 'emt:default';
UPDATE emt_streams SET is_archived = TRUE WHERE stream_id = 'till:1' AND partition = 'emt:default';
COMMIT;
SELECT * FROM emt_append_to_stream(
    ARRAY['b0000000-0000-4000-8000-00000000000b']::text[],
    ARRAY['{"old": false}']::jsonb[], ARRAY['{}']::jsonb[], ARRAY['1']::text[],
    ARRAY['Opened']::text[], ARRAY['E']::text[],
    'till:1'::text, 'till'::text, NULL::bigint, 'emt:default'::text);

-- Another partition, as for a tenant, with a stream of the same name as one above.
SELECT emt_add_partition('tenant-ž');
SELECT * FROM emt_append_to_stream(
    ARRAY['b0000000-0000-4000-8000-00000000000c']::text[],
    ARRAY['{"tenant": true}']::jsonb[], ARRAY['{}']::jsonb[], ARRAY['2']::text[],
    ARRAY['ProductItemAdded']::text[], ARRAY['E']::text[],
    'shopping_cart:123'::text, 'shopping_cart'::text, NULL::bigint, 'tenant-ž'::text);

-- Checkpoints of processors: global positions as text, padded with zeros to 19 digits. One is moved
-- on, one stays behind, one is in the other partition, one is of version 2.
SELECT store_processor_checkpoint('carts', 1, '0000000000000000002', NULL, pg_current_xact_id(), 'emt:default', 'emt:unknown');
SELECT store_processor_checkpoint('carts', 1, '0000000000000000010', '0000000000000000002', pg_current_xact_id(), 'emt:default', 'emt:unknown');
SELECT store_processor_checkpoint('přehled', 1, '0000000000000000003', NULL, pg_current_xact_id(), 'emt:default', 'emt:unknown');
SELECT store_processor_checkpoint('carts', 1, '0000000000000000011', NULL, pg_current_xact_id(), 'tenant-ž', 'emt:unknown');
SELECT store_processor_checkpoint('carts', 2, '0000000000000000000', NULL, pg_current_xact_id(), 'emt:default', 'emt:unknown');

-- Projections, as registered: one inline, one asynchronous.
INSERT INTO emt_projections (name, partition, version, type, kind, status, definition)
VALUES ('cart-details', 'emt:default', 1, 'i', 'pongo', 'active', '{"name": "cart-details"}'),
       ('přehled', 'emt:default', 1, 'a', 'pongo', 'async_processing', '{}');
