//! Where the next backup can go on.

use super::census::{Count, Transactions};
use super::moment::Server;
use icecore_format::record::{DecodeError, Reader, put_varint};

const VERSION: u8 = 1;
const NAME: &str = "a resume token";
const BY_TRANSACTIONS: u8 = 1;
const BY_POSITIONS: u8 = 2;

/// What a backup knew of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ResumeToken {
    /// A hash of the schema, the table and the streams that were read.
    pub(super) what: [u8; 8],
    pub(super) server: Server,
    pub(super) known: Known,
}

/// How the next backup tells what is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// By the transactions that wrote it.
    Transactions {
        /// Of the snapshot: the lowest transaction that was still running, and the lowest that had
        /// not begun.
        snapshot: Transactions,
        events: Count,
        /// Events written by transactions of the snapshot's range: the list of them is kept on the
        /// machine.
        recent: Count,
    },
    /// By positions.
    Positions(Positions),
}

/// Positions without gaps, as they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Positions {
    /// The last one; `None` if there was none.
    pub(super) last: Option<u64>,
    /// The identity of the event there.
    pub(super) identity: i64,
    pub(super) events: u64,
    /// Rows updated and deleted since the server counts them.
    pub(super) changes: u64,
}

impl Known {
    /// How many events were known.
    pub(super) fn events(&self) -> u64 {
        match self {
            Self::Transactions { events, .. } => events.events,
            Self::Positions(positions) => positions.events,
        }
    }
}

impl ResumeToken {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.what);
        let Server { system, database, table, timeline, major_version } = self.server;
        bytes.extend_from_slice(&system.to_le_bytes());
        for number in [database, table, timeline, major_version] {
            put_varint(&mut bytes, number.into());
        }
        match self.known {
            Known::Transactions { snapshot, events, recent } => {
                bytes.push(BY_TRANSACTIONS);
                put_varint(&mut bytes, snapshot.from);
                put_varint(&mut bytes, snapshot.end);
                for count in [events, recent] {
                    put_varint(&mut bytes, count.events);
                    bytes.extend_from_slice(&count.identities.to_le_bytes());
                }
            }
            Known::Positions(Positions { last, identity, events, changes }) => {
                bytes.push(BY_POSITIONS);
                // Positions are below 2^63.
                put_varint(&mut bytes, last.map_or(0, |last| last + 1));
                bytes.extend_from_slice(&identity.to_le_bytes());
                put_varint(&mut bytes, events);
                put_varint(&mut bytes, changes);
            }
        }
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut whole = Reader::new(NAME, bytes);
        let reader = &mut whole;
        match reader.byte()? {
            VERSION => {}
            version => return Err(DecodeError::Version { record: NAME, version }),
        }
        let token = Self {
            what: reader.array()?,
            server: Server {
                system: u64::from_le_bytes(reader.array()?),
                database: small(reader)?,
                table: small(reader)?,
                timeline: small(reader)?,
                major_version: small(reader)?,
            },
            known: match reader.byte()? {
                BY_TRANSACTIONS => Known::Transactions {
                    snapshot: Transactions { from: reader.varint()?, end: reader.varint()? },
                    events: count(reader)?,
                    recent: count(reader)?,
                },
                BY_POSITIONS => Known::Positions(Positions {
                    last: reader.varint()?.checked_sub(1),
                    identity: i64::from_le_bytes(reader.array()?),
                    events: reader.varint()?,
                    changes: reader.varint()?,
                }),
                _ => {
                    let what = "it tells what is new in a way that is not known";
                    return Err(DecodeError::Malformed { record: NAME, what });
                }
            },
        };
        whole.finish()?;
        Ok(token)
    }
}

fn small(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    let malformed = |_| DecodeError::Malformed { record: NAME, what: "a number is too great" };
    u32::try_from(reader.varint()?).map_err(malformed)
}

fn count(reader: &mut Reader<'_>) -> Result<Count, DecodeError> {
    Ok(Count { events: reader.varint()?, identities: u64::from_le_bytes(reader.array()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_and_no_shorter_one_does() {
        let server = Server {
            system: u64::MAX,
            database: 16_384,
            table: 16_390,
            timeline: 3,
            major_version: 15,
        };
        let transactions = Known::Transactions {
            snapshot: Transactions { from: 1 << 33, end: (1 << 33) + 5 },
            events: Count { events: 12, identities: u64::MAX - 3 },
            recent: Count { events: 1, identities: 9 },
        };
        let positions = |last| {
            Known::Positions(Positions { last, identity: -7, events: 900, changes: 1 << 40 })
        };
        for known in [transactions, positions(None), positions(Some(0)), positions(Some(70_000))] {
            let token = ResumeToken { what: [7; 8], server, known };
            let bytes = token.encode();
            assert_eq!(ResumeToken::decode(&bytes).unwrap(), token);
            for length in 0..bytes.len() {
                assert!(ResumeToken::decode(&bytes[..length]).is_err(), "{length}");
            }
        }
    }
}
