-- postgres-es: the PostgreSQL store of the Rust crate `cqrs-es`.
--
-- project   cqrs, https://github.com/serverlesstechnology/cqrs
-- version   postgres-es 0.5.0 (commit 9ff335592fb5aed1ee11bd7980fdeac195bc1909)
-- file      https://docs.rs/crate/postgres-es/0.5.0/source/db/init.sql
-- licence   Apache-2.0
-- taken     2026-11-21, from the published crate
--
-- Verbatim: the three tables. Left out: the one INSERT into events (fill.sql makes it again), and
-- the user test_user with its GRANT.

-- a single table is used for all events in the cqrs system
CREATE TABLE events
(
    aggregate_type text                         NOT NULL,
    aggregate_id   text                         NOT NULL,
    sequence       bigint CHECK (sequence >= 0) NOT NULL,
    event_type     text                         NOT NULL,
    event_version  text                         NOT NULL,
    payload        json                         NOT NULL,
    metadata       json                         NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)
);

-- this table is only needed if snapshotting is employed
CREATE TABLE snapshots
(
    aggregate_type   text                                 NOT NULL,
    aggregate_id     text                                 NOT NULL,
    last_sequence    bigint CHECK (last_sequence >= 0)    NOT NULL,
    current_snapshot bigint CHECK (current_snapshot >= 0) NOT NULL,
    payload          json                                 NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, last_sequence)
);

-- one view table should be created for every `PostgresViewRepository` used
-- replace name with the value used in `PostgresViewRepository::new(view_name: String)`
CREATE TABLE test_view
(
    view_id text                        NOT NULL,
    version bigint CHECK (version >= 0) NOT NULL,
    payload json                        NOT NULL,
    PRIMARY KEY (view_id)
);
