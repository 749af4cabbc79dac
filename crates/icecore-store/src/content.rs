//! Content: the bytes of an object on their way into a store.
//!
//! A pack is made of many blocks. They are put as they are, part after part, so that 64 MiB are
//! never copied into one piece first. How content is divided into parts leaves no trace in storage.

use bytes::{Bytes, BytesMut};

/// What is put: parts, in order. Cloning copies no bytes.
#[derive(Debug, Clone, Default)]
pub struct Content(Vec<Bytes>);

impl Content {
    /// Length of all parts together, in bytes.
    pub fn len(&self) -> u64 {
        self.0.iter().map(|part| part.len() as u64).sum()
    }

    /// Whether there is not a single byte.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Bytes::is_empty)
    }

    /// The parts, in order; some may be empty.
    pub fn parts(&self) -> &[Bytes] {
        &self.0
    }

    /// All parts in one piece; copies unless there is just one.
    pub fn to_bytes(&self) -> Bytes {
        if let [part] = self.0.as_slice() {
            return part.clone();
        }
        let mut whole = BytesMut::with_capacity(self.0.iter().map(Bytes::len).sum());
        for part in &self.0 {
            whole.extend_from_slice(part);
        }
        whole.freeze()
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Self(vec![bytes])
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self(vec![bytes.into()])
    }
}

impl From<&'static [u8]> for Content {
    fn from(bytes: &'static [u8]) -> Self {
        Self(vec![Bytes::from_static(bytes)])
    }
}

impl From<Vec<Bytes>> for Content {
    fn from(parts: Vec<Bytes>) -> Self {
        Self(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_the_whole() {
        let parts = vec![Bytes::from_static(b"ice"), Bytes::new(), Bytes::from_static(b"core")];
        let content = Content::from(parts);
        assert_eq!(content.len(), 7);
        assert_eq!(content.parts().len(), 3);
        assert_eq!(content.to_bytes(), "icecore");
    }

    #[test]
    fn a_single_part_is_not_copied() {
        let bytes = Bytes::from(vec![7; 1000]);
        let content = Content::from(bytes.clone());
        assert_eq!(content.to_bytes().as_ptr(), bytes.as_ptr());
    }

    #[test]
    fn content_without_bytes_is_empty_however_many_parts_it_has() {
        assert!(Content::default().is_empty());
        assert!(Content::from(vec![Bytes::new(), Bytes::new()]).is_empty());
        assert!(!Content::from(vec![0]).is_empty());
    }
}
