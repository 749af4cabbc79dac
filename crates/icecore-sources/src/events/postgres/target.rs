//! Restores into an event store in a PostgreSQL database, all of it in one transaction: whoever looks
//! sees the store as it was, or complete and verified.
//!
//! In a database that has no such store, it is made with the statements that the snapshot keeps.
//! One that is there keeps its tables, triggers and migrations; its triggers
//! are switched off while rows are loaded, since they would change or refuse these. It has to be empty
//! if all of a store is restored; chosen streams go beside others.

mod beside;
mod columns;
mod consumers;
mod copy_text;
mod cut;
mod emmett;
mod encode;
mod eventcore;
mod failure;
mod finish;
mod frame;
mod given;
mod jsonb;
mod load;
mod namespace;
mod order;
mod spread;
mod sqlite;
mod staged;
mod store;
mod value;
mod verify;

use super::connect::{ConnectionSettings, connect};
use super::query::Session;
use super::source::KIND;
use super::value::Encoding;
use async_trait::async_trait;
use beside::{load_of_streams, parts_of};
use encode::RowEncoder;
use failure::unsuitable;
use given::Given;
use icecore::target::{
    Encoded, EventEncoder, EventWriter, RestoreEnd, StreamEnd, Target, TargetError,
    TargetErrorKind, TargetRequest, Verification, Written,
};
use load::{Loader, load};
use std::sync::Arc;
use store::Store;

/// The oldest version that is restored into: the oldest that is read.
const VERSION_MIN: i32 = 13;

/// What the transaction is set to: its statements take the time that they need, names mean what
/// PostgreSQL means by them, values are spelled as in snapshots, and functions may be made before
/// the tables that they use. Who uses the tables is not waited for long.
const BEGIN: &str = "\
    BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
    SET LOCAL statement_timeout = 0; \
    SET LOCAL idle_in_transaction_session_timeout = 0; \
    SET LOCAL lock_timeout = '10s'; \
    SET LOCAL search_path = ''; \
    SET LOCAL row_security = off; \
    SET LOCAL jit = off; \
    SET LOCAL TimeZone = 'UTC'; \
    SET LOCAL DateStyle = 'ISO, YMD'; \
    SET LOCAL IntervalStyle = 'postgres'; \
    SET LOCAL extra_float_digits = 1; \
    SET LOCAL bytea_output = 'hex'; \
    SET LOCAL standard_conforming_strings = on; \
    SET LOCAL default_tablespace = ''; \
    SET LOCAL check_function_bodies = off; \
    SET LOCAL client_min_messages = warning";

/// An event store in a database.
#[derive(Clone, Debug)]
pub struct PostgresTarget {
    settings: ConnectionSettings,
    namespace: Option<String>,
}

impl PostgresTarget {
    /// The store in the database that these settings lead to; in this namespace, if one is given,
    /// which PostgreSQL calls a schema.
    pub fn new(settings: ConnectionSettings, namespace: Option<String>) -> Self {
        Self { settings, namespace }
    }
}

#[async_trait]
impl Target for PostgresTarget {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn takes_streams_beside_others(&self) -> bool {
        true
    }

    async fn open(&self, request: &TargetRequest) -> Result<Box<dyn EventWriter>, TargetError> {
        let given = Given::of(request)?;
        let session = self.begin().await?;
        let namespace = self.namespace.as_deref();
        let store = Store::prepare(&session, &given, namespace, request).await?;
        for table in &store.before {
            load(&session, table).await?;
        }
        // Of streams that have the same id there as here, there is none.
        let renamed = request.streams.iter().find(|stream| stream.stream != stream.source);
        let renamed = renamed.map(|stream| stream.stream.as_str());
        for table in &store.of_streams {
            load_of_streams(&session, table, renamed).await?;
        }
        let encoder = encoder(&store, &given, renamed)?;
        let loader = Loader::begin(&session, &store).await?;
        Ok(Box::new(PostgresWriter {
            session,
            given,
            store,
            loader,
            encoder: Arc::new(encoder),
            is_whole: request.whole,
            is_cut: request.is_cut,
            verification: request.verification,
        }))
    }
}

/// What makes rows of events for a store.
fn encoder(store: &Store, given: &Given, renamed: Option<&str>) -> Result<RowEncoder, TargetError> {
    let (columns, schema) = (store.columns.clone(), store.layout.schema);
    let new_parts = match renamed {
        Some(id) if columns.has_one_stream => {
            return Err(unsuitable(format!(
                "{schema}: all events are in one stream, which has no name to be changed to '{id}'"
            )));
        }
        Some(id) if !columns.stream_parts.is_empty() => parts_of(id, columns.stream_parts.len())?,
        _ => Vec::new(),
    };
    let skipped = store.ends.iter().filter(|(_, end)| **end == StreamEnd::Skipped);
    let compared = columns.compared(store.is_beside);
    let positions = columns.positions.iter().flat_map(|it| [it.encoding, it.shared_encoding]);
    Ok(RowEncoder {
        types: compared.map(|column| column.encoding.type_number()).collect(),
        position_types: positions.map(Encoding::type_number).collect(),
        compared: store.is_beside.then(|| columns.is_compared_beside()),
        columns,
        skipped: skipped.map(|(stream, _)| stream.clone()).collect(),
        new_parts,
        tells_nulls: given.store.is_some(),
    })
}

impl PostgresTarget {
    /// Begins the transaction.
    async fn begin(&self) -> Result<Session, TargetError> {
        let name = self.settings.name();
        let client = connect(&self.settings).await.map_err(|error| {
            TargetError::new(TargetErrorKind::Unwritable, format!("cannot open {name}"))
                .because(error)
        })?;
        let session = Session::new(client, name.into());
        let row = session
            .row("SELECT current_setting('server_version_num')::int / 10000", "ask for the version")
            .await?;
        let version: i32 = row.get(0);
        if version < VERSION_MIN {
            return Err(unsuitable(format!(
                "{}: the server is PostgreSQL {version}, and icecore restores into {VERSION_MIN} \
                 and newer",
                session.name()
            )));
        }
        session.execute(BEGIN, "begin to restore").await?;
        Ok(session)
    }
}

/// Writes to a store in a transaction that ends with it.
struct PostgresWriter {
    session: Session,
    given: Given,
    store: Store,
    loader: Loader,
    encoder: Arc<RowEncoder>,
    is_whole: bool,
    /// Whether what the snapshot has beside its events is of a later state than these.
    is_cut: bool,
    verification: Verification,
}

#[async_trait]
impl EventWriter for PostgresWriter {
    fn end_of(&self, stream: &str) -> StreamEnd {
        self.store.ends.get(stream).copied().unwrap_or_default()
    }

    fn encoder(&self) -> Arc<dyn EventEncoder> {
        Arc::clone(&self.encoder) as Arc<dyn EventEncoder>
    }

    async fn write(&mut self, encoded: Encoded) -> Result<(), TargetError> {
        self.loader.write(&self.session, &encoded.bytes).await
    }

    async fn finish(self: Box<Self>, end: RestoreEnd) -> Result<Written, TargetError> {
        finish::finish(*self, &end).await
    }

    async fn abandon(self: Box<Self>) -> String {
        let Self { session, loader, .. } = *self;
        let name = Arc::clone(session.name());
        // A copy that was begun ends before what comes after it.
        drop(loader);
        // If it does not get there, the transaction ends with its connection.
        drop(session.execute("ROLLBACK", "give up").await);
        format!("{name} was not changed")
    }
}
