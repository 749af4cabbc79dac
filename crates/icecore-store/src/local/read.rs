//! Reading objects: never more than was asked for, never anything but a regular file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use bytes::Bytes;
use rustix::fs::{FileType, Mode, OFlags, fstat, openat};

use super::failure::{Failure, errno_of};
use super::root::Root;
use crate::bandwidth::Lane;
use crate::store::check_range;
use crate::{ObjectName, StoreErrorKind};

pub(super) fn get(root: &Root, name: &ObjectName, bytes_max: u64) -> Result<Bytes, Failure> {
    let (file, bytes) = open(root, name)?;
    if bytes > bytes_max {
        let reason = format!("it has {bytes} bytes, and at most {bytes_max} are accepted");
        return Err(Failure::new(StoreErrorKind::TooLarge, reason));
    }
    read_exactly(file, bytes, &root.bandwidth.download)
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
    read_exactly(file, range.end - range.start, &root.bandwidth.download)
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

fn read_exactly(file: File, bytes: u64, download: &Lane) -> Result<Bytes, Failure> {
    let mut content = Vec::new();
    let capacity = usize::try_from(bytes).unwrap_or(usize::MAX);
    content
        .try_reserve_exact(capacity)
        .map_err(|error| Failure::new(StoreErrorKind::Transient, error))?;
    match download.piece_bytes() {
        None => file.take(bytes).read_to_end(&mut content),
        Some(piece_bytes) => read_in_pieces(&file, bytes, piece_bytes, &mut content, download),
    }
    .map_err(|error| Failure::finding(errno_of(&error)))?;
    if (content.len() as u64) < bytes {
        // Objects do not change, so something other than a store has shortened the file.
        return Err(Failure::new(StoreErrorKind::TooShort, "the file became shorter meanwhile"));
    }
    Ok(content.into())
}

/// Reads one piece after the other, as a limit lets them through.
fn read_in_pieces(
    file: &File,
    bytes: u64,
    piece_bytes: usize,
    content: &mut Vec<u8>,
    download: &Lane,
) -> io::Result<usize> {
    while (content.len() as u64) < bytes {
        let wanted = (bytes - content.len() as u64).min(piece_bytes as u64);
        let read = file.take(wanted).read_to_end(content)?;
        if read == 0 {
            break;
        }
        download.pass_blocking(read);
    }
    Ok(content.len())
}
