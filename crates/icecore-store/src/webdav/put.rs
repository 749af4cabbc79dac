//! Writing objects: whole under a name that nobody reads, then moved to their own.

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use super::WebDavStore;
use super::connection::{Connection, method};
use super::failure::Failure;
use super::listing::{self, Kind};
use crate::name::RESERVED_SEGMENT;
use crate::{Content, ObjectName, StoreErrorKind};

/// Where a file is moved to. Source: RFC 4918, section 10.3.
const DESTINATION: HeaderName = HeaderName::from_static("destination");

/// Whether what is there is replaced. Source: RFC 4918, section 10.6.
const OVERWRITE: HeaderName = HeaderName::from_static("overwrite");

impl WebDavStore {
    pub(super) async fn put_file(
        &self,
        name: &ObjectName,
        content: &Content,
    ) -> Result<(), Failure> {
        self.make_directory(RESERVED_SEGMENT).await?;
        self.make_directory(name.directory()).await?;
        let unfinished = self.connection.path(&format!("{RESERVED_SEGMENT}/{:032x}", random()?));
        let put = self.put_and_move(&unfinished, name, content).await;
        if let Err(failure) = &put {
            if failure.kind() == StoreErrorKind::Transient {
                // It may be that a directory was removed.
                self.directories.forget();
            }
            // What is left of a writer that was killed here harms nobody.
            let delete =
                self.connection.status(Method::DELETE, &unfinished, HeaderMap::new(), None);
            drop(delete.await);
        }
        put
    }

    async fn put_and_move(
        &self,
        unfinished: &str,
        name: &ObjectName,
        content: &Content,
    ) -> Result<(), Failure> {
        let connection = &self.connection;
        let kind = HeaderValue::from_static("application/octet-stream");
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind)]);
        let status = connection.status(Method::PUT, unfinished, headers, Some(content)).await?;
        match status {
            StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT => {}
            // The directory, which was there.
            StatusCode::NOT_FOUND | StatusCode::CONFLICT => {
                let reason = format!("the server answers {status} to a new file");
                return Err(Failure::new(StoreErrorKind::Transient, reason));
            }
            // A promise.
            StatusCode::ACCEPTED => {
                let reason = "the server puts off what it is asked";
                return Err(Failure::new(StoreErrorKind::Permanent, reason));
            }
            _ => return Err(Failure::of_status(status)),
        }
        let destination = connection.address(&connection.path(name.as_str()));
        let destination = HeaderValue::try_from(destination.as_str())
            .map_err(|error| Failure::new(StoreErrorKind::Permanent, error))?;
        let headers = HeaderMap::from_iter([
            (DESTINATION, destination),
            (OVERWRITE, HeaderValue::from_static("F")),
        ]);
        match connection.status(method("MOVE"), unfinished, headers, None).await? {
            StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT => Ok(()),
            status => Err(Failure::of_move(status)),
        }
    }
}

/// Deletes an object, if it is there and is one: a directory would go with all that is in it.
pub(super) async fn delete(connection: &Connection, name: &ObjectName) -> Result<(), Failure> {
    let path = connection.path(name.as_str());
    match listing::kind(connection, &path).await {
        Ok(Some(Kind::File)) => {}
        Ok(Some(Kind::Directory) | None) => return Err(StoreErrorKind::NotFound.into()),
        Err(denied) if denied.kind() == StoreErrorKind::Denied => {
            let is_below = listing::is_below_object(connection, name.as_str()).await;
            return Err(if is_below { StoreErrorKind::NotFound.into() } else { denied });
        }
        Err(failure) => return Err(failure),
    }
    match connection.status(Method::DELETE, &path, HeaderMap::new(), None).await? {
        StatusCode::OK | StatusCode::NO_CONTENT => Ok(()),
        // A promise, and what went wrong.
        StatusCode::ACCEPTED | StatusCode::MULTI_STATUS => {
            let reason = "the server does not say that it is deleted";
            Err(Failure::new(StoreErrorKind::Transient, reason))
        }
        status => Err(Failure::of_status(status)),
    }
}

fn random() -> Result<u128, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Failure::new(StoreErrorKind::Transient, error))?;
    Ok(u128::from_le_bytes(bytes))
}
