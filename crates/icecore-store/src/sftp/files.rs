//! Files of a server: written whole, read exactly, listed below a directory.

use std::io::SeekFrom;
use std::ops::Range;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt as _;
use openssh_sftp_client::file::File;
use tokio::io::AsyncSeekExt as _;

use super::SftpStore;
use super::connection::Connection;
use super::failure::Failure;
use crate::bandwidth::Lane;
use crate::name::RESERVED_SEGMENT;
use crate::store::check_range;
use crate::{Content, ObjectInfo, ObjectName, StoreErrorKind};

impl SftpStore {
    pub(super) async fn put_file(
        &self,
        connection: &Connection,
        name: &ObjectName,
        content: &Content,
    ) -> Result<(), Failure> {
        let sftp = &connection.sftp;
        if !sftp.support_fsync() || !sftp.support_hardlink() {
            let reason = "the server has no fsync and hard links (OpenSSH's server has both)";
            return Err(Failure::new(StoreErrorKind::Permanent, reason));
        }
        self.make_directory(connection, RESERVED_SEGMENT).await?;
        self.make_directory(connection, name.directory()).await?;
        let path = self.path(name.as_str());
        if let Some(taken) = taken(connection, &path).await? {
            return Err(taken);
        }
        let unfinished = self.path(&format!("{RESERVED_SEGMENT}/{:032x}", random()?));
        let written = write(connection, &unfinished, &path, content, &self.bandwidth.upload).await;
        // What is left of a writer that was killed here harms nobody.
        drop(sftp.fs().remove_file(&unfinished).await);
        written
    }

