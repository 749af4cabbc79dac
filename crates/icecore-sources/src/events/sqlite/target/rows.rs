//! Rows on their way to the database: packed one after the other, so that what was written and
//! what is read back can be compared byte for byte.

use crate::events::sqlite::value::{integer, text};
use icecore_format::DecodeError;
use icecore_format::record::{Reader, put_bytes, put_signed_varint};

/// Values in the order of the columns of the table of events.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) id: &'a [u8],
    pub(super) stream: &'a [u8],
    pub(super) version: i64,
    pub(super) event_type: &'a [u8],
    pub(super) data: &'a [u8],
    pub(super) metadata: &'a [u8],
    pub(super) created_at: &'a [u8],
}

impl<'a> Row<'a> {
    /// Appends the row to `bytes`.
    pub(super) fn pack(&self, bytes: &mut Vec<u8>) {
        put_bytes(bytes, self.id);
        put_bytes(bytes, self.stream);
        put_signed_varint(bytes, self.version);
        put_bytes(bytes, self.event_type);
        put_bytes(bytes, self.data);
        put_bytes(bytes, self.metadata);
        put_bytes(bytes, self.created_at);
    }

    fn unpack(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: reader.bytes()?,
            stream: reader.bytes()?,
            version: reader.signed_varint()?,
            event_type: reader.bytes()?,
            data: reader.bytes()?,
            metadata: reader.bytes()?,
            created_at: reader.bytes()?,
        })
    }

    /// The row that the database has; `None` if a value is of another type than was written.
    pub(super) fn read(row: &'a rusqlite::Row<'_>) -> rusqlite::Result<Option<Self>> {
        let text = |at| row.get_ref(at).map(|value| text(value).ok());
        let texts = (text(0)?, text(1)?, text(3)?, text(4)?, text(5)?, text(6)?);
        let version = row.get_ref(2).map(|value| integer(value).ok())?;
        Ok(match (texts, version) {
            (
                (Some(id), Some(stream), Some(event_type), Some(data), Some(metadata), Some(time)),
                Some(version),
            ) => Some(Self { id, stream, version, event_type, data, metadata, created_at: time }),
            _ => None,
        })
    }
}

/// Unpacks rows that [`Row::pack`] wrote.
pub(super) fn unpack(packed: &[u8]) -> impl Iterator<Item = Result<Row<'_>, DecodeError>> {
    let mut reader = Reader::new("the packed rows", packed);
    std::iter::from_fn(move || (reader.remaining() > 0).then(|| Row::unpack(&mut reader)))
}
