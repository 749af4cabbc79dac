//! Directories, made where they are missing: a server puts nothing into one that is not there.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::header::{HeaderMap, HeaderValue};
use http::{Method, StatusCode};

use super::WebDavStore;
use super::connection::method;
use super::failure::Failure;
use crate::StoreErrorKind;

/// Directories below the store's that are there, as this process has seen.
#[derive(Debug, Default)]
pub(super) struct Directories(Mutex<HashSet<String>>);

impl Directories {
    /// Forgets all: one of them is gone.
    pub(super) fn forget(&self) {
        self.seen().clear();
    }

    fn seen(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of a directory that was to be made.
enum Made {
    IsThere,
    ParentIsMissing,
}

impl WebDavStore {
    /// Makes a directory below the store's, and what is missing above it.
    pub(super) async fn make_directory(&self, below: &str) -> Result<(), Failure> {
        if self.directories.seen().contains(below) {
            return Ok(());
        }
        let path = self.connection.path(below);
        let path = path.trim_end_matches('/');
        // The root of a server is there.
        let mut missing = if path.is_empty() { vec![] } else { vec![path] };
        let mut goes_down = false;
        // Up to the first whose parent is there, and down again.
        while let Some(&directory) = missing.last() {
            let parent = directory.rsplit_once('/').map_or("", |(parent, _)| parent);
            match self.make_one(directory).await? {
                Made::IsThere => {
                    missing.pop();
                    goes_down = true;
                }
                Made::ParentIsMissing if goes_down || parent.is_empty() => {
                    let reason = "the server says that the directory above is missing";
                    return Err(Failure::new(StoreErrorKind::Transient, reason));
                }
                Made::ParentIsMissing => missing.push(parent),
            }
        }
        self.directories.seen().insert(below.to_owned());
        Ok(())
    }

    async fn make_one(&self, path: &str) -> Result<Made, Failure> {
        let path = format!("{path}/");
        let status = self.connection.status(method("MKCOL"), &path, HeaderMap::new(), None).await?;
        match status {
            StatusCode::CONFLICT | StatusCode::NOT_FOUND => return Ok(Made::ParentIsMissing),
            // The second is the answer where it is there already.
            _ if status.is_success() || status == StatusCode::METHOD_NOT_ALLOWED => {
                return Ok(Made::IsThere);
            }
            _ => {}
        }
        // Whoever may write into a directory need not be allowed to make it.
        match self.is_directory(&path).await {
            Ok(true) => Ok(Made::IsThere),
            _ => Err(Failure::of_status(status)),
        }
    }

    async fn is_directory(&self, path: &str) -> Result<bool, Failure> {
        let depth = HeaderMap::from_iter([(super::listing::DEPTH, HeaderValue::from_static("0"))]);
        let propfind: Method = method("PROPFIND");
        let status = self.connection.status(propfind, path, depth, None).await?;
        Ok(status == StatusCode::MULTI_STATUS)
    }
}
