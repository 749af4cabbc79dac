//! What `IceCore` backs up and restores into, each behind a cargo feature of its own.
//!
//! Sources of one kind never import another's.

pub mod events;
