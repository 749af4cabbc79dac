-- commanded-jsonb: the event store of Commanded (Elixir), payloads as jsonb.
--
-- project   EventStore, https://github.com/commanded/eventstore
-- version   1.4.8 (tag v1.4.8), whose schema calls itself 1.3.2
-- file      lib/event_store/sql/init.ex
-- licence   MIT
-- taken     2026-11-21
--
-- The store makes its DDL at run time, from templates in Elixir, with the option column_data_type
-- (here jsonb). This is an expansion by hand: tables, columns, keys, indexes, triggers, their
-- arguments and their messages are those of the template; the bodies of the functions are written
-- anew to do the same. Compared with a database made from the template's own statements: pg_dump of
-- the two differs in the bodies of the three functions only. Left out: SET search_path (the schema
-- is public, as by default).

CREATE TABLE streams (
    stream_id      bigserial   PRIMARY KEY,
    stream_uuid    text        NOT NULL,
    stream_version bigint      NOT NULL DEFAULT 0,
    created_at     timestamptz NOT NULL DEFAULT now(),
    deleted_at     timestamptz
);
CREATE UNIQUE INDEX ix_streams_stream_uuid ON streams (stream_uuid);

CREATE TABLE events (
    event_id       uuid        PRIMARY KEY,
    event_type     text        NOT NULL,
    causation_id   uuid,
    correlation_id uuid,
    data           jsonb       NOT NULL,
    metadata       jsonb,
    created_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE stream_events (
    event_id                uuid   NOT NULL REFERENCES events (event_id),
    stream_id               bigint NOT NULL REFERENCES streams (stream_id),
    stream_version          bigint NOT NULL,
    original_stream_id      bigint REFERENCES streams (stream_id),
    original_stream_version bigint,
    PRIMARY KEY (event_id, stream_id)
);
CREATE UNIQUE INDEX ix_stream_events ON stream_events (stream_id, stream_version);

-- Refuses, with the trigger's argument as the reason.
CREATE FUNCTION event_store_exception() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION 'EventStore: %', TG_ARGV[0];
END
$body$;

-- Refuses likewise, unless the session has said that it means it.
CREATE FUNCTION event_store_delete() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF 'on' IN (current_setting('eventstore.enable_hard_deletes', true), current_setting('eventstore.reset', true)) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'EventStore: %', TG_ARGV[0] USING ERRCODE = 'feature_not_supported';
END
$body$;

CREATE TRIGGER no_delete_streams BEFORE DELETE ON streams
    FOR EACH STATEMENT EXECUTE FUNCTION event_store_delete('Cannot delete streams');
CREATE TRIGGER no_delete_events BEFORE DELETE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION event_store_delete('Cannot delete events');
CREATE TRIGGER no_update_events BEFORE UPDATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION event_store_exception('Cannot update events');
CREATE TRIGGER no_delete_stream_events BEFORE DELETE ON stream_events
    FOR EACH STATEMENT EXECUTE FUNCTION event_store_delete('Cannot delete stream events');
CREATE TRIGGER no_update_stream_events BEFORE UPDATE ON stream_events
    FOR EACH STATEMENT EXECUTE FUNCTION event_store_exception('Cannot update stream events');

-- Tells listeners of <schema>.events: stream_uuid, stream_id, first and last new version.
CREATE FUNCTION notify_events() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    first_version bigint := 1;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        first_version := OLD.stream_version + 1;
    END IF;
    PERFORM pg_notify(TG_TABLE_SCHEMA || '.events',
        concat_ws(',', NEW.stream_uuid, NEW.stream_id, first_version, NEW.stream_version));
    RETURN NULL;
END
$body$;

-- The stream of all events; its version is the number of the newest.
INSERT INTO streams (stream_id, stream_uuid, stream_version) VALUES (0, '$all', 0);

CREATE TRIGGER event_notification AFTER INSERT OR UPDATE ON streams
    FOR EACH ROW EXECUTE FUNCTION notify_events();

CREATE TABLE subscriptions (
    subscription_id   bigserial   PRIMARY KEY,
    stream_uuid       text        NOT NULL,
    subscription_name text        NOT NULL,
    last_seen         bigint,
    created_at        timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX ix_subscriptions_stream_uuid_subscription_name
    ON subscriptions (stream_uuid, subscription_name);

CREATE TABLE snapshots (
    source_uuid    text        PRIMARY KEY,
    source_version bigint      NOT NULL,
    source_type    text        NOT NULL,
    data           jsonb       NOT NULL,
    metadata       jsonb,
    created_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE schema_migrations (
    major_version int         NOT NULL,
    minor_version int         NOT NULL,
    patch_version int         NOT NULL,
    migrated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (major_version, minor_version, patch_version)
);
INSERT INTO schema_migrations (major_version, minor_version, patch_version) VALUES (1, 3, 2);
