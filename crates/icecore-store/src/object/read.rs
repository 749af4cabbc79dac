//! Reading objects: never more than was asked for, whatever the server sends.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use opendal::{BufferStream, BytesRange};

use super::failure::Failure;
use super::operator::Request;
use crate::store::check_range;
use crate::{ObjectName, StoreErrorKind};

/// How much is set aside for an object before any of it came, whatever its length is said to be.
const BELIEVED_BYTES_MAX: u64 = 8 << 20;

/// Longer than any object of any service.
const OBJECT_BYTES_MAX: u64 = 1 << 50;

pub(super) async fn get(
    request: &Request,
    name: &ObjectName,
    bytes_max: u64,
) -> Result<Bytes, Failure> {
    let (stream, bytes) = open(request, name, BytesRange::from(..)).await?;
    if bytes > bytes_max {
        let reason = format!("it has {bytes} bytes, and at most {bytes_max} are accepted");
        return Err(Failure::new(StoreErrorKind::TooLarge, reason));
    }
    collect(request, stream, bytes).await
}

pub(super) async fn get_range(
    request: &Request,
    name: &ObjectName,
    range: &Range<u64>,
) -> Result<Bytes, Failure> {
    let not_in = |kind, bytes| {
        let Range { start, end } = range;
        Failure::new(kind, format!("bytes {start} to {end} of an object of {bytes} bytes"))
    };
    if range.start > range.end {
        return Err(not_in(StoreErrorKind::Permanent, "unknown".to_owned()));
    }
    let failed = |error: opendal::Error| Failure::of_read(&error, request);
    if range.is_empty() || range.end > OBJECT_BYTES_MAX {
        // There is no request for nothing, and the other is answered with nonsense here and there.
        let found = request.operator.stat(name.as_str()).await.map_err(failed)?;
        if found.is_dir() {
            return Err(StoreErrorKind::NotFound.into());
        }
        let bytes = found.content_length();
        let checked = check_range(range, bytes);
        return checked.map(|()| Bytes::new()).map_err(|kind| not_in(kind, bytes.to_string()));
    }
    let opened = open(request, name, BytesRange::from(range.clone())).await;
    let (stream, bytes) = match opened {
        Ok(opened) => opened,
        Err(failure) => {
            // Servers answer a range that is beyond the object with nonsense, or break off.
            let is_unclear = failure.kind() == StoreErrorKind::Permanent
                || failure.kind() == StoreErrorKind::Transient;
            if is_unclear && let Ok(found) = request.operator.stat(name.as_str()).await {
                let bytes = found.content_length();
                check_range(range, bytes).map_err(|kind| not_in(kind, bytes.to_string()))?;
            }
            return Err(failure);
        }
    };
    check_range(range, bytes).map_err(|kind| not_in(kind, bytes.to_string()))?;
    collect(request, stream, range.end - range.start).await
}

/// Begins to read; also tells how long the whole object is.
async fn open(
    request: &Request,
    name: &ObjectName,
    range: BytesRange,
) -> Result<(BufferStream, u64), Failure> {
    let failed = |error: opendal::Error| Failure::of_read(&error, request);
    let reader = request.operator.reader(name.as_str()).await.map_err(failed)?;
    let mut stream = reader.into_stream(range).await.map_err(failed)?;
    let found = stream.metadata().await.map_err(failed)?;
    Ok((stream, found.content_length()))
}

/// Exactly `bytes` bytes.
async fn collect(
    request: &Request,
    mut stream: BufferStream,
    bytes: u64,
) -> Result<Bytes, Failure> {
    let mut content = BytesMut::with_capacity(bytes.min(BELIEVED_BYTES_MAX) as usize);
    while let Some(buffer) =
        stream.try_next().await.map_err(|error| Failure::of_read(&error, request))?
    {
        if (content.len() + buffer.len()) as u64 > bytes {
            let reason = "the service sends more than it was asked for";
            return Err(Failure::new(StoreErrorKind::Permanent, reason));
        }
        for part in buffer {
            content.extend_from_slice(&part);
        }
    }
    if (content.len() as u64) < bytes {
        let reason = "the service sends less than it said";
        return Err(Failure::new(StoreErrorKind::Transient, reason));
    }
    Ok(content.freeze())
}
