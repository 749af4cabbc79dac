//! Blocks that are being read before their chunks are wanted: where storage is far away, sixteen that
//! are asked for at once take as long as one.

use crate::chunks::{ChunkReader, Reading};
use crate::event_log::PlacedChunk;
use futures::stream::{self, Stream, TryStreamExt as _};
use icecore_format::ChunkId;
use std::collections::VecDeque;
use std::convert::Infallible;

/// Blocks that are read ahead: with a megabyte and a half in each, a third of what readers keep of them
/// anyway.
const BLOCKS_AHEAD: usize = 16;

/// Chunks that are looked at for that, at most: many of them may be in blocks that were read.
const CHUNKS_AHEAD_MAX: usize = 1024;

/// The same items in the same order, while the blocks of those to come are being read. `chunk_of` tells
/// which chunk will be read of an item. What cannot be read is for whoever wants it to find out.
pub(crate) fn read_ahead<T: Send, E: Send>(
    reader: ChunkReader,
    items: impl Stream<Item = Result<T, E>> + Send,
    chunk_of: impl Fn(&T) -> ChunkId + Send,
) -> impl Stream<Item = Result<T, E>> + Send {
    let waiting = VecDeque::<(T, Option<Reading>)>::new();
    let begun = (Some(Box::pin(items)), waiting, 0, chunk_of);
    stream::try_unfold(begun, move |(mut items, mut waiting, mut blocks, chunk_of)| {
        let reader = reader.clone();
        async move {
            while blocks < BLOCKS_AHEAD
                && waiting.len() < CHUNKS_AHEAD_MAX
                && let Some(more) = &mut items
            {
                let Some(item) = more.try_next().await? else {
                    items = None;
                    break;
                };
                let reading = reader.begin_to_read(chunk_of(&item)).await;
                blocks += usize::from(reading.is_some());
                waiting.push_back((item, reading));
            }
            let Some((item, reading)) = waiting.pop_front() else { return Ok(None) };
            blocks -= usize::from(reading.is_some());
            Ok(Some((item, (items, waiting, blocks, chunk_of))))
        }
    })
}

/// The same of chunks that are known already.
pub(crate) fn each_read_ahead(
    reader: ChunkReader,
    placed: &[PlacedChunk],
) -> impl Stream<Item = Result<PlacedChunk, Infallible>> + Send {
    let placed = stream::iter(placed.iter().copied().map(Ok));
    read_ahead(reader, placed, |placed| placed.chunk.records)
}
