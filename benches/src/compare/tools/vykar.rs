//! vykar: <https://github.com/borgbase/vykar>.
//!
//! It has no option to read a file that looks unchanged; the source is touched before it is read
//! again, which does the same.

use super::{Action, Dialect, FILE_NAME, PASSWORD, Place, words};
use std::path::Path;
use std::{fs, io};

pub(super) struct Vykar;

impl Dialect for Vykar {
    fn prepare(&self, place: &Place, source: &Path) -> io::Result<()> {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let configuration = format!(
            "repositories:\n  - url: {}\nsources:\n  - {}\ncompression:\n  algorithm: zstd\n  \
             zstd_level: 3\n",
            quoted(&place.repository()),
            quoted(&source.to_string_lossy()),
        );
        fs::write(place.configuration(), configuration)
    }

    fn environment(&self, place: &Place) -> Vec<(&'static str, String)> {
        vec![("VYKAR_PASSPHRASE", PASSWORD.to_owned()), ("VYKAR_CONFIG", place.configuration())]
    }

    fn arguments(&self, action: Action, place: &Place) -> Option<Vec<String>> {
        Some(match action {
            Action::Init => words(["init"]),
            Action::Open => words(["list"]),
            Action::First | Action::Reread | Action::Appended => words(["backup", FILE_NAME]),
            Action::Restore => words(["restore", "latest", &place.restored()]),
            Action::Check => words(["check", "--verify-data"]),
            Action::AppendedTrusting
            | Action::Alone
            | Action::ListStreams
            | Action::OneStream(_) => return None,
        })
    }
}
