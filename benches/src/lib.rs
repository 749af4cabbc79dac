//! Data for benchmarks and tests, made from a seed, so that every machine measures the same bytes;
//! and the comparison of IceCore with its peers on them.

pub mod compare;
pub mod events;
pub mod random;
