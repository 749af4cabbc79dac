//! Copies rows into the tables of a store.

use super::frame::{Frame, Rows, Sum};
use super::staged::{STAGED, Staged};
use super::store::{Load, Store};
use crate::events::postgres::copy::SIGNATURE;
use crate::events::postgres::query::{QueryError, Session};
use bytes::Bytes;
use futures::SinkExt;
use icecore::target::TargetError;
use postgres_protocol::escape::escape_identifier;
use std::pin::Pin;
use tokio_postgres::CopyInSink;

/// How many bytes of positions wait for the events that they belong to: they cannot be copied in at
/// the same time, and each change costs a round trip.
const POSITION_BYTES_WAITING_MAX: usize = 4 << 20;

/// How many bytes one statement copies in, or a little more: what the server has against a row, it
/// says at the end of one.
const COPY_BYTES_MAX: usize = 64 << 20;

/// Flags and the length of an extension, after the signature.
const HEADER_REST: [u8; 8] = [0; 8];
const TRAILER: [u8; 2] = (-1i16).to_be_bytes();

/// Copies events and positions in.
pub(super) struct Loader {
    events: String,
    positions: Option<String>,
    /// What is done with rows that wait, if they do.
    staged: Option<Staged>,
    sink: Option<Pin<Box<CopyInSink<Bytes>>>>,
    /// What was copied in since the statement began, in bytes.
    copied: usize,
    /// Positions that wait for their events.
    waiting: Vec<u8>,
    pub(super) written: Written,
}

/// What was sent.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) events: Tally,
    pub(super) positions: Tally,
    pub(super) bytes: u64,
    pub(super) has_renamed: bool,
}

/// How many rows, and their hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) rows: u64,
    pub(super) sum: Sum,
}

impl Tally {
    fn add(&mut self, rows: &Rows) {
        self.rows += rows.count;
        self.sum.merge(rows.sum);
    }
}

impl Loader {
    /// Prepares to copy into a store.
    pub(super) async fn begin(session: &Session, store: &Store) -> Result<Self, TargetError> {
        let (table, columns) = (&store.layout.events, &store.columns);
        let list = columns.list();
        let staged = Staged::prepare(session, store).await?;
        let copied_to = if staged.is_some() { STAGED.to_owned() } else { table.to_string() };
        let positions = columns.positions.as_ref().filter(|_| !store.is_beside).map(|it| {
            let (table, column, shared) = (&it.table, &it.column, &it.shared);
            format!("COPY {table} ({column}, {shared}) FROM STDIN (FORMAT binary)")
        });
        // Nobody else sees a table that this transaction made, so its rows can be written as they would
        // be after a first vacuum. Source: COPY's option FREEZE, which partitioned tables have not.
        let is_plain =
            format!("SELECT relkind = 'r' FROM pg_class WHERE oid = {}::regclass", table.literal());
        let can_freeze = store.is_new
            && staged.is_none()
            && session.row(&is_plain, "look at the table of events").await?.get(0);
        let freeze = if can_freeze { ", FREEZE" } else { "" };
        Ok(Self {
            events: format!("COPY {copied_to} ({list}) FROM STDIN (FORMAT binary{freeze})"),
            positions,
            staged,
            sink: None,
            copied: 0,
            waiting: Vec::new(),
            written: Written::default(),
        })
    }

    /// Copies what the encoder made.
    pub(super) async fn write(
        &mut self,
        session: &Session,
        bytes: &[u8],
    ) -> Result<(), TargetError> {
        const STEP: &str = "copy events in";
        let frame = Frame::decode(bytes)?;
        let Written { events, positions, has_renamed, bytes } = &mut self.written;
        events.add(&frame.events);
        positions.add(&frame.positions);
        *has_renamed |= frame.has_renamed;
        *bytes += (frame.events.bytes.len() + frame.positions.bytes.len()) as u64;
        if frame.events.count == 0 {
            return Ok(());
        }
        let sink = match &mut self.sink {
            Some(sink) => sink,
            None => self.sink.insert(begin(session, &self.events, STEP).await?),
        };
        self.copied += frame.events.bytes.len();
        send(session, sink, frame.events.bytes, STEP).await?;
        self.waiting.extend_from_slice(&frame.positions.bytes);
        if self.waiting.len() > POSITION_BYTES_WAITING_MAX || self.copied > COPY_BYTES_MAX {
            self.flush(session).await?;
        }
        Ok(())
    }

