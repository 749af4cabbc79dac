//! Reading objects: never more than was asked for, never anything but a regular file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use bytes::Bytes;
use rustix::fs::{FileType, Mode, OFlags, fstat, openat};

use super::failure::{Failure, errno_of};
use super::root::Root;
use crate::store::check_range;
use crate::{ObjectName, StoreErrorKind};

pub(super) fn get(root: &Root, name: &ObjectName, bytes_max: u64) -> Result<Bytes, Failure> {
    let (file, bytes) = open(root, name)?;
    if bytes > bytes_max {
        let reason = format!("it has {bytes} bytes, and at most {bytes_max} are accepted");
        return Err(Failure::new(StoreErrorKind::TooLarge, reason));
    }
    read_exactly(file, bytes)
}

pub(super) fn get_range(
    root: &Root,
    name: &ObjectName,
    range: &Range<u64>,
) -> Result<Bytes, Failure> {
    let (mut file, bytes) = open(root, name)?;
    check_range(range, bytes).map_err(|kind| {
        let Range { start, end } = range;
        Failure::new(kind, format!("bytes {start} to {end} of an object of {bytes} bytes"))
    })?;
    file.seek(SeekFrom::Start(range.start)).map_err(|error| Failure::finding(errno_of(&error)))?;
    read_exactly(file, range.end - range.start)
}

/// Opens an object and tells its length in bytes.
fn open(root: &Root, name: &ObjectName) -> Result<(File, u64), Failure> {
    let directory = root.find_directory(name.directory())?;
    // NONBLOCK: opening a named pipe would wait for somebody to write to it.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file =
        openat(&directory, name.last_segment(), flags, Mode::empty()).map_err(Failure::finding)?;
    let status = fstat(&file).map_err(Failure::finding)?;
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Err(StoreErrorKind::NotFound.into());
    }
    Ok((File::from(file), status.st_size as u64))
}

fn read_exactly(file: File, bytes: u64) -> Result<Bytes, Failure> {
    let mut content = Vec::new();
    let capacity = usize::try_from(bytes).unwrap_or(usize::MAX);
    content
        .try_reserve_exact(capacity)
        .map_err(|error| Failure::new(StoreErrorKind::Transient, error))?;
    file.take(bytes)
        .read_to_end(&mut content)
        .map_err(|error| Failure::finding(errno_of(&error)))?;
    if (content.len() as u64) < bytes {
        // Objects do not change, so something other than a store has shortened the file.
        return Err(Failure::new(StoreErrorKind::TooShort, "the file became shorter meanwhile"));
    }
    Ok(content.into())
}
