//! What the output plugin `pgoutput` says of a transaction, in version 1 of its protocol.
//!
//! Source: <https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html>.

use super::super::value::MICROSECONDS_TO_2000;
use icecore_format::Timestamp;

/// A message that is not laid out as `pgoutput` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server decoded a transaction to something that is no message of pgoutput")]
pub(super) struct NoMessage;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message<'a> {
    Begin {
        /// Where the commit is in the log.
        commit: u64,
        time: Timestamp,
        /// The lower 32 bits of the transaction's number.
        transaction: u32,
    },
    Commit {
        /// Where the log goes on after the commit.
        end: u64,
    },
    /// Says what the columns of a table are called, and the numbers of their types, in the order of its
    /// rows.
    Relation {
        table: u32,
        columns: Vec<(&'a str, u32)>,
    },
    Insert {
        table: u32,
        row: Vec<Option<&'a str>>,
    },
    /// A row was updated or deleted: says which, as a sentence without its end.
    Change {
        table: u32,
        what: &'static str,
    },
    Truncate {
        tables: Vec<u32>,
    },
    /// What says nothing of rows: where a transaction comes from, or how a type is called.
    Other,
}

impl<'a> Message<'a> {
    /// What these bytes say.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, NoMessage> {
        parse(&mut Input { rest: bytes }).ok_or(NoMessage)
    }
}

fn parse<'a>(input: &mut Input<'a>) -> Option<Message<'a>> {
    let [kind] = input.array()?;
    Some(match kind {
        b'B' => Message::Begin {
            commit: u64::from_be_bytes(input.array()?),
            time: time(i64::from_be_bytes(input.array()?))?,
            transaction: u32::from_be_bytes(input.array()?),
        },
        b'C' => {
            let [_flags] = input.array()?;
            let _commit: [u8; 8] = input.array()?;
            Message::Commit { end: u64::from_be_bytes(input.array()?) }
        }
        b'R' => {
            let table = u32::from_be_bytes(input.array()?);
            let (_namespace, _relation) = (input.text()?, input.text()?);
            let [_identity] = input.array()?;
            let count = u16::from_be_bytes(input.array()?);
            let column = |_| {
                let [_flags] = input.array()?;
                let name = input.text()?;
                let sql_type = u32::from_be_bytes(input.array()?);
                let _modifier: [u8; 4] = input.array()?;
                Some((name, sql_type))
            };
            Message::Relation { table, columns: (0..count).map(column).collect::<Option<_>>()? }
        }
        b'I' => {
            let table = u32::from_be_bytes(input.array()?);
            let [b'N'] = input.array()? else { return None };
            let count = u16::from_be_bytes(input.array()?);
            let row = (0..count).map(|_| input.value()).collect::<Option<_>>()?;
            Message::Insert { table, row }
        }
        b'U' => Message::Change {
            table: u32::from_be_bytes(input.array()?),
            what: "events were changed",
        },
        b'D' => Message::Change {
            table: u32::from_be_bytes(input.array()?),
            what: "events were deleted",
        },
        b'T' => {
            let count = u32::from_be_bytes(input.array()?);
            let [_options] = input.array()?;
            let table = |_| Some(u32::from_be_bytes(input.array()?));
            Message::Truncate { tables: (0..count).map(table).collect::<Option<_>>()? }
        }
        b'O' | b'Y' | b'M' => Message::Other,
        _ => return None,
    })
}

/// A time as the server counts it: microseconds since 2000.
fn time(microseconds: i64) -> Option<Timestamp> {
    let since_1970 = microseconds.checked_add(MICROSECONDS_TO_2000)?;
    Some(Timestamp(since_1970.checked_mul(1000)?))
}

struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*array)
    }

    fn text(&mut self) -> Option<&'a str> {
        let end = self.rest.iter().position(|byte| *byte == 0)?;
        let (text, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(1..)?;
        std::str::from_utf8(text).ok()
    }

    /// A value of a row; `None` inside if it is null.
    #[allow(clippy::option_option)]
    fn value(&mut self) -> Option<Option<&'a str>> {
        match self.array()? {
            [b'n'] => Some(None),
            [b't'] => {
                let length = u32::from_be_bytes(self.array()?);
                let (value, rest) = self.rest.split_at_checked(length as usize)?;
                self.rest = rest;
                Some(Some(std::str::from_utf8(value).ok()?))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What PostgreSQL 15 sent of a transaction that inserted a row.
    const TRANSACTION: [&[u8]; 4] = [
        b"B\x00\x00\x00\x00\x01R\x8bx\x00\x03\x03\xce\xc5'\xdc\r\x00\x00\x02\xd7",
        b"R\x00\x00@\x00public\x00t\x00d\x00\x02\x01id\x00\x00\x00\x0b\x86\xff\xff\xff\xff\
          \x00x\x00\x00\x00\x00\x19\xff\xff\xff\xff",
        b"I\x00\x00@\x00N\x00\x02t\x00\x00\x00\x027fn",
        b"C\x00\x00\x00\x00\x00\x01R\x8bx\x00\x00\x00\x00\x01R\x8b\xa8\x00\x03\x03\xce\xc5'\xdc\r",
    ];

    #[test]
    fn a_transaction_is_what_the_server_says_of_it() {
        let messages = TRANSACTION.map(|bytes| Message::parse(bytes).unwrap());
        let time = Timestamp((0x0003_03ce_c527_dc0d + MICROSECONDS_TO_2000) * 1000);
        assert_eq!(
            messages,
            [
                Message::Begin { commit: 0x0152_8b78, time, transaction: 727 },
                Message::Relation { table: 16_384, columns: vec![("id", 2950), ("x", 25)] },
                Message::Insert { table: 16_384, row: vec![Some("7f"), None] },
                Message::Commit { end: 0x0152_8ba8 },
            ]
        );
        let truncate = b"T\x00\x00\x00\x01\x00\x00\x00@\x00";
        assert_eq!(Message::parse(truncate), Ok(Message::Truncate { tables: vec![16_384] }));
    }

    #[test]
    fn a_message_that_is_cut_off_is_refused() {
        for message in TRANSACTION {
            // Of a commit only the time can be missing, which the beginning has too.
            let needed = if message[0] == b'C' { 18 } else { message.len() };
            for length in 0..needed {
                assert_eq!(Message::parse(&message[..length]), Err(NoMessage), "{length}");
            }
        }
    }

    proptest! {
        #[test]
        fn garbage_is_refused_or_a_message(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _whatever = Message::parse(&bytes);
        }
    }
}
