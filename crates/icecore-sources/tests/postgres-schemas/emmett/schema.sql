-- emmett: the PostgreSQL event store of Emmett (TypeScript).
--
-- project   Emmett, https://github.com/event-driven-io/emmett
-- version   @event-driven-io/emmett-postgresql 0.42.0 (npm), with dumbo 0.12.7 for the ledger
-- files     src/packages/emmett-postgresql/src/eventStore/schema/ : tables.ts, appendToStream.ts,
--           storeProcessorCheckpoint.ts, index.ts, typing.ts; dumbo's
--           src/postgres/core/schema/migrations.ts
-- licence   NONE: the project's README says that it has no licence yet. So nothing of its text is
--           here. Tables, columns, names and arguments are facts and are as they are there; the
--           bodies of the functions are written anew to leave the same rows behind.
-- taken     2026-11-21
--
-- Compared with a database made by the published package's own migrations (all four, in order): the
-- same tables, partitions, columns, defaults, primary keys, indexes and sequence, and the same
-- arguments of the functions that are here. Left out: emt_try_acquire_processor_lock,
-- emt_release_processor_lock, emt_try_acquire_projection_lock, emt_register_projection,
-- emt_activate_projection and emt_deactivate_projection, which only change status columns.

CREATE TABLE dmb_migrations (
    id          serial       PRIMARY KEY,
    name        varchar(255) NOT NULL UNIQUE,
    application varchar(255) NOT NULL DEFAULT 'default',
    sql_hash    varchar(64)  NOT NULL,
    timestamp   timestamp    NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE emt_streams (
    stream_id       text    NOT NULL,
    stream_position bigint  NOT NULL,
    partition       text    NOT NULL DEFAULT 'emt:default',
    stream_type     text    NOT NULL,
    stream_metadata jsonb   NOT NULL,
    is_archived     boolean NOT NULL DEFAULT false,
    PRIMARY KEY (stream_id, partition, is_archived)
) PARTITION BY LIST (partition);

CREATE UNIQUE INDEX idx_streams_unique
    ON emt_streams (stream_id, partition, is_archived) INCLUDE (stream_position);

CREATE SEQUENCE emt_global_message_position;

CREATE TABLE emt_messages (
    stream_position        bigint      NOT NULL,
    global_position        bigint      DEFAULT nextval('emt_global_message_position'),
    transaction_id         xid8        NOT NULL,
    created                timestamptz NOT NULL DEFAULT now(),
    is_archived            boolean     NOT NULL DEFAULT false,
    message_kind           varchar(1)  NOT NULL DEFAULT 'E',
    stream_id              text        NOT NULL,
    partition              text        NOT NULL DEFAULT 'emt:default',
    message_schema_version text        NOT NULL,
    message_id             text        NOT NULL,
    message_type           text        NOT NULL,
    message_data           jsonb       NOT NULL,
    message_metadata       jsonb       NOT NULL,
    PRIMARY KEY (stream_id, stream_position, partition, is_archived)
) PARTITION BY LIST (partition);

CREATE TABLE emt_projections (
    version      int         NOT NULL DEFAULT 1,
    type         varchar(1)  NOT NULL,
    name         text        NOT NULL,
    partition    text        NOT NULL DEFAULT 'emt:default',
    kind         text        NOT NULL,
    status       text        NOT NULL,
    definition   jsonb       NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_updated timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, partition, version)
) PARTITION BY LIST (partition);

CREATE TABLE emt_processors (
    last_processed_transaction_id xid8        NOT NULL,
    version                       int         NOT NULL DEFAULT 1,
    processor_id                  text        NOT NULL,
    partition                     text        NOT NULL DEFAULT 'emt:default',
    status                        text        NOT NULL DEFAULT 'stopped',
    last_processed_checkpoint     text        NOT NULL,
    processor_instance_id         text        DEFAULT 'emt:unknown',
    created_at                    timestamptz NOT NULL DEFAULT now(),
    last_updated                  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (processor_id, partition, version)
) PARTITION BY LIST (partition);

-- Names of partitions: everything that is not a letter, a digit or an underscore becomes one.
CREATE FUNCTION emt_sanitize_name(input_name text) RETURNS text LANGUAGE plpgsql AS $body$
BEGIN
    RETURN regexp_replace(input_name, '[^a-zA-Z0-9_]', '_', 'g');
END
$body$;

-- A partition of messages or streams has two of its own: active rows and archived ones.
CREATE FUNCTION emt_add_table_partition(tablename text, partition_name text) RETURNS void
LANGUAGE plpgsql AS $body$
DECLARE
    child text := emt_sanitize_name(tablename || '_' || partition_name);
BEGIN
    EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES IN (%L) PARTITION BY LIST (is_archived)',
        child, tablename, partition_name);
    EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES IN (false)', child || '_active', child);
    EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES IN (true)', child || '_archived', child);
END
$body$;

CREATE FUNCTION emt_add_partition(partition_name text) RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    parent text;
BEGIN
    PERFORM emt_add_table_partition('emt_messages', partition_name);
    PERFORM emt_add_table_partition('emt_streams', partition_name);
    FOREACH parent IN ARRAY ARRAY['emt_processors', 'emt_projections'] LOOP
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES IN (%L)',
            emt_sanitize_name(parent || '_' || partition_name), parent, partition_name);
    END LOOP;
