//! The answer to the question what is where: XML, read as it comes.
//!
//! Names are taken without their namespaces: what servers add of their own is in elements of other
//! names. Entities are those that XML itself has; what a document declares is not looked at.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};
use tokio::io::AsyncBufRead;

use super::failure::Failure;
use crate::StoreErrorKind;

/// The longest text that is kept of an element: longer than any path.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// One of the things that are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its address or path, as in URLs.
    pub(super) href: String,
    pub(super) is_directory: bool,
    pub(super) bytes: Option<u64>,
}

/// Hands each entry to `take` as soon as it is there.
pub(super) async fn read(
    answer: impl AsyncBufRead + Unpin,
    mut take: impl FnMut(Entry) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut reader = Reader::from_reader(answer);
    let (mut buffer, mut text, mut entry) = (Vec::new(), String::new(), Entry::default());
    let mut depth = 0_usize;
    loop {
        buffer.clear();
        match reader.read_event_into_async(&mut buffer).await.map_err(unreadable)? {
            Event::Start(start) => {
                depth += 1;
                text.clear();
                match start.local_name().as_ref() {
                    "response" => entry = Entry::default(),
                    "collection" => entry.is_directory = true,
                    _ => {}
                }
            }
            Event::Empty(start) if start.local_name().as_ref() == "collection" => {
                entry.is_directory = true;
            }
            Event::End(end) => {
                depth = depth.saturating_sub(1);
                match end.local_name().as_ref() {
                    // The first: an answer about an error may have others.
                    "href" if entry.href.is_empty() => entry.href = text.trim().to_owned(),
                    "getcontentlength" => entry.bytes = text.trim().parse().ok().or(entry.bytes),
                    "response" => take(std::mem::take(&mut entry))?,
                    _ => {}
                }
                text.clear();
            }
            Event::Text(piece) => add(&mut text, &piece)?,
            Event::CData(piece) => add(&mut text, &piece)?,
            Event::GeneralRef(reference) => add(&mut text, &resolved(&reference)?)?,
            Event::Eof if depth == 0 => return Ok(()),
            Event::Eof => {
                return Err(Failure::new(StoreErrorKind::Transient, "the list breaks off"));
            }
            _ => {}
        }
    }
}

fn add(text: &mut String, piece: &str) -> Result<(), Failure> {
    text.push_str(piece);
    if text.len() > TEXT_BYTES_MAX {
        return Err(Failure::new(StoreErrorKind::Permanent, "a text in the list is too long"));
    }
    Ok(())
}

fn resolved(reference: &BytesRef<'_>) -> Result<String, Failure> {
    if let Some(character) = reference.resolve_char_ref().map_err(unreadable)? {
        return Ok(character.to_string());
    }
    let text = match &**reference {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "apos" => "'",
        "quot" => "\"",
        _ => return Err(Failure::new(StoreErrorKind::Permanent, "the list has unknown entities")),
    };
    Ok(text.to_owned())
}

fn unreadable(error: quick_xml::Error) -> Failure {
    match error {
        // The connection's, not the server's.
        quick_xml::Error::Io(error) => Failure::new(StoreErrorKind::Transient, error),
        error => Failure::new(StoreErrorKind::Permanent, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn entries(text: &str) -> Result<Vec<Entry>, Failure> {
        let mut entries = Vec::new();
        read(text.as_bytes(), |entry| {
            entries.push(entry);
            Ok(())
        })
        .await?;
        Ok(entries)
    }

    #[tokio::test]
    async fn entries_are_read_whatever_the_namespace_is_called_and_whatever_else_is_said() {
        let text = r#"<?xml version="1.0"?><!-- a list -->
            <d:multistatus xmlns:d="DAV:"><d:response><d:href>/dav/a&amp;b&#x2F;/</d:href><d:propstat>
            <d:prop><d:resourcetype><d:collection/></d:resourcetype></d:prop>
            <d:status>HTTP/1.1 200 OK</d:status></d:propstat><d:propstat><d:prop>
            <d:getcontentlength/></d:prop><d:status>HTTP/1.1 404 Not Found</d:status></d:propstat>
            </d:response><response xmlns="DAV:"><href><![CDATA[/dav/c]]></href><propstat><prop>
            <resourcetype></resourcetype><getcontentlength>12</getcontentlength></prop></propstat>
            </response></d:multistatus>"#;
        let directory = Entry { href: "/dav/a&b//".to_owned(), is_directory: true, bytes: None };
        let file = Entry { href: "/dav/c".to_owned(), is_directory: false, bytes: Some(12) };
        assert_eq!(entries(text).await.unwrap(), [directory, file]);
    }

    #[tokio::test]
    async fn a_list_that_breaks_off_or_is_none_is_no_list() {
        use StoreErrorKind::{Permanent, Transient};
        for (text, kind) in [
            ("<multistatus><response><href>/a</href></response>", Transient),
            ("<multistatus><a></b></multistatus>", Permanent),
            ("<!DOCTYPE a [<!ENTITY x 'y'>]><multistatus>&x;</multistatus>", Permanent),
        ] {
            assert_eq!(entries(text).await.unwrap_err().kind(), kind, "{text}");
        }
        let long = format!("<multistatus><href>{}</href></multistatus>", "a".repeat(20_000));
        assert_eq!(entries(&long).await.unwrap_err().kind(), Permanent);
    }
}
