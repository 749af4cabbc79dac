-- rails-event-store-binary: Rails Event Store (Ruby), data and metadata as binary.
--
-- project   Rails Event Store, https://github.com/RailsEventStore/rails_event_store
-- version   ruby_event_store-active_record 3.0.0 (tag v3.0.0)
-- file      ruby_event_store-active_record/lib/ruby_event_store/active_record/generators/templates/
--           postgres/create_event_store_events_template.erb, with data_type binary
-- licence   MIT
-- taken     2026-11-21
--
-- The generator writes a migration of Rails, and Rails makes the DDL. So this is an expansion by
-- hand: names of indexes and of the foreign key are as Rails makes them. It was not compared with a
-- database made by Rails. Also here: the two tables in which Rails keeps its migrations.

CREATE TABLE schema_migrations (version character varying NOT NULL PRIMARY KEY);
CREATE TABLE ar_internal_metadata (
    key character varying NOT NULL PRIMARY KEY,
    value character varying,
    created_at timestamp(6) without time zone NOT NULL,
    updated_at timestamp(6) without time zone NOT NULL
);

CREATE TABLE event_store_events (
    id bigserial PRIMARY KEY,
    event_id uuid NOT NULL,
    event_type character varying NOT NULL,
    metadata bytea,
    data bytea NOT NULL,
    created_at timestamp(6) without time zone NOT NULL,
    valid_at timestamp(6) without time zone
);
CREATE UNIQUE INDEX index_event_store_events_on_event_id ON event_store_events (event_id);
CREATE INDEX index_event_store_events_on_event_type ON event_store_events (event_type);
CREATE INDEX index_event_store_events_on_created_at ON event_store_events (created_at);
CREATE INDEX index_event_store_events_on_valid_at ON event_store_events (valid_at);
CREATE INDEX index_event_store_events_on_as_of ON event_store_events (COALESCE(valid_at, created_at));

CREATE TABLE event_store_events_in_streams (
    id bigserial PRIMARY KEY,
    stream character varying NOT NULL,
    position integer,
    event_id uuid NOT NULL,
    created_at timestamp(6) without time zone NOT NULL,
    CONSTRAINT fk_rails_c8d52b5857 FOREIGN KEY (event_id) REFERENCES event_store_events (event_id)
);
CREATE INDEX index_event_store_events_in_streams_on_event_id ON event_store_events_in_streams (event_id);
CREATE INDEX index_event_store_events_in_streams_on_created_at ON event_store_events_in_streams (created_at);
CREATE UNIQUE INDEX index_event_store_events_in_streams_on_stream_and_position
    ON event_store_events_in_streams (stream, position);
CREATE UNIQUE INDEX index_event_store_events_in_streams_on_stream_and_event_id
    ON event_store_events_in_streams (stream, event_id);

INSERT INTO schema_migrations (version) VALUES ('20261121090000');
INSERT INTO ar_internal_metadata (key, value, created_at, updated_at)
VALUES ('environment', 'production', now() AT TIME ZONE 'utc', now() AT TIME ZONE 'utc');
