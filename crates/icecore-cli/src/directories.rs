//! Where this machine keeps what it remembers of repositories, by the XDG rules.
//!
//! Nothing else is ever written in anybody's home. All of it may be lost or impossible to write,
//! and that is no error.
//!
//! Source: XDG Base Directory Specification 0.8.

use std::path::PathBuf;

/// The directory for copies that can be fetched again.
pub(crate) fn cache() -> Option<PathBuf> {
    directory("XDG_CACHE_HOME", ".cache")
}

/// The directory for what is remembered.
pub(crate) fn state() -> Option<PathBuf> {
    directory("XDG_STATE_HOME", ".local/state")
}

fn directory(variable: &str, below_home: &str) -> Option<PathBuf> {
    let base = match absolute(variable) {
        Some(base) => base,
        None => absolute("HOME")?.join(below_home),
    };
    Some(base.join("icecore"))
}

/// The absolute path in a variable. A relative one counts as unset, as the specification asks.
#[allow(clippy::disallowed_methods, reason = "the command reads the environment for the library")]
fn absolute(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}
