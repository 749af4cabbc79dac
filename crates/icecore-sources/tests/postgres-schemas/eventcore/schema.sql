-- eventcore: the event store of the Rust crate `eventcore-postgres`.
--
-- project   EventCore, https://github.com/jwilger/eventcore
-- version   eventcore-postgres 2.1.0 (commit fea3e386cce904e9ef9b76cd303926870d04a692)
-- files     https://docs.rs/crate/eventcore-postgres/2.1.0/source/migrations/
--           https://docs.rs/crate/sqlx-postgres/0.8.6/source/src/migrate.rs (the ledger table)
-- licence   MIT, as the crate declares it (the notice is in ../message-db/schema.sql)
-- taken     2026-11-21, from the published crate
--
-- Verbatim: every migration, in the order of their numbers, with nothing left out. Added by hand:
-- BEGIN and COMMIT around each, and the ledger's rows, as sqlx 0.8.6 writes them (the checksum is
-- SHA-384 of the file, the description is the file's name with its underscores as spaces). The
-- ledger's `execution_time` is made up: it is the one value that differs from machine to machine.

CREATE TABLE IF NOT EXISTS _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
    success BOOLEAN NOT NULL,
    checksum BYTEA NOT NULL,
    execution_time BIGINT NOT NULL
);

-- ---- migrations/0001_create_events_table.sql
BEGIN;

