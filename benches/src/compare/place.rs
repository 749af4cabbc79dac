//! Where one tool keeps its things during a round: repository, home, what it restores.
//!
//! The paths stay the same when the state after the first backup is put back, as some tools remember
//! where a repository was.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// The folders of one tool.
#[derive(Debug, Clone)]
pub(super) struct Place {
    folder: PathBuf,
}

impl Place {
    /// A place in this folder, which need not exist.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The repository.
    pub(super) fn repository(&self) -> String {
        text(&self.folder.join("now/repository"))
    }

    /// Where the tool keeps caches and whatever else it remembers.
    pub(super) fn home(&self) -> String {
        text(&self.folder.join("now/home"))
    }

    /// A file for tools that want to be configured by one.
    pub(super) fn configuration(&self) -> String {
        text(&self.folder.join("now/configuration"))
    }

    /// Where it restores to.
    pub(super) fn restored(&self) -> String {
        text(&self.folder.join("restored"))
    }

    /// Makes everything anew, with nothing in it.
    pub(super) fn create(&self) -> io::Result<()> {
        self.remove()?;
        fs::create_dir_all(self.home())
    }

    /// Removes everything.
    pub(super) fn remove(&self) -> io::Result<()> {
        remove_tree(&self.folder)
    }

    /// Remembers repository and home as they are.
    pub(super) fn save(&self) -> io::Result<()> {
        copy_tree(&self.folder.join("now"), &self.folder.join("saved"))
    }

    /// Makes repository and home what they were when they were saved.
    pub(super) fn put_back(&self) -> io::Result<()> {
        remove_tree(&self.folder.join("now"))?;
        copy_tree(&self.folder.join("saved"), &self.folder.join("now"))
    }

    /// What the repository comes to: the lengths of its files.
    pub(super) fn repository_bytes(&self) -> io::Result<u64> {
        let mut bytes = 0;
        walk(Path::new(&self.repository()), &mut |file| {
            bytes += fs::metadata(file)?.len();
            Ok(())
        })?;
        Ok(bytes)
    }

    /// Reads the repository, so that it is in the page cache as after a backup.
    pub(super) fn warm_repository(&self) -> io::Result<()> {
        walk(Path::new(&self.repository()), &mut warm)
    }

    /// An empty folder to restore to.
    pub(super) fn create_restored(&self) -> io::Result<()> {
        self.remove_restored()?;
        fs::create_dir_all(self.restored())
    }

    /// Removes what was restored.
    pub(super) fn remove_restored(&self) -> io::Result<()> {
        remove_tree(Path::new(&self.restored()))
    }

    /// The file of this name among what was restored, however deep.
    pub(super) fn restored_file(&self, name: &str) -> io::Result<Option<PathBuf>> {
        let mut found = None;
        walk(Path::new(&self.restored()), &mut |file| {
            if file.ends_with(name) {
                found = Some(file.to_owned());
            }
            Ok(())
        })?;
        Ok(found)
    }
}

/// Reads a file to its end, so that it is in the page cache.
pub(super) fn warm(file: &Path) -> io::Result<()> {
    io::copy(&mut File::open(file)?, &mut io::sink())?;
    Ok(())
}

/// Paths are told to tools in configuration files and addresses: the working folder's is UTF-8.
fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn remove_tree(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path())?, target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &target)?;
            let modified = entry.metadata()?.modified()?;
            File::options()
                .write(true)
                .open(&target)
                .and_then(|file| file.set_modified(modified))
                .or_else(
                    // A file that may not be written to keeps the time of the copy.
                    |error| {
                        if error.kind() == io::ErrorKind::PermissionDenied {
                            Ok(())
                        } else {
                            Err(error)
                        }
                    },
                )?;
        }
    }
    Ok(())
}

fn walk(folder: &Path, file: &mut impl FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), file)?;
        } else if entry.file_type()?.is_file() {
            file(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_put_back_and_nothing_else_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path().join("tool"));
        place.create().unwrap();
        let pack = Path::new(&place.repository()).join("packs/1");
        fs::create_dir_all(pack.parent().unwrap()).unwrap();
        fs::write(&pack, "12345").unwrap();
        let mut read_only = fs::metadata(&pack).unwrap().permissions();
        read_only.set_readonly(true);
        fs::set_permissions(&pack, read_only.clone()).unwrap();
        fs::write(Path::new(&place.home()).join("remembered"), "x").unwrap();
        place.save().unwrap();
        assert_eq!(place.repository_bytes().unwrap(), 5);

        fs::write(Path::new(&place.repository()).join("packs/2"), "67").unwrap();
        fs::remove_file(Path::new(&place.home()).join("remembered")).unwrap();
        assert_eq!(place.repository_bytes().unwrap(), 7);
        place.put_back().unwrap();
        assert_eq!(place.repository_bytes().unwrap(), 5);
        assert_eq!(fs::metadata(&pack).unwrap().permissions(), read_only);
        assert!(Path::new(&place.home()).join("remembered").exists());
    }

    #[test]
    fn a_restored_file_is_found_below_whatever_path_it_was_restored_to() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path().join("tool"));
        place.create_restored().unwrap();
        assert_eq!(place.restored_file("events.ndjson").unwrap(), None);
        let deep = Path::new(&place.restored()).join("srv/data");
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("other-events.ndjson"), "").unwrap();
        fs::write(deep.join("events.ndjson"), "").unwrap();
        let found = place.restored_file("events.ndjson").unwrap();
        assert_eq!(found, Some(deep.join("events.ndjson")));
    }
}
