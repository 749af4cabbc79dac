//! Reading objects: never more than was asked for, whatever the server sends.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, HeaderValue, LOCATION, RANGE,
    TRANSFER_ENCODING,
};
use http::{Method, StatusCode, Version};

use super::connection::{Answer, Connection};
use super::failure::Failure;
use super::listing;
use crate::store::check_range;
use crate::{ObjectName, StoreErrorKind};

/// How much is set aside for an object before any of it came, whatever its length is said to be.
const BELIEVED_BYTES_MAX: u64 = 8 << 20;

pub(super) async fn get(
    connection: &Connection,
    name: &ObjectName,
    bytes_max: u64,
) -> Result<Bytes, Failure> {
    let path = connection.path(name.as_str());
    let answer = connection.ask(Method::GET, &path, HeaderMap::new(), None).await?;
    let bytes = match answer.status() {
        StatusCode::OK => length(&answer)?,
        _ => return Err(unread(connection, name, &answer).await),
    };
    let too_large = |bytes: &str| {
        let reason = format!("it has {bytes} bytes, and at most {bytes_max} are accepted");
        Failure::new(StoreErrorKind::TooLarge, reason)
    };
    match bytes {
        Some(bytes) if bytes > bytes_max => Err(too_large(&bytes.to_string())),
        Some(bytes) => exactly(answer, 0, bytes).await,
        None => match up_to(answer, bytes_max).await? {
            Some(content) => Ok(content),
            None => Err(too_large("more")),
        },
    }
}

pub(super) async fn get_range(
    connection: &Connection,
    name: &ObjectName,
    range: &Range<u64>,
) -> Result<Bytes, Failure> {
    let not_in = |kind, bytes: u64| {
        let Range { start, end } = range;
        Failure::new(kind, format!("bytes {start} to {end} of an object of {bytes} bytes"))
    };
    if range.start > range.end {
        return Err(StoreErrorKind::Permanent.into());
    }
    let path = connection.path(name.as_str());
    if range.is_empty() {
        // There is no request for nothing.
        let answer = connection.ask(Method::HEAD, &path, HeaderMap::new(), None).await?;
        if answer.status() != StatusCode::OK {
            return Err(unread(connection, name, &answer).await);
        }
        let bytes = length(&answer)?.ok_or_else(without_length)?;
        check_range(range, bytes).map_err(|kind| not_in(kind, bytes))?;
        return Ok(Bytes::new());
    }
    let last = range.end - 1;
    let asked = HeaderValue::try_from(format!("bytes={}-{last}", range.start))
        .map_err(|error| Failure::new(StoreErrorKind::Permanent, error))?;
    let headers = HeaderMap::from_iter([(RANGE, asked)]);
    let answer = connection.ask(Method::GET, &path, headers, None).await?;
    let wanted = range.end - range.start;
    match answer.status() {
        StatusCode::PARTIAL_CONTENT => {
            let (start, end) = content_range(&answer).ok_or_else(|| {
                let reason = "the server does not say which part of the object it sends";
                Failure::new(StoreErrorKind::Permanent, reason)
            })?;
            if start == range.start && end == last {
                exactly(answer, 0, wanted).await
            } else if start == range.start && end < last {
                Err(not_in(StoreErrorKind::TooShort, end + 1))
            } else {
                let reason = "the server sends another part of the object";
                Err(Failure::new(StoreErrorKind::Permanent, reason))
            }
        }
        // Some know no parts, and send everything.
        StatusCode::OK => {
            let bytes = length(&answer)?.ok_or_else(without_length)?;
            check_range(range, bytes).map_err(|kind| not_in(kind, bytes))?;
            exactly(answer, range.start, wanted).await
        }
        _ => Err(unread(connection, name, &answer).await),
    }
}

/// Why there is nothing to read. That a name is a directory's, or below an object, servers say in ways
/// of their own.
async fn unread(connection: &Connection, name: &ObjectName, answer: &Answer) -> Failure {
    let status = answer.status();
    let location = answer.headers().get(LOCATION).and_then(|it| it.to_str().ok());
    let directory = format!("{}/", connection.path(name.as_str()));
    let leads_there = location.is_some_and(|location| location.ends_with(&directory));
    if status == StatusCode::METHOD_NOT_ALLOWED || status.is_redirection() && leads_there {
        return StoreErrorKind::NotFound.into();
    }
    if status == StatusCode::FORBIDDEN && listing::is_below_object(connection, name.as_str()).await
    {
        return StoreErrorKind::NotFound.into();
    }
    Failure::of_status(status)
}

/// The length of what comes, where it is said.
fn length(answer: &Answer) -> Result<Option<u64>, Failure> {
    let headers = answer.headers();
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        let reason = "the server sends something else than the object's bytes";
        return Err(Failure::new(StoreErrorKind::Permanent, reason));
    }
    if let Some(length) = headers.get(CONTENT_LENGTH) {
        let bytes = length.to_str().ok().and_then(|length| length.parse().ok());
        return bytes.map(Some).ok_or_else(without_length);
    }
    // Else an answer that is cut off could not be told from one that ends.
    let has_end = headers.contains_key(TRANSFER_ENCODING) || answer.version() >= Version::HTTP_2;
    if has_end { Ok(None) } else { Err(without_length()) }
}

fn without_length() -> Failure {
    let reason = "the server does not say how long the object is";
    Failure::new(StoreErrorKind::Permanent, reason)
}

/// The first and the last byte of what comes.
fn content_range(answer: &Answer) -> Option<(u64, u64)> {
    let text = answer.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, _) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, end) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, end.trim().parse().ok()?))
}

/// Exactly `bytes` bytes, after `skipped` that nobody wants.
async fn exactly(mut answer: Answer, mut skipped: u64, bytes: u64) -> Result<Bytes, Failure> {
    let mut content = BytesMut::with_capacity(bytes.min(BELIEVED_BYTES_MAX) as usize);
    // What comes after the part, of a server that sends everything, is left there.
    while (content.len() as u64) < bytes
        && let Some(piece) = answer.next().await?
    {
        let unwanted = skipped.min(piece.len() as u64);
        skipped -= unwanted;
        let piece = piece.slice(unwanted as usize..);
        let left = bytes - content.len() as u64;
        content.extend_from_slice(&piece[..piece.len().min(left as usize)]);
    }
    if (content.len() as u64) < bytes {
        let reason = "the server sends less than it said";
        return Err(Failure::new(StoreErrorKind::Transient, reason));
    }
    Ok(content.freeze())
}

/// All, if it is not more than `bytes_max` bytes.
async fn up_to(mut answer: Answer, bytes_max: u64) -> Result<Option<Bytes>, Failure> {
    let mut content = BytesMut::new();
    while let Some(piece) = answer.next().await? {
        if (content.len() + piece.len()) as u64 > bytes_max {
            return Ok(None);
        }
        content.extend_from_slice(&piece);
    }
    Ok(Some(content.freeze()))
}
