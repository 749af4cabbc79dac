//! Event stores on PostgreSQL.

pub mod connect;
