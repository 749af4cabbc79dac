//! `IceCore` itself.

use super::{Action, Dialect, FILE_NAME, PASSWORD, Place, words};
use serde::Deserialize;

/// What the program is called.
pub(crate) const NAME: &str = "icecore";

/// Which options this build of the program has.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flags {
    /// `--full`: read all of a source that could be read in part.
    pub full: bool,
    /// `--trust-append`: trust that what was there has not changed.
    pub trust_append: bool,
}

impl Flags {
    /// Reads them from what `icecore backup events --help` prints.
    pub(crate) fn from_help(help: &str) -> Self {
        let has = |flag| help.split_whitespace().any(|word| word == flag);
        Self { full: has("--full"), trust_append: has("--trust-append") }
    }
}

pub(super) struct IceCore(pub(super) Flags);

impl Dialect for IceCore {
    fn environment(&self, place: &Place) -> Vec<(&'static str, String)> {
        vec![("ICECORE_PASSWORD", PASSWORD.to_owned()), ("ICECORE_REPOSITORY", place.repository())]
    }

    fn arguments(&self, action: Action, place: &Place) -> Option<Vec<String>> {
        let backup = |flag: Option<&str>, file: &str| {
            let mut arguments = words(["--quiet", "backup", "events"]);
            arguments.extend(flag.map(str::to_owned));
            arguments.push(format!("ndjson:{file}"));
            arguments
        };
        let target = format!("ndjson:{}/{FILE_NAME}", place.restored());
        Some(match action {
            Action::Init => words(["--quiet", "init"]),
            Action::Open => words(["--quiet", "snapshots"]),
            Action::First | Action::Appended => backup(None, FILE_NAME),
            Action::Reread => backup(self.0.full.then_some("--full"), FILE_NAME),
            Action::AppendedTrusting if self.0.trust_append => {
                backup(Some("--trust-append"), FILE_NAME)
            }
            Action::AppendedTrusting => return None,
            Action::Alone => backup(None, "appended.ndjson"),
            Action::Restore => words(["--quiet", "restore", "latest", "--target", &target]),
            Action::Check => words(["--quiet", "check", "--read-data"]),
            Action::ListStreams => words(["--json", "streams", "latest"]),
            Action::OneStream(id) => {
                words(["--quiet", "restore", "latest", "--stream", id, "--target", &target])
            }
        })
    }
}

#[derive(Deserialize)]
struct StreamLine {
    stream_id: String,
}

/// Chooses `count` streams, spread evenly over the list that `icecore --json streams` prints.
pub(crate) fn stream_ids(list: &[u8], count: usize) -> Vec<String> {
    let list = String::from_utf8_lossy(list);
    let ids: Vec<StreamLine> =
        list.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let chosen =
        (0..count).filter_map(|number| ids.get(ids.len() * (2 * number + 1) / (2 * count)));
    chosen.map(|line| line.stream_id.clone()).collect()
}
