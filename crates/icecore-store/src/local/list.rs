//! Listing objects: a walk over the directories below a prefix.
//!
//! Whatever cannot be an object is passed over in silence: `tmp/`, `lost+found`, symbolic links,
//! files of other programs whose names are no object names.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Dir, FileType, statat};
use rustix::io::Errno;

use super::failure::Failure;
use super::root::{Root, open_directory};
use crate::name::check_prefix;
use crate::{ObjectInfo, ObjectName, StoreErrorKind};

pub(super) fn list(root: &Root, prefix: &str) -> Result<Vec<ObjectInfo>, Failure> {
    check_prefix(prefix).map_err(|error| Failure::new(StoreErrorKind::Permanent, error))?;
    let directory = match root.find_directory(prefix) {
        Err(failure) if failure.is_not_found() => return Ok(Vec::new()),
        found => found?,
    };
    let mut objects = Vec::new();
    walk(&directory, prefix, &mut objects).map_err(Failure::finding)?;
    objects.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(objects)
}

/// Collects what is below `directory`. The length of a name bounds the depth.
fn walk(directory: &OwnedFd, prefix: &str, objects: &mut Vec<ObjectInfo>) -> Result<(), Errno> {
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let Ok(segment) = entry.file_name().to_str() else { continue };
        // No name: `tmp` at the root, a file of another program, or too deep.
        let Ok(name) = ObjectName::try_from(format!("{prefix}{segment}")) else { continue };
        let status = match statat(directory, segment, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => continue,
            found => found?,
        };
        match FileType::from_raw_mode(status.st_mode) {
            FileType::RegularFile => {
                objects.push(ObjectInfo { name, bytes: status.st_size as u64 });
            }
            FileType::Directory => match open_directory(directory, segment) {
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                found => walk(&found?, &format!("{name}/"), objects)?,
            },
            _ => {}
        }
    }
    Ok(())
}
