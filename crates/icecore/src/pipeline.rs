//! Work that runs at the same time and is taken in the order in which it was begun, bounded in
//! number and in bytes, so that memory does not grow with the source or with its largest payload.

use futures::future::BoxFuture;
use futures::stream::{self, FuturesOrdered, Stream, StreamExt as _, TryStreamExt as _};
use std::future::Future;

/// Bytes that pieces of work may hold together before no more is begun, in bytes; one piece alone
/// may hold more.
const BYTES_MAX: u64 = 32 << 20;

/// Work in order.
pub(crate) struct Pipeline<T> {
    running: FuturesOrdered<BoxFuture<'static, (u64, T)>>,
    pieces_max: usize,
    bytes: u64,
}

impl<T: Send + 'static> Pipeline<T> {
    /// A pipeline for about `pieces_max` pieces at once.
    pub(crate) fn new(pieces_max: usize) -> Self {
        Self { running: FuturesOrdered::new(), pieces_max, bytes: 0 }
    }

    /// Begins a piece of work that holds about `bytes`. Take from a full pipeline first.
    pub(crate) fn begin(&mut self, bytes: u64, work: impl Future<Output = T> + Send + 'static) {
        self.bytes += bytes;
        self.running.push_back(Box::pin(async move { (bytes, work.await) }));
    }

    /// Whether results are to be taken before more is begun.
    pub(crate) fn is_full(&self) -> bool {
        !self.running.is_empty()
            && (self.running.len() >= self.pieces_max || self.bytes > BYTES_MAX)
    }

    /// The result of the piece that was begun first; `None` if there is none.
    pub(crate) async fn next(&mut self) -> Option<T> {
        let (bytes, result) = self.running.next().await?;
        self.bytes -= bytes;
        Some(result)
    }
}

/// The results of work, in order; of each piece there is told how many bytes it holds.
pub(crate) fn results<T, E, F>(
    work: impl Stream<Item = Result<(u64, F), E>> + Send,
    pieces_max: usize,
) -> impl Stream<Item = Result<T, E>> + Send
where
    T: Send + 'static,
    E: Send + 'static,
    F: Future<Output = Result<T, E>> + Send + 'static,
{
    let begun = (Some(Box::pin(work)), Pipeline::new(pieces_max));
    stream::try_unfold(begun, |(mut work, mut pipeline)| async move {
        while let Some(more) = &mut work
            && !pipeline.is_full()
        {
            match more.try_next().await? {
                Some((bytes, piece)) => pipeline.begin(bytes, piece),
                None => work = None,
            }
        }
        let Some(result) = pipeline.next().await else { return Ok(None) };
        Ok(Some((result?, (work, pipeline))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn results_come_in_the_order_in_which_their_work_was_begun() {
        let mut pipeline = Pipeline::new(8);
        for number in 0..8 {
            pipeline.begin(1, async move { number });
        }
        assert!(pipeline.is_full());
        let mut results = Vec::new();
        while let Some(number) = pipeline.next().await {
            results.push(number);
        }
        assert_eq!(results, [0, 1, 2, 3, 4, 5, 6, 7]);
        assert!(!pipeline.is_full());
    }

    #[tokio::test]
    async fn one_large_piece_fills_it_alone() {
        let mut pipeline = Pipeline::new(8);
        pipeline.begin(BYTES_MAX + 1, async {});
        assert!(pipeline.is_full());
        pipeline.next().await;
        assert!(!pipeline.is_full());
    }
}
