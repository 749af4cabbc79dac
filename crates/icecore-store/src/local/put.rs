//! Storing a new object: whole or not at all, exclusive, durable.
//!
//! Specified in docs/durability.md, "The local store".

use std::io::IoSlice;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering::Relaxed;

use rustix::fs::{Advice, fadvise, fsync};
use rustix::io::{Errno, writev};

use super::failure::Failure;
use super::publish::{NamedFile, Published, UnnamedFile};
use super::root::{Root, is_object, sync_directory};
use crate::bandwidth::Lane;
use crate::{Content, ObjectName, StoreErrorKind};

/// Most parts written by one system call: the least that Linux allows (`IOV_MAX`).
const PARTS_PER_WRITE_MAX: usize = 1024;

/// The least object, in bytes, whose memory is given back once it is durable. A pack is not read
/// again soon; what others have in memory would have to make room for it, and the next pack would
/// have to be given fresh pages.
const LET_GO_BYTES_MIN: u64 = 1 << 20;

pub(super) fn put_new(root: &Root, name: &ObjectName, content: &Content) -> Result<(), Failure> {
    // The order matters. Until 4 there is nothing to see; a failure up to there leaves nothing.
    // 1. The directory and all above it, durable: an object is only as durable as its path.
    let directory = root.make_directory(name.directory())?;
    let file = name.last_segment();
    match is_object(&directory, file) {
        Err(Errno::NOENT) => {}
        // Refused before 64 MiB are written for nothing.
        Ok(_) => return Err(taken(&directory, file)),
        Err(errno) => return Err(Failure::preparing(errno)),
    }
    // 2. The content, 3. durable, 4. then the name: whoever sees the name finds all of it.
    match publish(root, &directory, file, content)? {
        Published::Yes => {}
        Published::NameTaken => return Err(taken(&directory, file)),
    }
    // 5. The name, durable. When this fails, the object is there, and may have been read, so it
    // is not taken back; but a power cut may do so.
    sync_directory(&directory).map_err(Failure::settling)
}

/// Writes the content where nobody sees it, then gives it its name, in the best way that this file
/// system has.
fn publish(
    root: &Root,
    directory: &OwnedFd,
    file: &str,
    content: &Content,
) -> Result<Published, Failure> {
    if root.unnamed_files.load(Relaxed) {
        if let Some(unfinished) = UnnamedFile::create(directory)? {
            fill(&unfinished, content, &root.bandwidth.upload).map_err(Failure::preparing)?;
            if let Some(published) = unfinished.publish(directory, file)? {
                return Ok(published);
            }
        }
        root.unnamed_files.store(false, Relaxed);
    }
    let unfinished = NamedFile::create(root)?;
    fill(&unfinished, content, &root.bandwidth.upload).map_err(Failure::preparing)?;
    unfinished.publish(root, directory, file)
}

/// Why a name that is taken cannot be had.
fn taken(directory: &OwnedFd, file: &str) -> Failure {
    match is_object(directory, file) {
        // Its writer may not have come to its last step, or may have been killed before. The
        // caller will build on it, so it has to stay.
        Ok(true) | Err(Errno::NOENT) => match sync_directory(directory) {
            Ok(()) => StoreErrorKind::AlreadyExists.into(),
            Err(errno) => Failure::settling(errno),
        },
        Ok(false) => Failure::new(
            StoreErrorKind::Permanent,
            "a directory or something else that is no object has this name",
        ),
        Err(errno) => Failure::preparing(errno),
    }
}

/// Writes all parts and makes them durable.
fn fill(file: impl AsFd, content: &Content, upload: &Lane) -> Result<(), Errno> {
    let piece_bytes = upload.piece_bytes();
    let mut slices: Vec<IoSlice<'_>> = content
        .parts()
        .iter()
        .filter(|part| !part.is_empty())
        .flat_map(|part| part.chunks(piece_bytes.unwrap_or(usize::MAX)))
        .map(IoSlice::new)
        .collect();
    // Where there is a limit, one piece after the other.
    let parts_per_write = piece_bytes.map_or(PARTS_PER_WRITE_MAX, |_| 1);
    for mut batch in slices.chunks_mut(parts_per_write) {
        upload.pass_blocking(batch.iter().map(|slice| slice.len()).sum());
        while !batch.is_empty() {
            match writev(&file, batch) {
                Ok(0) => return Err(Errno::IO),
                Ok(written) => IoSlice::advance_slices(&mut batch, written),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
    fsync(&file)?;
    if content.len() >= LET_GO_BYTES_MIN {
        // It is advice, which some file systems do not take.
        let _taken = fadvise(&file, 0, None, Advice::DontNeed);
    }
    Ok(())
}
