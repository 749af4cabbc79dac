//! Where a repository is: a directory, as `PATH` or `file:PATH`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// Where a repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) path: PathBuf,
}

impl Location {
    /// Reads a location; the error says what is wrong with it, and nothing of what it may contain.
    pub(crate) fn parse(text: &OsStr) -> Result<Self, String> {
        let path = match scheme(text) {
            Some(("file", path)) => path,
            Some((scheme, _)) => {
                return Err(format!(
                    "repositories on '{scheme}:' are not supported yet, only directories \
                     (for a directory of this name, say file:PATH)"
                ));
            }
            None => text,
        };
        if path.is_empty() {
            return Err("the place of the repository is empty".to_owned());
        }
        Ok(Self { path: path.into() })
    }
}

/// What stands before the first colon, if it looks like a scheme, and what comes after it.
pub(crate) fn scheme(text: &OsStr) -> Option<(&str, &OsStr)> {
    let bytes = text.as_bytes();
    let colon = bytes.iter().position(|byte| *byte == b':')?;
    let scheme = std::str::from_utf8(bytes.get(..colon)?).ok()?;
    let is_scheme_byte =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(is_scheme_byte);
    is_scheme.then(|| (scheme, OsStr::from_bytes(bytes.get(colon + 1..).unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_path_with_or_without_its_scheme() {
        for (text, path) in [
            ("/srv/backup", "/srv/backup"),
            ("file:/srv/backup", "/srv/backup"),
            ("file:s3:odd", "s3:odd"),
            ("./a:b", "./a:b"),
        ] {
            let location = Location::parse(OsStr::new(text)).unwrap();
            assert_eq!(location.path, PathBuf::from(path), "{text}");
        }
    }

    #[test]
    fn other_schemes_and_nothing_at_all_are_refused_without_repeating_credentials() {
        let error = Location::parse(OsStr::new("s3:https://key:secret@host/bucket")).unwrap_err();
        assert!(error.contains("'s3:'") && !error.contains("secret"), "{error}");
        assert!(Location::parse(OsStr::new("")).is_err());
        assert!(Location::parse(OsStr::new("file:")).is_err());
    }
}
