//! Password files: lines of `host:port:database:user:password`.
//!
//! Source: <https://www.postgresql.org/docs/18/libpq-pgpass.html>.

use super::settings_error::SettingsError;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// The permissions of everyone but the owner.
const OTHERS: u32 = 0o077;

/// The permissions of a file.
const PERMISSIONS: u32 = 0o7777;

/// What a password file holds.
pub(super) struct PasswordFile(Zeroizing<String>);

impl PasswordFile {
    /// Reads a file that only its owner can read; `None` if there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, SettingsError> {
        let failed = |source| {
            let path = path.to_owned();
            SettingsError::Read { what: "password file", path, source }
        };
        let metadata = match fs::metadata(path) {
            Err(error) if is_missing(&error) => return Ok(None),
            result => result.map_err(failed)?,
        };
        // Such as /dev/null, where no password file is wanted.
        if !metadata.is_file() {
            return Ok(None);
        }
        require_private(path, &metadata)?;
        let text = fs::read_to_string(path).map_err(failed)?;
        Ok(Some(Self(Zeroizing::new(text))))
    }

    /// The password in the first line whose fields fit, and the line's number, counted from one.
    pub(super) fn find(&self, wanted: [&str; 4]) -> Option<(Zeroizing<String>, usize)> {
        let lines = self.0.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
        for (index, line) in lines {
            let mut rest = line;
            let fits = wanted.iter().all(|wanted| {
                let Some((field, after)) = field(rest) else { return false };
                rest = after;
                field.is_any || *field.text == **wanted
            });
            if fits {
                // A password ends where a field does.
                let password = field(rest).map(|(field, _)| field.text);
                let password = password.unwrap_or_else(|| unescaped(rest));
                return (!password.is_empty()).then_some((password, index + 1));
            }
        }
        None
    }
}

fn require_private(path: &Path, metadata: &Metadata) -> Result<(), SettingsError> {
    let mode = metadata.permissions().mode() & PERMISSIONS;
    if mode & OTHERS == 0 {
        return Ok(());
    }
    Err(SettingsError::PasswordFileMode { path: path.to_owned(), mode })
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// One field of a line.
struct Field {
    text: Zeroizing<String>,
    /// Whether it is a `*` and nothing else.
    is_any: bool,
}

/// The field before the first colon that no backslash escapes, and what comes after it.
fn field(line: &str) -> Option<(Field, &str)> {
    let mut is_escaped = false;
    let end = line.find(|character| {
        let is_end = character == ':' && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        is_end
    })?;
    let (raw, after) = line.split_at_checked(end)?;
    let field = Field { text: unescaped(raw), is_any: raw == "*" };
    Some((field, after.strip_prefix(':')?))
}

fn unescaped(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let escaped = if character == '\\' { characters.next() } else { None };
        plain.push(escaped.unwrap_or(character));
    }
    plain
}
