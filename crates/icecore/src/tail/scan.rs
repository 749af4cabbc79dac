//! Going through the objects of an epoch, in order: all of them, or as few as have all events.

use super::reader::{EpochReader, Found, FoundFlush};
use crate::error::ReadError;
use futures::stream::{self, Stream, StreamExt as _};
use icecore_format::Hash;
use icecore_format::limits::TAIL_REPEATED_OBJECTS;
use icecore_format::tail::{self, Repeat, repeats_from};
use std::ops::Range;

/// Objects that are read at once.
const REQUESTS_MAX: usize = 32;

/// What was found under a number that counts.
#[derive(Debug)]
pub(crate) enum Scanned {
    /// A flush that follows the one before.
    Flush(FoundFlush),
    /// One that repeats those before it, which were not read, and follows the one before these.
    Repeat(FoundFlush, Box<Repeat>),
    /// No such one: says why not.
    Gap(String),
}

/// Reads these objects of an epoch. What the first is to follow is known only if it is that of the
/// epoch, and so it is after a gap: then it is taken as it is.
pub(crate) fn scan(
    reader: &EpochReader,
    objects: Range<u64>,
) -> impl Stream<Item = Result<(u64, Scanned), ReadError>> + Send + use<> {
    let first = objects.start;
    in_order(reader.clone(), first, stream::iter(objects.map(Step::ToRead)))
}

/// Reads what has all events of these objects: where one repeats the others before it, it alone. They
/// are read one by one where that one is missing or damaged, or repeats nothing.
pub(crate) fn scan_events(
    reader: &EpochReader,
    objects: Range<u64>,
) -> impl Stream<Item = Result<(u64, Scanned), ReadError>> + Send + use<> {
    let first = objects.start;
    let reading = reader.clone();
    let steps = stream::iter(parts(objects))
        .map(move |part| {
            let reader = reading.clone();
            async move {
                let Some(last) = part.end.checked_sub(1).filter(|_| part.end - part.start > 1)
                else {
                    return part.map(Step::ToRead).collect();
                };
                let found = reader.read(last).await;
                if matches!(&found, Ok(Found::Flush(found)) if found.flush.repeat.is_some()) {
                    return vec![Step::Read(last, found, true)];
                }
                let mut steps: Vec<Step> = (part.start..last).map(Step::ToRead).collect();
                steps.push(Step::Read(last, found, false));
                steps
            }
        })
        .buffered(REQUESTS_MAX)
        .flat_map(stream::iter);
    in_order(reader.clone(), first, steps)
}

/// These objects in parts: those that one may repeat, and those that none does, each by itself.
fn parts(objects: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let mut next = objects.start;
    std::iter::from_fn(move || {
        let first = next;
        if first >= objects.end {
            return None;
        }
        let last = first.saturating_add(TAIL_REPEATED_OBJECTS - 1);
        let is_part = last < objects.end && repeats_from(last) == Some(first);
        next = if is_part { last + 1 } else { first + 1 };
        Some(first..next)
    })
}

/// A step on the way through an epoch.
enum Step {
    /// This object is to be read.
    ToRead(u64),
    /// This one was read; whether it stands for those that it repeats.
    Read(u64, Result<Found, ReadError>, bool),
}

/// Reads what is to be read, and looks whether each follows the one before.
fn in_order(
    reader: EpochReader,
    first: u64,
    steps: impl Stream<Item = Step> + Send,
) -> impl Stream<Item = Result<(u64, Scanned), ReadError>> + Send {
    let mut expected = (first == 0).then_some(Hash([0; 32]));
    steps
        .map(move |step| {
            let reader = reader.clone();
            async move {
                match step {
                    Step::ToRead(number) => (number, reader.read(number).await, false),
                    Step::Read(number, found, stands_for_more) => (number, found, stands_for_more),
                }
            }
        })
        .buffered(REQUESTS_MAX)
        .map(move |(number, found, stands_for_more)| {
            let gap = match found? {
                Found::Flush(mut found) => {
                    let repeat = if stands_for_more { found.flush.repeat.take() } else { None };
                    let previous =
                        repeat.as_ref().map_or(found.flush.previous, |repeat| repeat.previous);
                    let follows = expected.is_none_or(|hash| hash == previous);
                    expected = Some(tail::hash(&found.bytes));
                    if follows {
                        let scanned = match repeat {
                            Some(repeat) => Scanned::Repeat(found, Box::new(repeat)),
                            None => Scanned::Flush(found),
                        };
                        return Ok((number, scanned));
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
