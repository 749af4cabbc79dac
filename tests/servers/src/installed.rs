//! Where servers are installed, and what is said where one is not.

use std::path::PathBuf;

/// A file of a server, below the directory where they are installed; `None` after saying that it is
/// not there.
pub(crate) fn find(path: &str) -> Option<PathBuf> {
    find_program(directory()?.join(path))
}

/// A program of this machine; `None` after saying that it is not there.
pub(crate) fn find_program(path: impl Into<PathBuf>) -> Option<PathBuf> {
    let file = path.into();
    if file.exists() {
        return Some(file);
    }
    missing(&format!("{} is not there (scripts/test installs it)", file.display()));
    None
}

/// Says what is missing, which is a failure where it has to be there.
pub(crate) fn missing(what: &str) {
    #[expect(clippy::disallowed_methods, reason = "only this says whether a test may be skipped")]
    let is_ci = std::env::var_os("CI").is_some();
    let is_noted = || directory().is_some_and(|servers| servers.join("incomplete").exists());
    let is_required = is_ci && !is_noted();
    assert!(!is_required, "{what}");
    skip(what);
}

/// Says why a test is skipped.
#[expect(clippy::print_stderr, reason = "a skipped test has to say so")]
pub(crate) fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}

fn directory() -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the same places as scripts/install-test-servers"
    )]
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    variable("ICECORE_TEST_SERVERS").or_else(|| {
        let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
        Some(cache?.join("icecore-test-servers"))
    })
}
