//! What is restored into PostgreSQL is what was backed up, or the database is as it was.

mod clusters;
mod conflicts;
mod consumers;
mod cuts;
mod elsewhere;
mod existing;
mod failures;
mod other_kinds;
mod schemas;
mod some_streams;
mod streams;
mod support;
mod whole;
