//! Requests to storage whose answer may be lost.
//!
//! Specification: docs/durability.md, "Lost answers".

use bytes::Bytes;
use icecore_store::{
    Content, ObjectInfo, ObjectName, Operation, Store, StoreError, StoreErrorKind,
};
use std::future::Future;
use std::ops::Range;

/// Times that a request is made before its failure counts.
const ATTEMPTS_MAX: usize = 5;

/// Bytes of an object that are read to find out whose it is, if ours has not more: enough for
/// whoever lost a race to use what they read.
const COMPARED_BYTES_MIN: u64 = 64 << 10;

/// What is stored under a name after [`put`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// What was put.
    Done,
    /// Something else: its bytes, unless it has many more than what was put.
    Taken(Option<Bytes>),
}

/// Puts `content` under `name` and does not rest before storage said what is there.
///
/// After any answer that leaves it open (an error on the way, and even "the name is taken", which
/// a repeated request gets for its own first try) the object is read: our bytes mean done, others
/// mean taken, and none mean that the same bytes are put again.
///
/// An error whose [`StoreError::outcome_unknown`] says so leaves it open: some try may have landed,
/// or land later. After any other, nothing was stored.
pub(crate) async fn put(
    store: &dyn Store,
    name: &ObjectName,
    content: &Content,
) -> Result<Put, StoreError> {
    let bytes_max = content.len().max(COMPARED_BYTES_MIN);
    let mut unknown = None;
    for _ in 0..ATTEMPTS_MAX {
        let error = match store.put_new(name, content.clone()).await {
            Ok(()) => return Ok(Put::Done),
            Err(error) => error,
        };
        if error.kind() != StoreErrorKind::AlreadyExists && !error.outcome_unknown() {
            // This try did nothing, but one before it may still land.
            return Err(unknown.unwrap_or(error));
        }
        match get(store, name, bytes_max).await {
            Ok(found) if is_same(content, &found) => return Ok(Put::Done),
            Ok(found) => return Ok(Put::Taken(Some(found))),
            Err(larger) if larger.kind() == StoreErrorKind::TooLarge => {
                return Ok(Put::Taken(None));
            }
            Err(absent) if absent.kind() == StoreErrorKind::NotFound => {
                unknown = Some(left_open(error, name));
            }
            // Neither the put nor the read was answered.
            Err(_) => return Err(left_open(error, name)),
        }
    }
    Err(unknown.expect("at least one attempt was made"))
}

/// `error` as one that leaves the outcome open: "the name is taken" does not say by whom.
fn left_open(error: StoreError, name: &ObjectName) -> StoreError {
    if error.outcome_unknown() {
        return error;
    }
    let place = error.place().to_owned();
    StoreError::of_object(StoreErrorKind::Transient, Operation::PutNew, name, place)
        .with_source(error)
}

/// Reads a whole object.
pub(crate) async fn get(
    store: &dyn Store,
    name: &ObjectName,
    bytes_max: u64,
) -> Result<Bytes, StoreError> {
    retrying(|| store.get(name, bytes_max)).await
}

/// Reads a part of an object.
pub(crate) async fn get_range(
    store: &dyn Store,
    name: &ObjectName,
    range: Range<u64>,
) -> Result<Bytes, StoreError> {
    retrying(|| store.get_range(name, range.clone())).await
}

/// Lists a prefix.
pub(crate) async fn list(store: &dyn Store, prefix: &str) -> Result<Vec<ObjectInfo>, StoreError> {
    retrying(|| store.list(prefix)).await
}

/// Deletes an object. "Not found" may be the answer to a request that was repeated after it had its effect.
pub(crate) async fn delete(store: &dyn Store, name: &ObjectName) -> Result<(), StoreError> {
    retrying(|| store.delete(name)).await
}

/// Makes a request that may be made twice, again where the storage may only have failed for the
/// moment.
async fn retrying<T, F>(mut request: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut attempt = 1;
    loop {
        match request().await {
            Err(error) if error.kind() == StoreErrorKind::Transient && attempt < ATTEMPTS_MAX => {
                attempt += 1;
            }
            result => return result,
        }
    }
}

fn is_same(content: &Content, found: &[u8]) -> bool {
    let mut rest = found;
    content.parts().iter().all(|part| match rest.strip_prefix(part.as_ref()) {
        Some(after) => {
            rest = after;
            true
        }
        None => false,
    }) && rest.is_empty()
}
