//! Stores that the real crate wrote, read and restored without a repository between.

mod drive;
mod further;
mod histories;
mod overwrite;
mod refused_sources;
mod round_trip;
mod store;
mod unlike_stores;
mod values;
