//! Records: a version byte, then a body; and the two ways in which bodies are encoded.
//!
//! Small structured records are [postcard](https://postcard.jamesmunns.com/wire-format). Records
//! that are scanned in bulk (events, pack directories, index runs) are laid out by hand and read
//! through [`Reader`]. Either way a decoder is total.
//!
//! Format: docs/format.md, "Records".

use serde::{Serialize, de::DeserializeOwned};

/// Bytes that are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end too early.
    #[error("{record} ends too early")]
    Short {
        /// What was being decoded.
        record: &'static str,
    },
    /// Bytes are left over.
    #[error("{record} is followed by {bytes} bytes that do not belong to it")]
    Trailing {
        /// What was being decoded.
        record: &'static str,
        /// How many bytes are left, in bytes.
        bytes: usize,
    },
    /// A version that this program does not know.
    #[error("{record} has version {version}, which this program does not know")]
    Version {
        /// What was being decoded.
        record: &'static str,
        /// The version found.
        version: u8,
    },
    /// A value that the format does not allow.
    #[error("{record} is malformed: {what}")]
    Malformed {
        /// What was being decoded.
        record: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A length beyond its limit.
    #[error("{record} is malformed: {what} is {found}, and at most {limit} is allowed")]
    Limit {
        /// What was being decoded.
        record: &'static str,
        /// Which length.
        what: &'static str,
        /// The length found.
        found: u64,
        /// The largest allowed.
        limit: u64,
    },
    /// Sealed bytes that do not open: another key, another place, or damage.
    #[error("{record} does not authenticate")]
    Unauthentic {
        /// What was being opened.
        record: &'static str,
    },
}

/// A record with a version byte and a postcard body.
pub trait Record: Serialize + DeserializeOwned {
    /// How messages call it.
    const NAME: &'static str;
    /// The version that is written.
    const VERSION: u8;

    /// What must hold of a value beyond its shape, or which of it does not. Decoding checks it.
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }

    /// The record's bytes.
    fn encode(&self) -> Vec<u8> {
        let bytes = vec![Self::VERSION];
        // Writing into a Vec cannot fail, and none of our types refuses to be serialized.
        postcard::to_extend(self, bytes).expect("a record serializes into memory")
    }

    /// Decodes exactly `bytes`.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let record = Self::NAME;
        let (&version, body) = bytes.split_first().ok_or(DecodeError::Short { record })?;
        if version != Self::VERSION {
            return Err(DecodeError::Version { record, version });
        }
        match postcard::take_from_bytes::<Self>(body) {
            Ok((value, [])) => match value.check() {
                Ok(()) => Ok(value),
                Err(what) => Err(DecodeError::Malformed { record, what }),
            },
            Ok((_, rest)) => Err(DecodeError::Trailing { record, bytes: rest.len() }),
            Err(postcard::Error::DeserializeUnexpectedEnd) => Err(DecodeError::Short { record }),
            Err(_) => Err(DecodeError::Malformed { record, what: "its body does not decode" }),
        }
    }
}

/// Appends `value` as an unsigned LEB128 varint: 1 to 10 bytes.
pub fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Appends a signed number as a zigzag varint.
pub fn put_signed_varint(bytes: &mut Vec<u8>, value: i64) {
    put_varint(bytes, ((value << 1) ^ (value >> 63)) as u64);
}

/// Appends a varint length and then `value`.
pub fn put_bytes(bytes: &mut Vec<u8>, value: &[u8]) {
    put_varint(bytes, value.len() as u64);
    bytes.extend_from_slice(value);
}

/// A cursor over bytes from outside. No read goes beyond the end, whatever the bytes say.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    record: &'static str,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`, called `record` in errors.
    pub fn new(record: &'static str, bytes: &'a [u8]) -> Self {
        Self { rest: bytes, record }
    }

    /// Bytes not yet read, in bytes.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The bytes not yet read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// An error that says `what` is wrong with this record.
    pub fn malformed(&self, what: &'static str) -> DecodeError {
        DecodeError::Malformed { record: self.record, what }
    }

    /// The next `length` bytes.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) =
            self.rest.split_at_checked(length).ok_or(DecodeError::Short { record: self.record })?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) =
            self.rest.split_first_chunk::<N>().ok_or(DecodeError::Short { record: self.record })?;
        self.rest = rest;
        Ok(*taken)
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A little-endian `u16`.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_le_bytes)
    }

    /// A little-endian `u32`.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_le_bytes)
    }

    /// A little-endian `u64`.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A LEB128 varint in its shortest form.
    pub fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(self.malformed("a varint beyond 64 bits"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(self.malformed("a varint longer than it needs to be"));
                }
                return Ok(value);
            }
        }
        Err(self.malformed("a varint beyond 64 bits"))
    }

    /// A zigzag varint.
    pub fn signed_varint(&mut self) -> Result<i64, DecodeError> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A varint that counts or measures `what`, at most `limit`.
    pub fn length(&mut self, what: &'static str, limit: usize) -> Result<usize, DecodeError> {
        let found = self.varint()?;
        if found > limit as u64 {
            return Err(DecodeError::Limit {
                record: self.record,
                what,
                found,
                limit: limit as u64,
            });
        }
        Ok(found as usize)
    }

    /// A varint length, then that many bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.length("a length", self.rest.len())?;
        self.take(length)
    }

    /// A varint length, then that many bytes of UTF-8.
    pub fn text(&mut self) -> Result<&'a str, DecodeError> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| self.malformed("text that is not UTF-8"))
    }

    /// Requires that nothing is left.
    pub fn finish(self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            bytes => Err(DecodeError::Trailing { record: self.record, bytes }),
        }
    }
}
