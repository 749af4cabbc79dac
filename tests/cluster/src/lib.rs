//! Real PostgreSQL servers for tests, each in a directory of its own.
//!
//! A cluster is gone when it is dropped, also when its test panics, and also when the process of
//! the test is killed: a keeper outside of it then ends the server and removes the directory.
//! Ports are free ones, and no two clusters share anything, so any number of tests may run at once.
//!
//! What goes wrong here is no finding of a test, so it panics, with what the server said.

mod binaries;
mod cluster;
mod copy_in;
mod directory;
mod options;
mod port;
mod server;
mod template;

pub use binaries::unprivileged_ids;
pub use cluster::Cluster;
pub use copy_in::CopyIn;
pub use options::ClusterOptions;
pub use server::Mode;

#[cfg(test)]
mod tests;
