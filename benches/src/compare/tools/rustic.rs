//! rustic: <https://rustic.cli.rs>.

use super::{Action, Dialect, FILE_NAME, PASSWORD, Place, words};

pub(super) struct Rustic;

impl Dialect for Rustic {
    fn environment(&self, place: &Place) -> Vec<(&'static str, String)> {
        vec![
            ("RUSTIC_PASSWORD", PASSWORD.to_owned()),
            ("RUSTIC_REPOSITORY", place.repository()),
            ("RUSTIC_NO_PROGRESS", "true".to_owned()),
            ("RUSTIC_LOG_LEVEL", "warn".to_owned()),
        ]
    }

    fn arguments(&self, action: Action, place: &Place) -> Option<Vec<String>> {
        Some(match action {
            Action::Init => words(["init"]),
            Action::Open => words(["snapshots"]),
            Action::First | Action::Appended => words(["backup", FILE_NAME]),
            Action::Reread => words(["backup", "--force", FILE_NAME]),
            Action::Restore => words(["restore", "latest", &place.restored()]),
            Action::Check => words(["check", "--read-data"]),
            Action::AppendedTrusting
            | Action::Alone
            | Action::ListStreams
            | Action::OneStream(_) => return None,
        })
    }
}
