//! Where a repository is: a directory, as `PATH` or `file:PATH`, or a place in object storage, on an
//! SSH server or on a WebDAV server, as a URL.

#[cfg(feature = "object-storage")]
mod object;
#[cfg(feature = "object-storage")]
mod sftp;
#[cfg(feature = "object-storage")]
mod url;
#[cfg(feature = "object-storage")]
mod webdav;

use icecore_store::{Bandwidth, LocalStore, Meter, MeteredStore, Store, StoreError};
#[cfg(feature = "object-storage")]
use icecore_store::{
    ObjectSettings, ObjectStore, RetryingStore, SftpSettings, SftpStore, WebDavSettings,
    WebDavStore,
};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::Arc;

/// Where a repository is.
#[derive(Clone, Debug)]
pub(crate) enum Location {
    Directory(PathBuf),
    #[cfg(feature = "object-storage")]
    Object(Box<ObjectSettings>),
    #[cfg(feature = "object-storage")]
    Sftp(Box<SftpSettings>),
    #[cfg(feature = "object-storage")]
    WebDav(Box<WebDavSettings>),
}

/// What can be said, for messages.
#[cfg(feature = "object-storage")]
const PLACES: &str = "directories, s3://BUCKET/PREFIX, azblob://CONTAINER/PREFIX, gs://BUCKET/PREFIX, sftp://HOST/PATH and webdavs://HOST/PATH";
#[cfg(not(feature = "object-storage"))]
const PLACES: &str = "directories, as this program was built without object storage";

impl Location {
    /// Reads a location; the error says what is wrong with it, and nothing of what it may contain.
    pub(crate) fn parse(text: &OsStr) -> Result<Self, String> {
        let path = match scheme(text) {
            Some(("file", path)) => path,
            #[cfg(feature = "object-storage")]
            Some(("s3" | "azblob" | "gs", _)) => {
                let settings = object::parse(text, &variable)?;
                return Ok(Self::Object(Box::new(settings)));
            }
            #[cfg(feature = "object-storage")]
            Some(("sftp", _)) => return Ok(Self::Sftp(Box::new(sftp::parse(text)?))),
            #[cfg(feature = "object-storage")]
            Some(("webdav" | "webdavs", _)) => {
                return Ok(Self::WebDav(Box::new(webdav::parse(text, &variable)?)));
            }
            Some((scheme, _)) => {
                return Err(format!(
                    "there are no repositories on '{scheme}:', only in {PLACES} (for a directory \
                     of this name, say file:PATH)"
                ));
            }
            None => text,
        };
        if path.is_empty() {
            return Err("the place of the repository is empty".to_owned());
        }
        Ok(Self::Directory(path.into()))
    }

    /// The store that is there, whose requests `meter` counts and `bandwidth` limits, without anything that
    /// repeats requests.
    pub(crate) fn open_impatient(
        &self,
        meter: &Meter,
        bandwidth: &Bandwidth,
    ) -> Result<Arc<dyn Store>, StoreError> {
        match self {
            Self::Directory(path) => {
                let store = LocalStore::open(path)?.with_bandwidth(bandwidth.clone());
                Ok(metered(store, meter))
            }
            #[cfg(feature = "object-storage")]
            Self::Object(settings) => {
                let store = ObjectStore::open(settings)?.with_bandwidth(bandwidth.clone());
                Ok(metered(store, meter))
            }
            #[cfg(feature = "object-storage")]
            Self::Sftp(settings) => {
                let store = SftpStore::open((**settings).clone());
                Ok(metered(store.with_bandwidth(bandwidth.clone()), meter))
            }
            #[cfg(feature = "object-storage")]
            Self::WebDav(settings) => {
                let store = WebDavStore::open(settings)?.with_bandwidth(bandwidth.clone());
                Ok(metered(store, meter))
            }
        }
    }

    /// Makes the place if it can be made, for [`open_impatient`](Self::open_impatient): a directory is,
    /// a bucket has to be there.
    pub(crate) fn create(&self) -> Result<(), StoreError> {
        if let Self::Directory(path) = self {
            LocalStore::create(path)?;
        }
        Ok(())
    }

    /// A store that repeats what failed for the moment, where that can be. Each try of a request is
    /// counted, since each is paid for.
    pub(crate) fn patient(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        match self {
            Self::Directory(_) => store,
            #[cfg(feature = "object-storage")]
            _ => Arc::new(RetryingStore::new(store)),
        }
    }
}

fn metered(store: impl Store + 'static, meter: &Meter) -> Arc<dyn Store> {
    Arc::new(MeteredStore::new(Arc::new(store), meter.clone()))
}

#[cfg(feature = "object-storage")]
#[expect(clippy::disallowed_methods, reason = "the command line reads the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
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
        for (text, expected) in [
            ("/srv/backup", "/srv/backup"),
            ("file:/srv/backup", "/srv/backup"),
            ("file:s3:odd", "s3:odd"),
            ("./a:b", "./a:b"),
        ] {
            let location = Location::parse(OsStr::new(text)).unwrap();
            assert_eq!(format!("{location:?}"), format!("Directory({expected:?})"), "{text}");
        }
    }

    #[test]
    fn other_schemes_and_nothing_at_all_are_refused_without_repeating_credentials() {
        let error = Location::parse(OsStr::new("ftp://key:secret@host/bucket")).unwrap_err();
        assert!(error.contains("'ftp:'") && error.contains("directories"), "{error}");
        assert!(!error.contains("secret"), "{error}");
        assert!(Location::parse(OsStr::new("")).is_err());
        assert!(Location::parse(OsStr::new("file:")).is_err());
    }
}
