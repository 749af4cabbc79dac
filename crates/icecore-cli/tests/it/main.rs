//! The `icecore` command as a user meets it: run as a process, in a home of its own.

mod support;

mod help;
mod init;
mod password;

mod backup;
mod snapshots;

mod drill;
#[cfg(feature = "postgres")]
mod drill_postgres;
mod recover;
mod restore;
#[cfg(feature = "postgres")]
mod restore_postgres;

mod check;
mod chosen_streams;
mod dump;
mod forget;
mod key;
mod log;
mod log_audit;

#[cfg(feature = "sqlite")]
mod demo;

#[cfg(feature = "object-storage")]
mod attacker;
#[cfg(feature = "object-storage")]
mod elsewhere;
mod exit_codes;
mod follow;
#[cfg(feature = "postgres")]
mod follow_postgres;
mod full_disk;
mod garbage;
mod guides;
mod interrupt;
mod kill;
#[cfg(feature = "object-storage")]
mod network;
#[cfg(feature = "object-storage")]
mod object_storage;
#[cfg(feature = "postgres")]
mod postgres;
mod printing;
mod prune;
mod read_only;
#[cfg(feature = "serve")]
mod serve;
#[cfg(feature = "object-storage")]
mod single_writer;
