//! Support for tests across the crates: machines with a clock and randomness of their own, sources
//! that are plain bytes, and what must hold of a repository whatever happened to it.

pub mod clock;
pub mod entry;
pub mod error_chain;
pub mod expected;
pub mod hooked_source;
pub mod host;
pub mod lines;
pub mod random;
pub mod rounds;
pub mod tail;

pub use expected::{Expected, assert_clean};
pub use host::Host;
pub use lines::lines;

use icecore_sources::events::ndjson::{MemberMap, NdjsonSource};
use std::path::Path;

/// The password of every repository that tests make.
pub const PASSWORD: &[u8] = b"correct horse battery staple";

/// A source of NDJSON.
pub fn ndjson_source(path: &Path) -> NdjsonSource {
    NdjsonSource::new(path, MemberMap::default())
}