    /// Completes all of it.
    pub(super) async fn finish(&mut self, session: &Session) -> Result<(), TargetError> {
        self.flush(session).await?;
        match &self.staged {
            Some(staged) if staged.are_held => staged.put(session).await,
            _ => Ok(()),
        }
    }

    /// Completes what was begun.
    async fn flush(&mut self, session: &Session) -> Result<(), TargetError> {
        self.copied = 0;
        if let Some(sink) = self.sink.take() {
            end(session, sink, "copy events in").await?;
            if let Some(staged) = self.staged.as_ref().filter(|staged| !staged.are_held) {
                staged.put(session).await?;
            }
        }
        if let Some(positions) = self.positions.as_ref().filter(|_| !self.waiting.is_empty()) {
            const STEP: &str = "copy positions in";
            let mut sink = begin(session, positions, STEP).await?;
            send(session, &mut sink, std::mem::take(&mut self.waiting), STEP).await?;
            end(session, sink, STEP).await?;
        }
        Ok(())
    }
}

async fn begin(
    session: &Session,
    sql: &str,
    step: &'static str,
) -> Result<Pin<Box<CopyInSink<Bytes>>>, QueryError> {
    let mut sink = Box::pin(session.copy_in(sql, step).await?);
    let header = [&SIGNATURE[..], &HEADER_REST].concat();
    send(session, &mut sink, header, step).await?;
    Ok(sink)
}

async fn send(
    session: &Session,
    sink: &mut Pin<Box<CopyInSink<Bytes>>>,
    bytes: Vec<u8>,
    step: &'static str,
) -> Result<(), QueryError> {
    match sink.send(bytes.into()).await {
        Ok(()) => Ok(()),
        // What the server has against it, it says at the end.
        Err(error) => match sink.as_mut().finish().await {
            Err(said) if said.as_db_error().is_some() => Err(session.failed(step, said)),
            _ => Err(session.failed(step, error)),
        },
    }
}

async fn end(
    session: &Session,
    mut sink: Pin<Box<CopyInSink<Bytes>>>,
    step: &'static str,
) -> Result<(), QueryError> {
    send(session, &mut sink, TRAILER.to_vec(), step).await?;
    finish(session, sink, step).await
}

async fn finish(
    session: &Session,
    mut sink: Pin<Box<CopyInSink<Bytes>>>,
    step: &'static str,
) -> Result<(), QueryError> {
    sink.as_mut().finish().await.map_err(|error| session.failed(step, error))?;
    Ok(())
}

/// Copies a table beside the events in.
pub(super) async fn load(session: &Session, load: &Load) -> Result<(), QueryError> {
    const STEP: &str = "copy a table beside the events in";
    if load.rows.is_empty() {
        return Ok(());
    }
    let (table, list) = (&load.table.name, load.list());
    let sql = format!("COPY {table} ({list}) FROM STDIN (ENCODING 'UTF8')");
    copy_text(session, &sql, load.rows.clone(), STEP).await
}

/// Copies rows in that are text.
pub(super) async fn copy_text(
    session: &Session,
    sql: &str,
    rows: Vec<u8>,
    step: &'static str,
) -> Result<(), QueryError> {
    let mut sink = Box::pin(session.copy_in(sql, step).await?);
    send(session, &mut sink, rows, step).await?;
    finish(session, sink, step).await
}

impl Load {
    /// Its columns, as a list.
    pub(super) fn list(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|it| escape_identifier(it)).collect();
        columns.join(", ")
    }
}
