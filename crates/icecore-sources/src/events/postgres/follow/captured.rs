//! What transactions wrote, as batches that are still to be parsed.

use super::super::reader::PIECE_BYTES;
use super::super::rows::RowReader;
use super::decoded::Transaction;
use super::written::Written;
use icecore::source::{CommitRun, EventBatch, SourceError, UnparsedBatch};
use icecore_format::Timestamp;
use icecore_format::event::Commit;
use std::sync::Arc;

/// A transaction, and its rows.
struct Piece {
    time: Timestamp,
    commit: u64,
    rows: Vec<u8>,
}

/// Batches of about a mebibyte, each of whole transactions.
pub(super) fn batches(
    rows: &Arc<RowReader>,
    transactions: &[Transaction],
    written: Vec<Written>,
) -> Vec<UnparsedBatch> {
    let mut batches = Vec::new();
    let (mut pieces, mut bytes) = (Vec::new(), 0);
    for (transaction, written) in transactions.iter().zip(written) {
        bytes += written.rows.len();
        let Transaction { time, commit, .. } = *transaction;
        pieces.push(Piece { time, commit, rows: written.rows });
        if bytes >= PIECE_BYTES {
            batches.push(batch(rows, std::mem::take(&mut pieces), bytes));
            bytes = 0;
        }
    }
    if !pieces.is_empty() {
        batches.push(batch(rows, pieces, bytes));
    }
    batches
}

fn batch(rows: &Arc<RowReader>, pieces: Vec<Piece>, bytes: usize) -> UnparsedBatch {
    let rows = Arc::clone(rows);
    UnparsedBatch::new(bytes as u64, move || parse(&rows, &pieces))
}

/// Parses transactions one by one, since rows of streams that were not chosen are left out.
fn parse(rows: &RowReader, pieces: &[Piece]) -> Result<EventBatch, SourceError> {
    let mut all = EventBatch::default();
    for piece in pieces {
        let one = rows.parse(&piece.rows)?;
        let begin = all.records.len();
        all.records.extend_from_slice(&one.records);
        all.record_ends.extend(one.record_ends.iter().map(|end| begin + end));
        all.positions.extend(one.positions);
        all.defects.extend(one.defects);
        all.source_bytes += one.source_bytes;
        if !one.record_ends.is_empty() {
            all.commits.push(CommitRun {
                events: one.record_ends.len() as u32,
                commit: Some(Commit { time: piece.time, lsn: piece.commit }),
            });
        }
    }
    Ok(all)
}
