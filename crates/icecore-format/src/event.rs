//! Events: their canonical records, what a source's form of them had beyond that, and where
//! records are cut into chunks.
//!
//! Format: docs/format.md, "Events".

pub mod beside;
pub mod boundary;
pub mod digest;
pub mod json;
pub mod record;
pub mod template;
pub mod time_text;

pub use beside::{Beside, BesideBuilder, Commit, EventForm};
pub use boundary::Boundary;
pub use digest::EventDigest;
pub use record::{
    ChunkedPayload, Event, EventId, EventTime, Members, Payload, RecordBodies, records,
};
pub use template::{FormKind, HoleValues, Member, Pieces, Style, Template};
