-- disintegrate: the event store of the Rust crate `disintegrate-postgres`.
--
-- project   Disintegrate, https://github.com/disintegrate-es/disintegrate
-- version   disintegrate-postgres 4.0.1 (commit 012af4ae57406fca9642a786e8749ac037190dea)
-- files     https://docs.rs/crate/disintegrate-postgres/4.0.1/source/src/ : event_store/sql/,
--           listener/sql/, snapshotter/sql/ and, for the order and the columns of domain
--           identifiers, migrator.rs
-- licence   MIT, Copyright (c) 2023 Luca Iachini, Valerio Iachini (the rest of the notice is as in
--           ../message-db/schema.sql)
-- taken     2026-11-21, from the published crate
--
-- Verbatim: every SQL file, in the order of Migrator::init_event_store, Migrator::init_listener and
-- snapshotter::setup. Expanded by hand: the ALTER TABLE and CREATE INDEX that migrator.rs makes for
-- each domain identifier of the application's events, here one of each of its three types. Changed:
-- event_store_begin_epoch has 4294967295 where the published file has 0xFFFFFFFF. PostgreSQL reads
-- such numbers from version 16 on; 15 and older refuse the published function.

-- ---- src/event_store/sql/seq_event_event_id.sql
CREATE SEQUENCE IF NOT EXISTS seq_event_event_id;

-- ---- src/event_store/sql/table_event.sql
CREATE TABLE IF NOT EXISTS event (
    event_id BIGINT PRIMARY KEY DEFAULT nextval('seq_event_event_id'),
    event_type VARCHAR(255),
    payload BYTEA,
    inserted_at TIMESTAMP DEFAULT now()
);

-- ---- src/event_store/sql/idx_event_type.sql
CREATE INDEX IF NOT EXISTS idx_event_type_btree ON event(event_type);

-- ---- src/event_store/sql/fn_event_store_current_epoch.sql
CREATE OR REPLACE FUNCTION event_store_current_epoch()
RETURNS BIGINT AS $$
DECLARE
    persisted_event_id BIGINT;
    pending_event_id BIGINT;
    db_id INT;
BEGIN
    SELECT COALESCE(MAX(event_id), 0) INTO persisted_event_id FROM event;
    SELECT oid INTO db_id FROM pg_database WHERE datname = current_database();

    SELECT MIN((l3.objid::bigint << 32) + l2.objid::bigint)
    INTO pending_event_id
    FROM pg_locks l1
    INNER JOIN pg_locks l2 ON l1.pid = l2.pid
    INNER JOIN pg_locks l3 ON l1.pid = l3.pid
    WHERE
        l1.classid = db_id
        AND l2.classid = 1
        AND l3.classid = 2
        AND l1.locktype = 'advisory';

    RETURN LEAST(COALESCE(pending_event_id, persisted_event_id), persisted_event_id);
END;
$$ LANGUAGE plpgsql;

-- ---- src/event_store/sql/fn_event_store_begin_epoch.sql
CREATE OR REPLACE FUNCTION event_store_begin_epoch()
RETURNS void AS $$
DECLARE
    id BIGINT;
    db_id INT;
BEGIN
    SELECT last_value INTO id FROM seq_event_event_id;
    SELECT oid INTO db_id FROM pg_database WHERE datname = current_database();

    PERFORM pg_try_advisory_xact_lock_shared(db_id, 0);
    PERFORM pg_try_advisory_xact_lock_shared(1, (id & 4294967295)::bit(32)::integer);
    PERFORM pg_try_advisory_xact_lock_shared(2, (id >> 32)::bit(32)::integer);
END;
$$ LANGUAGE plpgsql;

-- ---- src/migrator.rs, add_domain_id_column, for String, i64 and Uuid
ALTER TABLE event ADD COLUMN IF NOT EXISTS cart_id TEXT;
CREATE INDEX IF NOT EXISTS idx_event_cart_id ON event (cart_id) WHERE cart_id IS NOT NULL;
ALTER TABLE event ADD COLUMN IF NOT EXISTS order_number BIGINT;
CREATE INDEX IF NOT EXISTS idx_event_order_number ON event (order_number) WHERE order_number IS NOT NULL;
ALTER TABLE event ADD COLUMN IF NOT EXISTS product_id UUID;
CREATE INDEX IF NOT EXISTS idx_event_product_id ON event (product_id) WHERE product_id IS NOT NULL;

-- ---- src/listener/sql/table_event_listener.sql
CREATE TABLE IF NOT EXISTS event_listener (
    id TEXT PRIMARY KEY,
    last_processed_event_id BIGINT,
    updated_at TIMESTAMP DEFAULT now()
);

-- ---- src/listener/sql/fn_notify_event_listener.sql
CREATE OR REPLACE FUNCTION notify_event_listener()
      RETURNS TRIGGER AS $$
 BEGIN
    PERFORM pg_notify('new_events', NEW.event_type);
    RETURN new;
 END;
$$ LANGUAGE plpgsql;

-- ---- src/listener/sql/trigger_notify_event_listener.sql
CREATE OR REPLACE TRIGGER event_insert_trigger
  AFTER INSERT ON event 
  FOR EACH ROW
  EXECUTE function notify_event_listener();

-- ---- src/snapshotter/sql/table_snapshot.sql
CREATE TABLE IF NOT EXISTS snapshot (
    id uuid PRIMARY KEY,
    name text,
    query text,
    version bigint,
    payload text,
    inserted_at TIMESTAMP DEFAULT now()
);
