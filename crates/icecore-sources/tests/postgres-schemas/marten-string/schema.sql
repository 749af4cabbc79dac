-- marten-string: the event store of Marten (.NET), streams named by strings.
--
-- project   Marten, https://github.com/JasperFx/marten
-- version   9.29.0 (tag V9.29.0, commit c921fa5dfdf7d540b5fe85d833831080c07c94d6)
-- files     src/Marten/Events/Schema/ (EventsTable.cs, StreamsTable.cs, EventProgressionTable.cs,
--           QuickAppendEventFunction.cs), src/Marten/Events/Archiving/ArchiveStreamFunction.cs,
--           src/Marten/Schema/SQL/mt_mark_event_progression.sql, src/Marten/Events/EventGraph.cs
--           (the defaults) and EventGraph.FeatureSchema.cs (what is made, in which order)
-- licence   MIT
-- taken     2026-11-21
--
-- Marten makes its DDL at run time, from .NET classes. So this is not a copy but an expansion by
-- hand: tables, columns, types, defaults, names of keys, indexes and arguments are those that the
-- classes above yield; the bodies of the functions are written anew to leave the same rows behind.
-- It was not compared with a database made by Marten. Configuration: StreamIdentity.AsString,
-- TenancyStyle.Conjoined, and the four optional metadata columns (correlation id, causation id,
-- headers, user name); the rest as by default.
-- Defaults that matter: EventAppendMode.QuickWithServerTimestamps, EnableBigIntEvents, schema public.
-- Left out: mt_doc_deadletterevent (a document table), and what options add: archived and
-- per-tenant partitions, tags, is_skipped, extended progression, skips of the high-water mark.

CREATE TABLE mt_streams (
    tenant_id varchar NOT NULL DEFAULT '*DEFAULT*',
    id varchar NOT NULL,
    type varchar,
    version bigint,
    timestamp timestamptz NOT NULL DEFAULT (now()),
    created timestamptz NOT NULL DEFAULT (now()),
    is_archived bool DEFAULT FALSE,
    CONSTRAINT pkey_mt_streams_tenant_id_id PRIMARY KEY (tenant_id, id)
);

CREATE TABLE mt_events (
    seq_id bigint NOT NULL,
    id uuid NOT NULL,
    stream_id varchar,
    version bigint NOT NULL,
    data jsonb NOT NULL,
    bdata bytea,
    type varchar(500) NOT NULL,
    timestamp timestamptz NOT NULL DEFAULT (now()),
    tenant_id varchar DEFAULT '*DEFAULT*',
    mt_dotnet_type varchar,
    correlation_id varchar,
    causation_id varchar,
    headers jsonb,
    user_name varchar,
    is_archived bool DEFAULT FALSE,
    CONSTRAINT pkey_mt_events_seq_id PRIMARY KEY (seq_id)
);

ALTER TABLE mt_events ADD CONSTRAINT fkey_mt_events_stream_id_tenant_id
    FOREIGN KEY (tenant_id, stream_id) REFERENCES mt_streams (tenant_id, id);
CREATE UNIQUE INDEX pk_mt_events_stream_and_version ON mt_events (tenant_id, stream_id, version);

CREATE SEQUENCE mt_events_sequence;
ALTER SEQUENCE mt_events_sequence OWNED BY mt_events.seq_id;

CREATE TABLE mt_event_progression (
    name varchar NOT NULL,
    last_seq_id bigint,
    last_updated timestamptz DEFAULT (transaction_timestamp()),
    CONSTRAINT pk_mt_event_progression PRIMARY KEY (name)
);

CREATE FUNCTION mt_mark_event_progression(name varchar, last_encountered bigint) RETURNS void
LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO mt_event_progression AS p (name, last_seq_id, last_updated)
    VALUES ($1, $2, transaction_timestamp())
    ON CONFLICT ON CONSTRAINT pk_mt_event_progression
    DO UPDATE SET last_seq_id = EXCLUDED.last_seq_id, last_updated = EXCLUDED.last_updated;
END
$body$;

CREATE FUNCTION mt_archive_stream(streamid varchar, tenantid varchar) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    UPDATE mt_streams SET is_archived = TRUE WHERE id = streamid AND tenant_id = tenantid;
    UPDATE mt_events SET is_archived = TRUE WHERE stream_id = streamid AND tenant_id = tenantid;
END
$body$;

-- Returns the stream's new version, and then the number of each event.
CREATE FUNCTION mt_quick_append_events(
    stream varchar, stream_type varchar, tenantid varchar, event_ids uuid[], event_types varchar[],
    dotnet_types varchar[], bodies jsonb[], bdatas bytea[],
    causation_ids varchar[], correlation_ids varchar[], headers jsonb[], user_names varchar[],
    timestamps timestamptz[], expected_version bigint DEFAULT NULL
) RETURNS bigint[] LANGUAGE plpgsql AS $body$
DECLARE
    present mt_streams%ROWTYPE;
    reached bigint;
    number bigint;
    numbers bigint[] := '{}';
BEGIN
    SELECT * INTO present FROM mt_streams s WHERE s.id = stream AND s.tenant_id = tenantid;
    reached := coalesce(present.version, 0);
    IF expected_version <> reached THEN
        RAISE EXCEPTION 'stream % is at version %, not at %', stream, reached, expected_version
            USING ERRCODE = 'MT003';
    END IF;
    IF present.version IS NULL THEN
        INSERT INTO mt_streams (id, type, version, timestamp, tenant_id)
        VALUES (stream, stream_type, 0, now(), tenantid);
    ELSIF present.is_archived THEN
        RAISE EXCEPTION 'stream % is archived', stream USING ERRCODE = 'MT001';
    ELSIF present.tenant_id <> tenantid THEN
        RAISE EXCEPTION 'stream % is of another tenant', stream;
    END IF;

    FOR nth IN 1 .. coalesce(cardinality(event_ids), 0) LOOP
        number := nextval('mt_events_sequence');
        numbers := numbers || number;
        reached := reached + 1;
        INSERT INTO mt_events (seq_id, id, stream_id, version, data, bdata, type, tenant_id,
            timestamp, mt_dotnet_type, is_archived, causation_id, correlation_id, headers, user_name)
        VALUES (number, event_ids[nth], stream, reached, bodies[nth], bdatas[nth], event_types[nth],
            tenantid, timestamps[nth], dotnet_types[nth], FALSE, causation_ids[nth], correlation_ids[nth],
            mt_quick_append_events.headers[nth], user_names[nth]);
    END LOOP;

    UPDATE mt_streams s SET version = reached, timestamp = now() WHERE s.id = stream AND s.tenant_id = tenantid;
    RETURN reached || numbers;
END
$body$;
