//! Ids: what things are called, each with a type of its own so that none stands in for another.
//!
//! Format: docs/format.md, "Hashes and ids".

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Text that is no id of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no {kind}")]
pub struct ParseIdError {
    text: String,
    kind: &'static str,
}

/// Appends `bytes` in lower-case hexadecimal.
fn write_hex(formatter: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
}

fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let mut value = 0;
        for &digit in pair {
            value = value << 4
                | match digit {
                    b'0'..=b'9' => digit - b'0',
                    b'a'..=b'f' => digit - b'a' + 10,
                    _ => return None,
                };
        }
        *byte = value;
    }
    Some(bytes)
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $length:literal, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub [u8; $length]);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(formatter, &self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse_hex(text)
                    .map(Self)
                    .ok_or_else(|| ParseIdError { text: text.to_owned(), kind: $kind })
            }
        }
    };
}

hex_id!(
    /// A repository: 16 random bytes, chosen at init.
    RepositoryId, 16, "repository id"
);
hex_id!(
    /// A snapshot: 16 random bytes, chosen before its commit entry is put.
    SnapshotId, 16, "snapshot id"
);
hex_id!(
    /// A key slot: the first 16 bytes of the hash of its verifying key.
    KeyId, 16, "key id"
);
hex_id!(
    /// A chunk: the keyed BLAKE3 of its plaintext, under a key for its kind.
    ChunkId, 32, "chunk id"
);
hex_id!(
    /// A 32-byte BLAKE3 hash.
    Hash, 32, "hash"
);

/// What a chunk's plaintext is. Each kind has an id key of its own, so bytes of one kind can never
/// be passed off as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ChunkKind {
    /// Bytes of a file, a dump or a large payload.
    Data = 1,
    /// Event records.
    Events = 2,
    /// What a source's form of the events had beyond their records.
    Beside = 3,
    /// A node of a tree of files.
    Tree = 4,
    /// A segment of an event log.
    Segment = 5,
    /// An inner node of an event log.
    LogNode = 6,
    /// A page of a stream directory.
    StreamPage = 7,
}

impl ChunkKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Data,
        Self::Events,
        Self::Beside,
        Self::Tree,
        Self::Segment,
        Self::LogNode,
        Self::StreamPage,
    ];

    /// The kind with this number.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }

    /// Which key opens the packs that hold it.
    pub fn class(self) -> PackClass {
        match self {
            Self::Data | Self::Events | Self::Beside => PackClass::Data,
            Self::Tree | Self::Segment | Self::LogNode | Self::StreamPage => PackClass::Metadata,
        }
    }
}

/// The two classes of content that are sealed to public keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PackClass {
    /// Contents: events, files, dumps.
    Data = 1,
    /// Trees, event-log nodes, stream directories.
    Metadata = 2,
}

impl PackClass {
    /// Every class.
    pub const ALL: [Self; 2] = [Self::Data, Self::Metadata];

    /// The class with this number.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|class| *class as u8 == byte)
    }
}

/// One run of a program that adds to a repository: the ledger's head when it began, and 80 random
/// bits. Names of objects begin with it, so they are never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionId {
    /// The number of the first entry that the session had not seen when it began.
    pub head: u64,
    /// Random bytes.
    pub random: [u8; 10],
}

impl SessionId {
    /// Bytes of an encoded session id.
    pub const BYTES: usize = 18;

    /// The id's bytes: the head in big-endian order, then the random bytes.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.head.to_be_bytes());
        bytes[8..].copy_from_slice(&self.random);
        bytes
    }

    /// The id with these bytes.
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let (mut head, mut random) = ([0; 8], [0; 10]);
        head.copy_from_slice(&bytes[..8]);
        random.copy_from_slice(&bytes[8..]);
        Self { head: u64::from_be_bytes(head), random }
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(formatter, &self.to_bytes())
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SessionId({self})")
    }
}

impl FromStr for SessionId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        parse_hex(text)
            .map(Self::from_bytes)
            .ok_or_else(|| ParseIdError { text: text.to_owned(), kind: "session id" })
    }
}

macro_rules! session_object {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name {
            /// The session that wrote it.
            pub session: SessionId,
            /// Which one of that session, from 0.
            pub number: u32,
        }

        impl $name {
            /// Bytes of the encoded id.
            pub const BYTES: usize = SessionId::BYTES + 4;

            /// The id's bytes: the session's, then the number in big-endian order.
            pub fn to_bytes(self) -> [u8; Self::BYTES] {
                let mut bytes = [0; Self::BYTES];
                bytes[..SessionId::BYTES].copy_from_slice(&self.session.to_bytes());
                bytes[SessionId::BYTES..].copy_from_slice(&self.number.to_be_bytes());
                bytes
            }

            /// The id with these bytes.
            pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
                let (mut session, mut number) = ([0; SessionId::BYTES], [0; 4]);
                session.copy_from_slice(&bytes[..SessionId::BYTES]);
                number.copy_from_slice(&bytes[SessionId::BYTES..]);
                Self {
                    session: SessionId::from_bytes(session),
                    number: u32::from_be_bytes(number),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}-{}", self.session, self.number)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let parse = || {
                    let (session, number) = text.split_once('-')?;
                    let id = Self {
                        session: session.parse().ok()?,
                        number: number.parse().ok()?,
                    };
                    // One spelling per id: "+1" and "01" name nothing.
                    (id.to_string() == text).then_some(id)
                };
                parse().ok_or_else(|| ParseIdError { text: text.to_owned(), kind: $kind })
            }
        }
    };
}

session_object!(
    /// A pack, which is also its name.
    PackId, "pack id"
);
session_object!(
    /// An index run, which is also its name.
    RunId, "index run id"
);
