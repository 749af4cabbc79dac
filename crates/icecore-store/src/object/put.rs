//! Writing objects: whole or not at all, and only where there is none.

use opendal::options::WriteOptions;
use opendal::{Buffer, ErrorKind};

use super::failure::Failure;
use super::operator::{Puts, Request};
use crate::{Content, ObjectName, StoreErrorKind};

/// From which length on an object is put in parts, and how long these are. A part that fails costs
/// what was sent of all, so few; and Amazon takes none below 5 MiB.
const PART_BYTES: usize = 8 << 20;

/// Parts that are on their way at the same time.
const PARTS_MAX: usize = 4;

pub(super) async fn put_new(
    request: &Request,
    name: &ObjectName,
    content: &Content,
) -> Result<(), Failure> {
    let in_parts = request.puts == Puts::InParts && content.len() > PART_BYTES as u64;
    let options = WriteOptions {
        if_not_exists: request.puts == Puts::InParts,
        // Google takes content and what is said of it in one request, where anything is said.
        content_type: Some("application/octet-stream".to_owned()),
        chunk: in_parts.then_some(PART_BYTES),
        concurrent: if in_parts { PARTS_MAX } else { 1 },
        ..WriteOptions::default()
    };
    let failed = |error: &opendal::Error| Failure::of_write(error, request);
    let mut writer = request
        .operator
        .writer_options(name.as_str(), options)
        .await
        .map_err(|error| failed(&error))?;
    let written = match writer.write(Buffer::from(content.parts().to_vec())).await {
        Ok(()) => writer.close().await,
        Err(error) => Err(error),
    };
    match written {
        Ok(_) => Ok(()),
        Err(error) => {
            let failure = failed(&error);
            // Parts that nobody puts together are paid for. If they stay, it is the rule of the
            // bucket for unfinished uploads that removes them.
            drop(writer.abort().await);
            Err(failure)
        }
    }
}

/// Deletes an object, if it is there. Services do not say whether there was one, so they are asked
/// before: of two that delete an object at the same time, both may be told that they did.
pub(super) async fn delete(request: &Request, name: &ObjectName) -> Result<(), Failure> {
    match request.operator.stat(name.as_str()).await {
        Ok(found) if found.is_dir() => return Err(StoreErrorKind::NotFound.into()),
        Ok(_) => {}
        Err(error) => return Err(Failure::of_read(&error, request)),
    }
    match request.operator.delete(name.as_str()).await {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(StoreErrorKind::NotFound.into()),
        Err(error) => Err(Failure::of_write(&error, request)),
    }
}
