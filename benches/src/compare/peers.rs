//! Finding the peers: `scripts/install-peers` brings them and says where they are.

use super::interrupt::Interrupt;
use super::process::{Invocation, RunError};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What became of one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Peer {
    /// It can be run.
    Found {
        /// Its name.
        name: String,
        /// The program.
        program: PathBuf,
        /// Its version.
        version: String,
    },
    /// It is not here.
    Missing {
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
}

/// Finds or installs the peers of these names. What the script says meanwhile goes to the log that
/// it names when something is missing.
pub(super) fn find(
    names: &[&str],
    install_all: bool,
    environment: Vec<(OsString, OsString)>,
    interrupt: &Interrupt,
) -> Result<Vec<Peer>, RunError> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let all = install_all.then_some("--install-all");
    let script = Invocation {
        program: project.join("scripts/install-peers"),
        arguments: all.iter().chain(names).map(|&name| name.to_owned()).collect(),
        environment,
        folder: project,
    };
    let lines = script.output(interrupt)?;
    Ok(String::from_utf8_lossy(&lines).lines().filter_map(parse).collect())
}

/// Reads `NAME PATH VERSION` or `NAME - WHY NOT`.
fn parse(line: &str) -> Option<Peer> {
    let (name, rest) = line.split_once(' ')?;
    let name = name.to_owned();
    if let Some(why) = rest.strip_prefix("- ") {
        return Some(Peer::Missing { name, why: why.to_owned() });
    }
    let (program, version) = rest.rsplit_once(' ')?;
    Some(Peer::Found { name, program: program.into(), version: version.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_where_a_peer_is_or_why_it_is_missing() {
        let found = Peer::Found {
            name: "restic".to_owned(),
            program: "/opt/my tools/restic".into(),
            version: "0.18.0".to_owned(),
        };
        assert_eq!(parse("restic /opt/my tools/restic 0.18.0"), Some(found));
        let missing = Peer::Missing { name: "vykar".to_owned(), why: "not installed".to_owned() };
        assert_eq!(parse("vykar - not installed"), Some(missing));
        assert_eq!(parse("noise"), None);
    }
}
