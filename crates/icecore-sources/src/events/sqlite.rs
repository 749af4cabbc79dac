//! EventCore stores on SQLite, as the crate `eventcore-sqlite` 2.1 keeps them.
//!
//! What is restored is what was there: every value of every event is the same text, whatever it
//! looks like, and events have the same order. What is not the store's own stays behind: triggers,
//! views, and tables of others in the same file.
//!
//! All work on a database blocks, so each step runs on a thread that may, and takes the
//! connection along; after opening, no step takes longer than a batch needs.

mod blocking;
mod kept;
mod schema;
mod source;
mod statements;
mod target;
mod value;

pub use source::SqliteSource;
pub use target::SqliteTarget;

#[cfg(test)]
mod tests;
