//! Copies events out on several connections, and gives them in order: the rows of one statement after
//! those of the other, in turn, or merged.

use super::copy::RowSplitter;
use super::merge::Merge;
use super::query::Session;
use super::statements::{Sequence, Statements};
use super::value::Encoding;
use futures::StreamExt;
use icecore::source::{SourceError, SourceErrorKind};
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// When a piece is full, in bytes: a row is never divided.
pub(super) const PIECE_BYTES: usize = 1 << 20;
/// How many pieces of a statement wait to be taken.
const PIECES_WAITING_MAX: usize = 4;

pub(super) type Piece = Result<Rows, SourceError>;

/// Whole rows.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) bytes: Vec<u8>,
    pub(super) count: u64,
}

/// Rows of statements that are being executed, and of those that wait.
pub(super) struct Reader {
    rows: InOrder,
    /// Ended when this is dropped.
    _workers: JoinSet<()>,
}

/// The rows of several statements, in the order in which they are given.
enum InOrder {
    InTurn(VecDeque<mpsc::Receiver<Piece>>),
    Alternating(VecDeque<mpsc::Receiver<Piece>>),
    Merged(Merge),
}

/// A statement, and where its rows go.
type Job = (String, mpsc::Sender<Piece>);

impl Reader {
    /// Executes statements in their order, one at a time on each of the sessions; there is one for
    /// each, unless their rows are wanted in turn. Columns are sent in these encodings.
    pub(super) fn begin(
        sessions: Vec<Session>,
        statements: Statements,
        encodings: &[Encoding],
    ) -> Self {
        let mut pieces = VecDeque::new();
        let mut jobs = VecDeque::new();
        for statement in statements.sql {
            let (sender, receiver) = mpsc::channel(PIECES_WAITING_MAX);
            jobs.push_back((statement, sender));
            pieces.push_back(receiver);
        }
        let jobs = Arc::new(Mutex::new(jobs));
        let mut workers = JoinSet::new();
        for session in sessions {
            let jobs = Arc::clone(&jobs);
            workers.spawn(async move {
                while let Some((statement, sender)) = next(&jobs) {
                    if let Err(error) = execute(&session, &statement, &sender).await {
                        // Whoever took the pieces may have given up.
                        drop(sender.send(Err(error)).await);
                        return;
                    }
                }
            });
        }
        let rows = match statements.sequence {
            Sequence::InTurn => InOrder::InTurn(pieces),
            Sequence::Alternating => InOrder::Alternating(pieces),
            Sequence::MergedBy(column) => {
                let encoding = encodings.get(column).copied().unwrap_or(Encoding::Integer8);
                InOrder::Merged(Merge::new(pieces, column, encoding))
            }
        };
        Self { rows, _workers: workers }
    }

    /// The next rows; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Rows>, SourceError> {
        let (pieces, is_alternating) = match &mut self.rows {
            InOrder::InTurn(pieces) => (pieces, false),
            InOrder::Alternating(pieces) => (pieces, true),
            InOrder::Merged(merge) => return merge.next().await,
        };
        while let Some(receiver) = pieces.front_mut() {
            let Some(piece) = receiver.recv().await else {
                pieces.pop_front();
                continue;
            };
            if is_alternating {
                pieces.rotate_left(1);
            }
            return piece.map(Some);
        }
        Ok(None)
    }
}

fn next(jobs: &Mutex<VecDeque<Job>>) -> Option<Job> {
    jobs.lock().ok()?.pop_front()
}

async fn execute(
    session: &Session,
    statement: &str,
    pieces: &mpsc::Sender<Piece>,
) -> Result<(), SourceError> {
    const STEP: &str = "copy events out";
    let mut messages = pin!(session.copy_out(statement, STEP).await?);
    let malformed = |error| {
        SourceError::new(SourceErrorKind::Unreadable, "cannot understand the server").because(error)
    };
    let mut splitter = RowSplitter::default();
    while let Some(message) = messages.next().await {
        let message = message.map_err(|error| session.failed(STEP, error))?;
        splitter.push(&message).map_err(malformed)?;
        if splitter.whole_bytes() >= PIECE_BYTES {
            let (bytes, count) = splitter.take();
            if pieces.send(Ok(Rows { bytes, count })).await.is_err() {
                return Ok(());
            }
        }
    }
    let (bytes, count) = splitter.finish().map_err(malformed)?;
    if count > 0 {
        // Whoever took the pieces may have given up.
        drop(pieces.send(Ok(Rows { bytes, count })).await);
    }
    Ok(())
}