CREATE TABLE IF NOT EXISTS eventcore_events (
    event_id UUID PRIMARY KEY,
    stream_id TEXT NOT NULL,
    stream_version BIGINT NOT NULL,
    event_type TEXT NOT NULL,
    event_data JSONB NOT NULL,
    metadata JSONB NOT NULL DEFAULT '{}'::jsonb,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE UNIQUE INDEX IF NOT EXISTS eventcore_events_stream_version_idx
    ON eventcore_events (stream_id, stream_version);

CREATE INDEX IF NOT EXISTS eventcore_events_stream_idx
    ON eventcore_events (stream_id);

INSERT INTO _sqlx_migrations ( version, description, success, checksum, execution_time )
VALUES ( 1, 'create events table', TRUE,
    '\x53d23e2c02456e6900ea9948f9d949d9de0d19ed2ffa67137332587f8ae729f9a3eeb088611f5e1484d7651c21afb212', -1 );
COMMIT;
UPDATE _sqlx_migrations SET execution_time = 1611111 WHERE version = 1;

-- ---- migrations/0002_add_metadata_column.sql
BEGIN;

ALTER TABLE eventcore_events
    ADD COLUMN IF NOT EXISTS metadata JSONB NOT NULL DEFAULT '{}'::jsonb;

INSERT INTO _sqlx_migrations ( version, description, success, checksum, execution_time )
VALUES ( 2, 'add metadata column', TRUE,
    '\x2372f7aff13b5da956434117d8f2c1fb641554d57d14a8b31e8f432ce2f1db1c79197d773be3533cedcfd89111c910e3', -1 );
COMMIT;
UPDATE _sqlx_migrations SET execution_time = 1722222 WHERE version = 2;

-- ---- migrations/0003_add_version_trigger.sql
BEGIN;

-- Add trigger-based version management for gap-free sequential versions
-- and database-enforced optimistic concurrency control.
--
-- Usage: Before INSERT, set expected versions via session config:
--   SELECT set_config('eventcore.expected_versions', '{"stream_id": expected_version, ...}', true);
--
-- The trigger will:
-- 1. Validate that each stream's current max version matches the expected version
-- 2. Auto-assign stream_version as max + 1 (gap-free)
-- 3. Raise an exception if validation fails

CREATE OR REPLACE FUNCTION eventcore_assign_stream_version()
RETURNS TRIGGER AS $$
DECLARE
    current_max_version BIGINT;
    expected_versions JSONB;
    expected_version BIGINT;
BEGIN
    -- Get current max version for this stream
    -- Use a subquery to get max, avoiding FOR UPDATE with aggregate
    SELECT COALESCE(
        (SELECT stream_version FROM eventcore_events
         WHERE stream_id = NEW.stream_id
         ORDER BY stream_version DESC
         LIMIT 1
         FOR UPDATE),
        0
    ) INTO current_max_version;

    -- Check if expected versions are set in session config
    expected_versions := NULLIF(current_setting('eventcore.expected_versions', true), '')::JSONB;

    IF expected_versions IS NOT NULL THEN
        -- Get expected version for this stream
        expected_version := (expected_versions ->> NEW.stream_id)::BIGINT;

        IF expected_version IS NOT NULL AND expected_version != current_max_version THEN
            RAISE EXCEPTION 'version_conflict: stream "%" expected version %, actual %',
                NEW.stream_id, expected_version, current_max_version
                USING ERRCODE = 'P0001';  -- Custom error code for version conflict
        END IF;

        -- Update expected version for subsequent events in same stream
        -- This handles multiple events to the same stream in one INSERT
        expected_versions := jsonb_set(
            expected_versions,
            ARRAY[NEW.stream_id],
            to_jsonb(current_max_version + 1)
        );
        PERFORM set_config('eventcore.expected_versions', expected_versions::TEXT, true);
    END IF;

    -- Auto-assign the next sequential version
    NEW.stream_version := current_max_version + 1;

    RETURN NEW;
END;
$$ LANGUAGE plpgsql;

-- Create the trigger (drop first if exists for idempotency)
DROP TRIGGER IF EXISTS eventcore_version_trigger ON eventcore_events;

CREATE TRIGGER eventcore_version_trigger
    BEFORE INSERT ON eventcore_events
    FOR EACH ROW
    EXECUTE FUNCTION eventcore_assign_stream_version();

-- Make stream_version optional (trigger will assign it)
-- We keep the column NOT NULL but allow the trigger to set it
ALTER TABLE eventcore_events
    ALTER COLUMN stream_version SET DEFAULT 0;

INSERT INTO _sqlx_migrations ( version, description, success, checksum, execution_time )
VALUES ( 3, 'add version trigger', TRUE,
    '\x954ff781e50ab8370119f76dd7620412e33ab246360a9f21363b7c25f8bbc8065f41909caeed9b331946a728b2808704', -1 );
COMMIT;
UPDATE _sqlx_migrations SET execution_time = 1833333 WHERE version = 3;

-- ---- migrations/0004_prevent_event_updates.sql
BEGIN;

-- Prevent UPDATE operations on the event log to enforce immutability.
-- Events are append-only; once written, they must never change.

CREATE OR REPLACE FUNCTION eventcore_prevent_update()
RETURNS TRIGGER AS $$
BEGIN
    RAISE EXCEPTION 'Events are immutable and cannot be updated'
        USING ERRCODE = 'P0002';
END;
$$ LANGUAGE plpgsql;

-- Create the trigger (drop first if exists for idempotency)
DROP TRIGGER IF EXISTS eventcore_prevent_update_trigger ON eventcore_events;

CREATE TRIGGER eventcore_prevent_update_trigger
    BEFORE UPDATE ON eventcore_events
    FOR EACH ROW
    EXECUTE FUNCTION eventcore_prevent_update();

INSERT INTO _sqlx_migrations ( version, description, success, checksum, execution_time )
VALUES ( 4, 'prevent event updates', TRUE,
    '\x680f8a78f3a6933a9c5647342fd6f592b88fdaac370ca2c2bb8a76c10d70de32598f47ddd1eeb7ad14dfb13a8f073eda', -1 );
COMMIT;
UPDATE _sqlx_migrations SET execution_time = 1944444 WHERE version = 4;

-- ---- migrations/0005_prevent_event_deletes.sql
BEGIN;

-- Prevent DELETE operations on the event log to enforce immutability.
-- Events are append-only; once written, they must never be removed.

CREATE OR REPLACE FUNCTION eventcore_prevent_delete()
RETURNS TRIGGER AS $$
BEGIN
    RAISE EXCEPTION 'Events are immutable and cannot be deleted'
        USING ERRCODE = 'P0002';
END;
$$ LANGUAGE plpgsql;

-- Create the trigger (drop first if exists for idempotency)
DROP TRIGGER IF EXISTS eventcore_prevent_delete_trigger ON eventcore_events;

CREATE TRIGGER eventcore_prevent_delete_trigger
    BEFORE DELETE ON eventcore_events
    FOR EACH ROW
    EXECUTE FUNCTION eventcore_prevent_delete();

INSERT INTO _sqlx_migrations ( version, description, success, checksum, execution_time )
VALUES ( 5, 'prevent event deletes', TRUE,
    '\x1102013e6c58af87517c7e90e5a622b3c8ef1ac1869884f97ab99ddb7f4c6c8a7d5474eb42d79afd688c82f1cf6f9946', -1 );
COMMIT;
UPDATE _sqlx_migrations SET execution_time = 2055555 WHERE version = 5;

-- ---- migrations/0006_add_subscription_versions.sql
BEGIN;

-- Checkpoint positions for event subscriptions/projectors per ADR-026
CREATE TABLE IF NOT EXISTS eventcore_subscription_versions (
    subscription_name TEXT PRIMARY KEY,
    last_position UUID NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE INDEX IF NOT EXISTS eventcore_subscription_versions_updated_at_idx
    ON eventcore_subscription_versions (updated_at);

COMMENT ON TABLE eventcore_subscription_versions IS 'Tracks checkpoint positions for event subscriptions/projectors per ADR-026';

INSERT INTO _sqlx_migrations ( version, description, success, checksum, execution_time )
VALUES ( 6, 'add subscription versions', TRUE,
    '\x9876d415caa2f79e5b678946dc36ba586a253b5ea1ea6c7e74043e6f0410ccb62ba2114d2564e80950bfc805c020bebd', -1 );
COMMIT;
UPDATE _sqlx_migrations SET execution_time = 2166666 WHERE version = 6;

-- ---- migrations/0007_add_command_state_snapshots.sql
BEGIN;

CREATE TABLE IF NOT EXISTS eventcore_command_state_snapshots (
    snapshot_id TEXT PRIMARY KEY,
    state JSONB NOT NULL,
    stream_versions JSONB NOT NULL,
    replay_checkpoints JSONB NOT NULL DEFAULT '[]'::jsonb,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    CHECK (jsonb_typeof(stream_versions) = 'object'),
    CHECK (jsonb_typeof(replay_checkpoints) = 'array')
);

INSERT INTO _sqlx_migrations ( version, description, success, checksum, execution_time )
VALUES ( 7, 'add command state snapshots', TRUE,
    '\xbf6601e91e4a591996289cdf2aad9d2b3beb75d2d104e75e3b71f0d7cc74f54971eefc0599966cba5be84994b592ee2a', -1 );
COMMIT;
UPDATE _sqlx_migrations SET execution_time = 2277777 WHERE version = 7;
