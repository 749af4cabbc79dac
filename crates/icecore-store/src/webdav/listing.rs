//! Listing objects, directory by directory: not every server lists all below one at once.
//!
//! What is no object name is another's, and is passed over. A list is read as it comes, so a
//! directory of many objects takes memory for their names alone.

use futures::stream::{StreamExt as _, TryStreamExt as _, iter};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use tokio_util::io::StreamReader;

use super::WebDavStore;
use super::connection::{Connection, method, pieces};
use super::failure::Failure;
use super::multistatus::{self, Entry};
use crate::{Content, ObjectInfo, ObjectName, StoreErrorKind};

/// How far below a directory is listed. Source: RFC 4918, section 10.2.
pub(super) const DEPTH: HeaderName = HeaderName::from_static("depth");

/// Directories that are listed at the same time: packs are in 256 of them.
const DIRECTORIES_MAX: usize = 8;

/// The longest list of a directory: a million objects, as servers describe them.
const LIST_BYTES_MAX: u64 = 1 << 30;

/// All that is asked of each file.
const WANTED: &[u8] = br#"<?xml version="1.0" encoding="utf-8"?>
<propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/></prop></propfind>"#;

/// What a path stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
}

/// What a directory has.
#[derive(Debug, Default)]
struct Listed {
    objects: Vec<ObjectInfo>,
    /// Prefixes of object names.
    directories: Vec<String>,
}

impl WebDavStore {
    pub(super) async fn list_files(&self, prefix: &str) -> Result<Vec<ObjectInfo>, Failure> {
        let mut objects = Vec::new();
        let mut level = vec![prefix.to_owned()];
        while !level.is_empty() {
            let lists = iter(std::mem::take(&mut level)).map(|directory| self.list_one(directory));
            let mut lists = lists.buffer_unordered(DIRECTORIES_MAX);
            while let Some(listed) = lists.try_next().await? {
                objects.extend(listed.objects);
                level.extend(listed.directories);
            }
        }
        objects.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        objects.dedup_by(|one, other| one.name == other.name);
        Ok(objects)
    }

    async fn list_one(&self, directory: String) -> Result<Listed, Failure> {
        let _turn = self.turn().await;
        let mut listed = Listed::default();
        let path = self.connection.path(&directory);
        let own = decoded(&path).ok_or_else(unreadable)?;
        let found = propfind(&self.connection, &path, "1", |entry| {
            let place = decoded(path_of(&entry.href)).ok_or_else(unreadable)?;
            let Some(segment) = place.strip_prefix(&own) else {
                // The directory itself, as servers have it that want no slash at its end.
                if format!("{place}/") == own {
                    return Ok(());
                }
                let reason = "the server lists what is not below the directory";
                return Err(Failure::new(StoreErrorKind::Permanent, reason));
            };
            let segment = segment.trim_end_matches('/');
            let Ok(name) = ObjectName::try_from(format!("{directory}{segment}")) else {
                return Ok(());
            };
            if segment.is_empty() || segment.contains('/') {
                return Ok(());
            }
            if entry.is_directory {
                listed.directories.push(format!("{name}/"));
            } else {
                let bytes = entry.bytes.ok_or_else(|| {
                    let reason = format!("the server does not say how long {name} is");
                    Failure::new(StoreErrorKind::Permanent, reason)
                })?;
                listed.objects.push(ObjectInfo { name, bytes });
            }
            Ok(())
        });
        match found.await {
            Err(missing) if missing.kind() == StoreErrorKind::NotFound => Ok(Listed::default()),
            Err(denied)
                if denied.kind() == StoreErrorKind::Denied
                    && is_below_object(&self.connection, &directory).await =>
            {
                Ok(Listed::default())
            }
            found => found.map(|()| listed),
        }
    }
}

/// What is at a path, if anything is.
pub(super) async fn kind(connection: &Connection, path: &str) -> Result<Option<Kind>, Failure> {
    let mut kind = None;
    let found = propfind(connection, path, "0", |entry| {
        kind = Some(if entry.is_directory { Kind::Directory } else { Kind::File });
        Ok(())
    });
    match found.await {
        Err(missing) if missing.kind() == StoreErrorKind::NotFound => Ok(None),
        found => found.map(|()| kind),
    }
}

/// Whether a part of a name is an object's: then nothing has the name, and some servers say that it is
/// forbidden.
pub(super) async fn is_below_object(connection: &Connection, name: &str) -> bool {
    for (end, _) in name.match_indices('/') {
        let above = connection.path(&name[..end]);
        if let Ok(Some(Kind::File)) = kind(connection, &above).await {
            return true;
        }
    }
    false
}

/// Asks what is at a path, and in it.
async fn propfind(
    connection: &Connection,
    path: &str,
    depth: &'static str,
    take: impl FnMut(Entry) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let headers = HeaderMap::from_iter([
        (DEPTH, HeaderValue::from_static(depth)),
        (CONTENT_TYPE, HeaderValue::from_static("application/xml; charset=utf-8")),
    ]);
    let content = Content::from(WANTED);
    let answer = connection.ask(method("PROPFIND"), path, headers, Some(&content)).await?;
    match answer.status() {
        StatusCode::MULTI_STATUS => {
            let pieces = Box::pin(pieces(answer, LIST_BYTES_MAX));
            multistatus::read(StreamReader::new(pieces), take).await
        }
        // One that leads to the same with a slash: it is a directory.
        status if status.is_redirection() => Err(StoreErrorKind::NotFound.into()),
        status => Err(Failure::of_status(status)),
    }
}

/// The path of what is an address, or a path already.
fn path_of(href: &str) -> &str {
    let path = match href.split_once("://") {
        Some((scheme, after)) if !scheme.contains('/') => {
            after.find('/').map_or("/", |start| &after[start..])
        }
        _ => href,
    };
    path.split(['?', '#']).next().unwrap_or_default()
}

/// Takes `%20` and its like for what they stand for.
fn decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

fn unreadable() -> Failure {
    Failure::new(StoreErrorKind::Permanent, "a path that the server lists cannot be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_in_an_address_and_decoded() {
        for (href, path) in [
            ("/dav/a%2Db", "/dav/a-b"),
            ("https://host:8443/dav/a%20b/", "/dav/a b/"),
            ("http://host", "/"),
            ("/dav/a?x=y#z", "/dav/a"),
        ] {
            assert_eq!(decoded(path_of(href)).unwrap(), path, "{href}");
        }
        assert_eq!(decoded("/%zz"), None);
        assert_eq!(decoded("/%ff"), None);
    }
}
