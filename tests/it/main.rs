//! Tests across the crates, organised by anomaly.

mod compat;
mod concurrent;
mod cost;
mod crash;
mod damage;
mod documents;
mod dropped;
mod faults;
mod follow;
mod forget;
mod incremental;
mod keys;
mod known_place;
mod local_disk;
mod model;
mod network;
mod postgres;
mod postgres_restore;
mod prune;
mod recover;
mod round_trip;
mod rounds;
mod tidy;
