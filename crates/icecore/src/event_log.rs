//! Event logs: how events become chunks, segments and stream directories, and how they are found
//! again.
//!
//! Format: docs/format.md, "Event logs".

mod captured;
mod chunk;
mod cut;
mod gaps;
mod heads;
mod kept;
mod open;
mod reader;
mod rest;
mod segment;
mod streams;
mod writer;

pub(crate) use captured::CapturedChunks;
pub(crate) use heads::Tally;
pub(crate) use kept::KeptLog;
pub(crate) use reader::{LogReader, PartReader, PlacedChunk, PlacedPart};
pub(crate) use rest::{captured_batch, payloads_of};
pub(crate) use writer::{LogWriter, WriteError};
