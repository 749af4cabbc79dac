//! The token that every request has to show. Only its hash is kept.

use super::error::ServeError;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Shortest token: what is shorter can be guessed.
pub(super) const TOKEN_BYTES_MIN: usize = 16;

/// Longest token: whoever names a device by mistake gets an error.
const TOKEN_BYTES_MAX: u64 = 4 << 10;

/// The hash of the token.
pub(crate) struct Token(blake3::Hash);

impl Token {
    /// Reads it from a file, else from where the environment says.
    pub(crate) fn read(file: Option<PathBuf>) -> Result<Self, ServeError> {
        let file = file.or_else(|| variable("ICECORE_TOKEN_FILE").map(PathBuf::from));
        let text = match (file, variable("ICECORE_TOKEN")) {
            (Some(path), _) => read_file(path)?,
            (None, Some(token)) => Zeroizing::new(token.into_vec()),
            (None, None) => return Err(ServeError::NoToken),
        };
        Self::of(&text)
    }

    fn of(text: &[u8]) -> Result<Self, ServeError> {
        if text.len() < TOKEN_BYTES_MIN {
            return Err(ServeError::ShortToken);
        }
        if !text.iter().all(u8::is_ascii_graphic) {
            return Err(ServeError::BadToken("it has characters beside those of ASCII that show"));
        }
        Ok(Self(blake3::hash(text)))
    }

    /// Whether these headers show it, once.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        let mut shown = headers.get_all(AUTHORIZATION).iter();
        let (Some(shown), None) = (shown.next(), shown.next()) else { return false };
        let bytes = shown.as_bytes();
        let scheme = b"bearer ";
        let Some((said, token)) = bytes.split_at_checked(scheme.len()) else { return false };
        // Hashes compare in constant time.
        said.eq_ignore_ascii_case(scheme) && blake3::hash(token) == self.0
    }
}

fn read_file(path: PathBuf) -> Result<Zeroizing<Vec<u8>>, ServeError> {
    let mut text = Zeroizing::new(Vec::new());
    let read =
        File::open(&path).and_then(|file| file.take(TOKEN_BYTES_MAX + 1).read_to_end(&mut text));
    let bytes = read.map_err(|source| ServeError::TokenFile { path, source })?;
    if bytes as u64 > TOKEN_BYTES_MAX {
        return Err(ServeError::BadToken("it is longer than 4 KiB"));
    }
    for end in [b'\n', b'\r'] {
        if text.last() == Some(&end) {
            let _ = text.pop();
        }
    }
    Ok(text)
}

#[allow(clippy::disallowed_methods, reason = "the command reads the environment for the library")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, value.parse().unwrap())).collect()
    }

    #[test]
    fn the_token_is_shown_once_and_to_the_letter() {
        let token = Token::of(b"0123456789abcdef").unwrap();
        assert!(token.is_in(&headers(&["Bearer 0123456789abcdef"])));
        assert!(token.is_in(&headers(&["bearer 0123456789abcdef"])));
        for others in [
            &[][..],
            &["Bearer 0123456789abcdeF"],
            &["Bearer 0123456789abcde"],
            &["Bearer 0123456789abcdef0"],
            &["Bearer  0123456789abcdef"],
            &["Basic 0123456789abcdef"],
            &["0123456789abcdef"],
            &["Bearer"],
            &["Bearer 0123456789abcdef", "Bearer 0123456789abcdef"],
        ] {
            assert!(!token.is_in(&headers(others)), "{others:?}");
        }
    }

    #[test]
    fn a_token_that_can_be_guessed_or_not_be_sent_is_refused() {
        for text in [&b""[..], b"0123456789abcde", b"0123456789 abcdef", b"0123456789abcdef\n"] {
            assert!(Token::of(text).is_err(), "{text:?}");
        }
    }
}
