//! Stores in real servers.

mod increments;
mod reading;
mod refused;
mod support;