    /// Makes a directory below the store's, and what is missing above it.
    async fn make_directory(&self, connection: &Connection, below: &str) -> Result<(), Failure> {
        if self.has_seen(below) {
            return Ok(());
        }
        let mut fs = connection.sftp.fs();
        let path = self.path(below);
        let path = path.trim_end_matches('/');
        let ends = path.match_indices('/').map(|(end, _)| end).skip_while(|end| *end == 0);
        for end in ends.chain([path.len()]) {
            let directory = &path[..end];
            match fs.metadata(directory).await.map_err(Failure::from) {
                Ok(_) => {}
                Err(missing) if missing.kind() == StoreErrorKind::NotFound => {
                    match fs.create_dir(directory).await {
                        Ok(()) => {}
                        // Another writer was faster, it is to be hoped; else the next step tells.
                        Err(error) if Failure::is_unclear(&error) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Err(failure) => return Err(failure),
            }
        }
        self.note(below);
        Ok(())
    }

    pub(super) async fn read(
        &self,
        connection: &Connection,
        name: &ObjectName,
        bytes_max: u64,
    ) -> Result<Bytes, Failure> {
        let (file, bytes) = open(connection, &self.path(name.as_str())).await?;
        if bytes > bytes_max {
            let reason = format!("it has {bytes} bytes, and at most {bytes_max} are accepted");
            return Err(Failure::new(StoreErrorKind::TooLarge, reason));
        }
        read_exactly(file, 0..bytes, &self.bandwidth.download).await
    }

    pub(super) async fn read_range(
        &self,
        connection: &Connection,
        name: &ObjectName,
        range: &Range<u64>,
    ) -> Result<Bytes, Failure> {
        let (file, bytes) = open(connection, &self.path(name.as_str())).await?;
        check_range(range, bytes).map_err(|kind| {
            let Range { start, end } = range;
            Failure::new(kind, format!("bytes {start} to {end} of an object of {bytes} bytes"))
        })?;
        read_exactly(file, range.clone(), &self.bandwidth.download).await
    }

    pub(super) async fn list_files(
        &self,
        connection: &Connection,
        prefix: &str,
    ) -> Result<Vec<ObjectInfo>, Failure> {
        let mut objects = Vec::new();
        let mut pending = vec![prefix.to_owned()];
        while let Some(directory) = pending.pop() {
            let path = self.path(&directory);
            let opened = connection.sftp.fs().open_dir(path.trim_end_matches('/')).await;
            let opened = match opened.map_err(Failure::from) {
                Err(missing) if missing.kind() == StoreErrorKind::NotFound => continue,
                opened => opened?,
            };
            let mut entries = pin!(opened.read_dir());
            while let Some(entry) = entries.try_next().await? {
                let Some(segment) = entry.filename().to_str() else { continue };
                let Ok(name) = ObjectName::try_from(format!("{directory}{segment}")) else {
                    continue;
                };
                let Some(kind) = entry.file_type() else { continue };
                if kind.is_dir() {
                    pending.push(format!("{name}/"));
                } else if kind.is_file() {
                    objects.push(ObjectInfo { name, bytes: entry.metadata().len().unwrap_or(0) });
                }
            }
        }
        objects.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(objects)
    }

    pub(super) async fn delete_file(
        &self,
        connection: &Connection,
        name: &ObjectName,
    ) -> Result<(), Failure> {
        let path = self.path(name.as_str());
        let mut fs = connection.sftp.fs();
        let found = fs.symlink_metadata(&path).await?;
        if !found.file_type().is_some_and(|kind| kind.is_file()) {
            return Err(StoreErrorKind::NotFound.into());
        }
        Ok(fs.remove_file(&path).await?)
    }
}

/// Writes a file where nobody reads it, then gives it its name.
async fn write(
    connection: &Connection,
    unfinished: &str,
    path: &str,
    content: &Content,
    upload: &Lane,
) -> Result<(), Failure> {
    let sftp = &connection.sftp;
    let mut file = sftp.options().write(true).create_new(true).open(unfinished).await?;
    for part in content.parts().iter().filter(|part| !part.is_empty()) {
        let mut rest = part.clone();
        while !rest.is_empty() {
            let piece = rest.split_to(upload.piece_bytes().unwrap_or(usize::MAX).min(rest.len()));
            upload.pass(piece.len()).await;
            if let Err(error) = file.write_all_zero_copy(&mut [piece]).await {
                return Err(not_written(connection, path, error).await);
            }
        }
    }
    if let Err(error) = file.sync_all().await {
        return Err(not_written(connection, path, error).await);
    }
    if let Err(error) = sftp.fs().hard_link(unfinished, path).await {
        let unclear = Failure::is_unclear(&error);
        return Err(match taken(connection, path).await? {
            Some(taken) if unclear => taken,
            _ => error.into(),
        });
    }
    // The file again, whose number of links has changed: what makes that durable makes the name so,
    // on file systems with a journal. There is no way to sync the directory.
    let synced = file.sync_all().await;
    synced.map_err(|error| Failure::new(StoreErrorKind::Transient, error))?;
    // Closing only frees what the server keeps of it.
    drop(file.close().await);
    Ok(())
}

/// Why the content of a file was not written.
async fn not_written(
    connection: &Connection,
    path: &str,
    error: openssh_sftp_client::Error,
) -> Failure {
    let directory = path.rsplit_once('/').map_or("/", |(directory, _)| directory);
    if Failure::is_unclear(&error)
        && let Ok(system) = connection.sftp.fs().statvfs(directory).await
        && (system.bavail == 0 || (system.files > 0 && system.favail == 0))
    {
        return Failure::new(StoreErrorKind::NoSpace, error);
    }
    error.into()
}

/// That a name is taken, if it is. What is there is made durable first: whoever is told builds on it.
async fn taken(connection: &Connection, path: &str) -> Result<Option<Failure>, Failure> {
    match connection.sftp.fs().symlink_metadata(path).await.map_err(Failure::from) {
        Err(missing) if missing.kind() == StoreErrorKind::NotFound => return Ok(None),
        Err(failure) => return Err(failure),
        Ok(found) if found.file_type().is_some_and(|kind| kind.is_file()) => {}
        Ok(_) => {
            let reason = "a directory or something else that is no object has this name";
            return Ok(Some(Failure::new(StoreErrorKind::Permanent, reason)));
        }
    }
    let mut file = connection.sftp.options().write(true).open(path).await?;
    file.sync_all().await?;
    Ok(Some(StoreErrorKind::AlreadyExists.into()))
}

/// Opens an object and tells its length in bytes.
async fn open(connection: &Connection, path: &str) -> Result<(File, u64), Failure> {
    let found = connection.sftp.fs().symlink_metadata(path).await?;
    if !found.file_type().is_some_and(|kind| kind.is_file()) {
        return Err(StoreErrorKind::NotFound.into());
    }
    let file = connection.sftp.open(path).await?;
    Ok((file, found.len().unwrap_or(0)))
}

async fn read_exactly(file: File, range: Range<u64>, download: &Lane) -> Result<Bytes, Failure> {
    let mut file = pin!(file);
    let mut content = BytesMut::new();
    let mut position = range.start;
    while position < range.end {
        // Where a server gives less than it was asked for, the client would skip the rest.
        let sought = file.seek(SeekFrom::Start(position)).await;
        sought.map_err(|error| Failure::new(StoreErrorKind::Transient, error))?;
        let wanted = u32::try_from(range.end - position).unwrap_or(u32::MAX);
        let wanted = download.piece_bytes().map_or(wanted, |bytes| wanted.min(bytes as u32));
        match file.as_mut().get_mut().read(wanted, BytesMut::new()).await? {
            Some(bytes) if !bytes.is_empty() && bytes.len() as u64 <= range.end - position => {
                position += bytes.len() as u64;
                download.pass(bytes.len()).await;
                content.extend_from_slice(&bytes);
            }
            _ => {
                let reason = "the file became shorter meanwhile";
                return Err(Failure::new(StoreErrorKind::TooShort, reason));
            }
        }
    }
    Ok(content.freeze())
}

fn random() -> Result<u128, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Failure::new(StoreErrorKind::Transient, error))?;
    Ok(u128::from_le_bytes(bytes))
}
