//! The `icecore` command as a user meets it: run as a process, in a home of its own.

mod support;

mod help;
mod init;
mod password;

mod backup;
mod snapshots;

mod restore;

mod check;
mod log;

#[cfg(feature = "sqlite")]
mod demo;

mod exit_codes;
mod garbage;
mod interrupt;
mod kill;
mod printing;
mod read_only;
