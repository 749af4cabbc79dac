//! restic: <https://restic.net>.

use super::{Action, Dialect, FILE_NAME, PASSWORD, Place, words};

pub(super) struct Restic;

impl Dialect for Restic {
    fn environment(&self, place: &Place) -> Vec<(&'static str, String)> {
        vec![("RESTIC_PASSWORD", PASSWORD.to_owned()), ("RESTIC_REPOSITORY", place.repository())]
    }

    fn arguments(&self, action: Action, place: &Place) -> Option<Vec<String>> {
        Some(match action {
            Action::Init => words(["--quiet", "init"]),
            Action::Open => words(["--quiet", "snapshots"]),
            Action::First | Action::Appended => words(["--quiet", "backup", FILE_NAME]),
            Action::Reread => words(["--quiet", "backup", "--force", FILE_NAME]),
            Action::Restore => {
                words(["--quiet", "restore", "latest", "--target", &place.restored()])
            }
            Action::Check => words(["--quiet", "check", "--read-data"]),
            Action::AppendedTrusting
            | Action::Alone
            | Action::ListStreams
            | Action::OneStream(_) => return None,
        })
    }
}
