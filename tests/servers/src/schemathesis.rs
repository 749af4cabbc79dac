//! schemathesis: sends what a description of an interface allows, and what it does not, and compares the
//! answers with it. <https://schemathesis.io>

use std::path::PathBuf;

use crate::installed;

/// The program; `None` after saying that it is not there.
pub fn schemathesis() -> Option<PathBuf> {
    installed::find("schemathesis/bin/schemathesis")
}
