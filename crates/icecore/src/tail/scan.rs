//! Going through the objects of an epoch, in order.

use super::reader::{EpochReader, Found, FoundFlush};
use crate::error::ReadError;
use futures::stream::{self, Stream, StreamExt as _};
use icecore_format::Hash;
use icecore_format::tail;
use std::ops::Range;

/// Objects that are read at once.
const REQUESTS_MAX: usize = 32;

/// What was found under a number that counts.
#[derive(Debug)]
pub(crate) enum Scanned {
    /// A flush that follows the one before.
    Flush(FoundFlush),
    /// No such one: says why not.
    Gap(String),
}

/// Reads these objects of an epoch. What the first is to follow is known only if it is that of the
/// epoch, and so it is after a gap: then it is taken as it is.
pub(crate) fn scan(
    reader: &EpochReader,
    objects: Range<u64>,
) -> impl Stream<Item = Result<(u64, Scanned), ReadError>> + Send + use<> {
    let reader = reader.clone();
    let mut expected = (objects.start == 0).then_some(Hash([0; 32]));
    stream::iter(objects)
        .map(move |number| {
            let reader = reader.clone();
            async move { (number, reader.read(number).await) }
        })
        .buffered(REQUESTS_MAX)
        .map(move |(number, found)| {
            let gap = match found? {
                Found::Flush(found) => {
                    let follows = expected.is_none_or(|hash| hash == found.flush.previous);
                    expected = Some(tail::hash(&found.bytes));
                    if follows {
                        return Ok((number, Scanned::Flush(found)));
                    }
                    "it does not follow the one before it".to_owned()
                }
                Found::Terminator => "it ends the epoch before its end".to_owned(),
                Found::Missing => "it is missing".to_owned(),
                Found::Damaged(error) => error.to_string(),
            };
            expected = None;
            Ok((number, Scanned::Gap(gap)))
        })
}
