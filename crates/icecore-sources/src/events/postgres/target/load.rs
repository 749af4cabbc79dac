//! Copies rows into the tables of a store, and reads them back.

use super::columns::Columns;
use super::frame::{Frame, Rows, Sum};
use super::staged::{STAGED, Staged};
use super::store::{Load, Store};
use crate::events::postgres::copy::{RowSplitter, SIGNATURE, rows};
use crate::events::postgres::layout::Name;
use crate::events::postgres::query::{QueryError, Session};
use bytes::Bytes;
use futures::{SinkExt, TryStreamExt};
use icecore::target::{TargetError, TargetErrorKind};
use postgres_protocol::escape::escape_identifier;
use std::pin::Pin;
use tokio_postgres::CopyInSink;

/// How many bytes of positions wait for the events that they belong to: they cannot be copied in at
/// the same time, and each change costs a round trip.
const POSITION_BYTES_WAITING_MAX: usize = 4 << 20;

/// How many bytes one statement copies in, or a little more: what the server has against a row, it
/// says at the end of one.
const COPY_BYTES_MAX: usize = 64 << 20;

/// How much of what is read back is looked at before others get their turn, in bytes.
const PIECE_BYTES: usize = 1 << 20;

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
    sum: Sum,
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
        Ok(Self {
            events: format!("COPY {copied_to} ({list}) FROM STDIN (FORMAT binary)"),
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

/// Reads everything back, and compares it with what was sent; beside others, what a condition says
/// was restored.
pub(super) async fn verify(
    session: &Session,
    table: &Name,
    columns: &Columns,
    restored: Option<&str>,
    written: &Written,
    loads: impl Iterator<Item = &Load>,
) -> Result<(), TargetError> {
    let name = session.name();
    let differs = |what: String| {
        let message = format!("{name}: what was read back is not what was written: {what}");
        TargetError::new(TargetErrorKind::Differs, message)
    };
    let selected = match restored {
        Some(condition) => columns.query_beside(condition),
        None => columns.query(),
    };
    let mut tables = vec![(table.to_string(), selected, written.events)];
    if let Some(it) = columns.positions.as_ref().filter(|_| restored.is_none()) {
        let selected = format!("SELECT {}, {} FROM {}", it.column, it.shared, it.table);
        tables.push((it.table.clone(), selected, written.positions));
    }
    for (table, selected, expected) in tables {
        let found = tally(session, &selected).await?;
        if found.rows != expected.rows {
            let (found, expected) = (found.rows, expected.rows);
            return Err(differs(format!("{table} has {found} rows of {expected}")));
        }
        if found != expected {
            return Err(differs(format!("a row of {table} differs")));
        }
    }
    for load in loads {
        let (table, list) = (&load.table.name, load.list());
        let condition = load.table.condition.iter().map(|condition| format!(" WHERE {condition}"));
        let condition: String = condition.collect();
        let sql =
            format!("COPY (SELECT {list} FROM {table} k{condition}) TO STDOUT (ENCODING 'UTF8')");
        let found = read(session, &sql).await?;
        let (found, expected) = (lines(&found), lines(&load.rows));
        let is_same =
            if load.is_verbatim { found == expected } else { found.len() == expected.len() };
        if !is_same {
            return Err(differs(format!("{table} differs")));
        }
    }
    Ok(())
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    lines
}

async fn read(session: &Session, sql: &str) -> Result<Vec<u8>, QueryError> {
    const STEP: &str = "read a table back";
    let stream = session.copy_out(sql, STEP).await?;
    stream
        .try_fold(Vec::new(), |mut content, bytes| async move {
            content.extend_from_slice(&bytes);
            Ok(content)
        })
        .await
        .map_err(|error| session.failed(STEP, error))
}

/// Counts and hashes rows.
async fn tally(session: &Session, selected: &str) -> Result<Tally, TargetError> {
    const STEP: &str = "read events back";
    let malformed = |error| {
        TargetError::new(TargetErrorKind::Unwritable, "cannot understand the server").because(error)
    };
    let sql = format!("COPY ({selected}) TO STDOUT (FORMAT binary)");
    let mut messages = Box::pin(session.copy_out(&sql, STEP).await?);
    let mut splitter = RowSplitter::default();
    let mut tally = Tally::default();
    while let Some(message) =
        messages.try_next().await.map_err(|error| session.failed(STEP, error))?
    {
        splitter.push(&message).map_err(malformed)?;
        if splitter.whole_bytes() >= PIECE_BYTES {
            let (piece, count) = splitter.take();
            tally.take(&piece, count);
            tokio::task::yield_now().await;
        }
    }
    let (piece, count) = splitter.finish().map_err(malformed)?;
    tally.take(&piece, count);
    Ok(tally)
}

impl Tally {
    fn take(&mut self, piece: &[u8], count: u64) {
        self.rows += count;
        rows(piece).for_each(|row| self.sum.add(row));
    }
}