END
$body$;

-- Appends to a stream that is at the expected position (NULL: at whichever), or says that it is not.
CREATE FUNCTION emt_append_to_stream(
    v_message_ids text[], v_messages_data jsonb[], v_messages_metadata jsonb[],
    v_message_schema_versions text[], v_message_types text[], v_message_kinds text[],
    v_stream_id text, v_stream_type text,
    v_expected_stream_position bigint DEFAULT NULL,
    v_partition text DEFAULT emt_sanitize_name('default_partition')
) RETURNS TABLE (success boolean, next_stream_position bigint, global_positions bigint[], transaction_id xid8)
LANGUAGE plpgsql AS $body$
DECLARE
    stood_at bigint := v_expected_stream_position;
    stands_at bigint;
    given bigint[];
BEGIN
    IF stood_at IS NULL THEN
        SELECT max(s.stream_position) INTO stood_at FROM emt_streams s
        WHERE s.stream_id = v_stream_id AND s.partition = v_partition AND NOT s.is_archived;
        stood_at := coalesce(stood_at, 0);
    END IF;
    stands_at := stood_at + cardinality(v_messages_data);

    IF stood_at = 0 THEN
        INSERT INTO emt_streams (stream_id, stream_position, partition, stream_type, stream_metadata, is_archived)
        VALUES (v_stream_id, stands_at, v_partition, v_stream_type, '{}', false);
    ELSE
        UPDATE emt_streams s SET stream_position = stands_at
        WHERE s.stream_id = v_stream_id AND s.stream_position = stood_at
          AND s.partition = v_partition AND NOT s.is_archived;
        IF NOT FOUND THEN
            RETURN QUERY VALUES (false, NULL::bigint, NULL::bigint[], NULL::xid8);
            RETURN;
        END IF;
    END IF;

    WITH written AS (
        INSERT INTO emt_messages (stream_id, stream_position, partition, message_id, message_data,
            message_metadata, message_schema_version, message_type, message_kind, transaction_id)
        SELECT v_stream_id, stood_at + m.nth, v_partition, m.id, m.data, m.metadata, m.schema_version,
            m.type, m.kind, pg_current_xact_id()
        FROM unnest(v_message_ids, v_messages_data, v_messages_metadata, v_message_schema_versions,
            v_message_types, v_message_kinds)
            WITH ORDINALITY AS m (id, data, metadata, schema_version, type, kind, nth)
        RETURNING emt_messages.global_position AS position
    )
    SELECT array_agg(w.position ORDER BY w.position) INTO given FROM written w;

    RETURN QUERY VALUES (true, stands_at, given, pg_current_xact_id());
END
$body$;

-- 1: stored, 0: it was there already, 2: another is there, 3: a further one is there (as text).
CREATE FUNCTION store_processor_checkpoint(
    p_processor_id text, p_version bigint, p_position text, p_check_position text,
    p_transaction_id xid8,
    p_partition text DEFAULT 'emt:default',
    p_processor_instance_id text DEFAULT 'emt:unknown'
) RETURNS int LANGUAGE plpgsql AS $body$
DECLARE
    present text;
BEGIN
    IF p_check_position IS NULL THEN
        INSERT INTO emt_processors (processor_id, version, last_processed_checkpoint, partition,
            last_processed_transaction_id)
        VALUES (p_processor_id, p_version, p_position, p_partition, p_transaction_id)
        ON CONFLICT (processor_id, partition, version) DO NOTHING;
    ELSE
        UPDATE emt_processors SET last_processed_checkpoint = p_position,
            last_processed_transaction_id = p_transaction_id, last_updated = now()
        WHERE processor_id = p_processor_id AND last_processed_checkpoint = p_check_position
          AND partition = p_partition AND version = p_version;
    END IF;
    IF FOUND THEN
        RETURN 1;
    END IF;
    SELECT last_processed_checkpoint INTO present FROM emt_processors
    WHERE processor_id = p_processor_id AND partition = p_partition AND version = p_version;
    RETURN CASE WHEN present = p_position THEN 0 WHEN present > p_position THEN 3 ELSE 2 END;
END
$body$;

SELECT emt_add_partition('emt:default');

-- What the migrator records. The hashes are those of the published texts, not of this file.
INSERT INTO dmb_migrations (name, sql_hash) VALUES
    ('emt:postgresql:eventstore:0.38.7:migrate-events-to-messages',
        '8cdd2af05e47081fae213dc48e020845bdb384e0ddfd47cab8185b8bb5a64037'),
    ('emt:postgresql:eventstore:0.42.0:from-subscriptions-to-processors',
        '92e4f894f1d97f6665af1d6a753736d80aa3c41ba465c51a8c18b1671569faa8'),
    ('emt:postgresql:eventstore:0.42.0-2:add-processor-projection-functions',
        'cbc4d85089b625360df8ddcb4e8b2fa6654986476ebbd5b00162781b401584a5'),
    ('emt:postgresql:eventstore:initial',
        '54628492aa411becc6b5f5a71d7464d5a636343bff1ef994e8272710bcabdcfe');
