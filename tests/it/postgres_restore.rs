//! What is restored into PostgreSQL is what was backed up, or the database is as it was.

mod existing;
mod failures;
mod other_kinds;
mod some_streams;
mod support;
mod whole;
