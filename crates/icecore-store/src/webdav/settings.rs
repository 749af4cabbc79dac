//! Which directory of which server is meant, and who asks.

use crate::Secret;

/// A directory of a WebDAV server.
#[derive(Clone, Debug)]
pub struct WebDavSettings {
    /// Whether the connection is encrypted.
    pub is_encrypted: bool,
    /// The server, by name or address, with its port if that is not the usual one.
    pub host: String,
    /// The directory, as it is written in URLs, without `/` at its beginning and end; may be empty.
    pub path: String,
    /// Who asks; nobody in particular where there is none.
    pub credential: Option<WebDavCredential>,
}

/// Who asks a WebDAV server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WebDavCredential {
    /// A user.
    User {
        /// The user's name.
        name: String,
        /// The password.
        password: Secret,
    },
    /// Whoever has this token.
    Token(Secret),
}

impl WebDavSettings {
    /// A short name of the place for messages, without credentials.
    pub fn place(&self) -> String {
        let scheme = if self.is_encrypted { "webdavs" } else { "webdav" };
        match self.path.as_str() {
            "" => format!("{scheme}://{}", self.host),
            path => format!("{scheme}://{}/{path}", self.host),
        }
    }
}
