//! Connections as libpq makes them, whose settings operators know and have.
//!
//! What differs is said where it does: `tls`, `parameters` and `settings_error`. No password is
//! ever taken from the text of a source, and nothing that is shown or kept has one.

mod attempt;
mod classify;
mod connect_error;
mod environment;
mod keywords;
mod name;
mod parameters;
mod password;
mod password_file;
mod percent;
mod programs;
mod servers;
mod service;
mod session;
mod settings;
mod settings_error;
mod tls;
mod url;

pub use attempt::connect;
pub(in crate::events::postgres) use attempt::{Connected, Ending, connect_watched};
pub use connect_error::{Cause, ConnectError};
pub use environment::Environment;
pub use settings::ConnectionSettings;
pub use settings_error::SettingsError;
pub use tls::TlsFileError;
/// Its `Client` is what [`connect`] gives.
pub use tokio_postgres;

#[cfg(test)]
mod tests;
