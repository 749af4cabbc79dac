//! NDJSON sources and targets, from the grammar up to whole files.

mod appended;
mod backups;
mod changed;
mod dumps;
mod faults;
mod files;
mod fixture;
mod json;
mod neighbours;
mod records;
mod round_trip;
mod spellings;
mod targets;
