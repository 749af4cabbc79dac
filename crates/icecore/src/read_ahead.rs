//! Blocks that are being read before their chunks are wanted: where storage is far away, sixteen that
//! are asked for at once take as long as one, and those that lie beside each other are one request.

use crate::chunks::{ChunkReader, Reading};
use crate::event_log::PlacedChunk;
use futures::stream::{self, Stream, TryStreamExt as _};
use icecore_format::ChunkId;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;

/// Blocks that are read ahead at most: with a megabyte and a half in each, a third of what readers keep of
/// them anyway. There is more to ask for when half of them are handed on, so that neighbours come together.
const BLOCKS_AHEAD_MAX: usize = 16;

/// Chunks that are looked at for that, at most: many of them may be in blocks that were read.
const CHUNKS_AHEAD_MAX: usize = 1024;

/// The same items in the same order, while the blocks of those to come are being read. `chunk_of` tells
/// which chunk will be read of an item. What cannot be read is for whoever wants it to find out.
pub(crate) fn read_ahead<T: Send, E: Send>(
    reader: ChunkReader,
    items: impl Stream<Item = Result<T, E>> + Send,
    chunk_of: impl Fn(&T) -> ChunkId + Send,
) -> impl Stream<Item = Result<T, E>> + Send {
    let begun = Ahead {
        reader,
        items: Some(Box::pin(items)),
        chunk_of,
        waiting: VecDeque::new(),
        readings: VecDeque::new(),
    };
    stream::try_unfold(begun, |mut ahead| async move {
        if ahead.readings.len() <= BLOCKS_AHEAD_MAX / 2 {
            ahead.look_further().await?;
        }
        Ok(ahead.next().map(|item| (item, ahead)))
    })
}

struct Ahead<T, I, F> {
    reader: ChunkReader,
    /// `None` once there are no more.
    items: Option<Pin<Box<I>>>,
    chunk_of: F,
    /// Items, and whether a block is being read for each of them.
    waiting: VecDeque<(T, bool)>,
    /// Of the items that have one.
    readings: VecDeque<Reading>,
}

impl<T, E, I: Stream<Item = Result<T, E>>, F: Fn(&T) -> ChunkId> Ahead<T, I, F> {
    async fn look_further(&mut self) -> Result<(), E> {
        let mut blocks = Vec::new();
        while self.readings.len() + blocks.len() < BLOCKS_AHEAD_MAX
            && self.waiting.len() < CHUNKS_AHEAD_MAX
            && let Some(items) = &mut self.items
        {
            let Some(item) = items.try_next().await? else {
                self.items = None;
                break;
            };
            let block = self.reader.unread_block((self.chunk_of)(&item)).await;
            let block = block.filter(|block| !blocks.contains(block));
            self.waiting.push_back((item, block.is_some()));
            blocks.extend(block);
        }
        self.readings.extend(self.reader.begin_to_read(&blocks));
        Ok(())
    }

    fn next(&mut self) -> Option<T> {
        let (item, has_reading) = self.waiting.pop_front()?;
        if has_reading {
            self.readings.pop_front();
        }
        Some(item)
    }
}

/// The same of chunks that are known already.
pub(crate) fn each_read_ahead(
    reader: ChunkReader,
    placed: &[PlacedChunk],
) -> impl Stream<Item = Result<PlacedChunk, Infallible>> + Send {
    let placed = stream::iter(placed.iter().copied().map(Ok));
    read_ahead(reader, placed, |placed| placed.chunk.records)
}
