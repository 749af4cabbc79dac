//! borg: <https://www.borgbackup.org>.

use super::{Action, Dialect, FILE_NAME, PASSWORD, Place, words};

pub(super) struct Borg;

impl Dialect for Borg {
    fn environment(&self, place: &Place) -> Vec<(&'static str, String)> {
        vec![
            ("BORG_PASSPHRASE", PASSWORD.to_owned()),
            ("BORG_REPO", place.repository()),
            ("BORG_BASE_DIR", place.home()),
        ]
    }

    fn arguments(&self, action: Action, _place: &Place) -> Option<Vec<String>> {
        let create = |archive| words(["create", "--compression", "zstd,3", archive, FILE_NAME]);
        Some(match action {
            // BLAKE2b is faster than the HMAC-SHA256 of plain `repokey`, and as safe.
            Action::Init => words(["init", "--encryption", "repokey-blake2"]),
            Action::Open => words(["list"]),
            Action::First => create("::first"),
            Action::Reread => words([
                "create",
                "--files-cache=disabled",
                "--compression",
                "zstd,3",
                "::reread",
                FILE_NAME,
            ]),
            Action::Appended => create("::appended"),
            // borg restores to where it runs.
            Action::Restore => words(["extract", "::appended"]),
            Action::Check => words(["check", "--verify-data"]),
            Action::AppendedTrusting
            | Action::Alone
            | Action::ListStreams
            | Action::OneStream(_) => return None,
        })
    }
}
