//! What the values of a column are, and so how they are spelled.

use crate::event::time_text::TimeStyle;

/// The kind of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Bytes as they are.
    Text,
    /// Decimal digits without a zero in front.
    Integer,
    /// So many decimal digits.
    Digits(u8),
    /// A number with so many decimal digits behind its point.
    Decimal(u8),
    /// Four numbers below 256 with points between them: an address of IP version 4.
    Address,
    /// So many bytes as twice as many hexadecimal digits in lower case.
    Hex(u8),
    /// A time, from the event's.
    Time(TimeStyle),
    /// A UUID of this version and of RFC 9562's variant.
    Uuid(u8),
    /// A UUID of version 7, from the event's time.
    UuidTimed,
    /// Any other UUID.
    UuidOther,
    /// Numbers that the codec itself needs.
    Plain,
}

impl Kind {
    /// Its number, and what goes with it.
    pub(super) fn to_bytes(self) -> [u8; 2] {
        match self {
            Self::Plain => [0, 0],
            Self::Text => [1, 0],
            Self::Integer => [2, 0],
            Self::Digits(count) => [3, count],
            Self::Decimal(count) => [4, count],
            Self::Address => [5, 0],
            Self::Time(style) => [6, style.byte()],
            Self::Hex(bytes) => [7, bytes],
            Self::Uuid(version) => [8, version],
            Self::UuidTimed => [9, 0],
            Self::UuidOther => [10, 0],
        }
    }

    /// The kind of a number.
    pub(super) fn from_bytes(bytes: [u8; 2]) -> Option<Self> {
        Some(match bytes {
            [0, 0] => Self::Plain,
            [1, 0] => Self::Text,
            [2, 0] => Self::Integer,
            [3, count @ 1..=18] => Self::Digits(count),
            [4, count @ 1..=17] => Self::Decimal(count),
            [5, 0] => Self::Address,
            [6, style] => Self::Time(TimeStyle::from_byte(style)?),
            [7, bytes @ 1..=255] => Self::Hex(bytes),
            [8, version @ 0..=15] => Self::Uuid(version),
            [9, 0] => Self::UuidTimed,
            [10, 0] => Self::UuidOther,
            _ => return None,
        })
    }

    /// Whether a value is one number and nothing else.
    pub(super) fn is_number(self) -> bool {
        matches!(
            self,
            Self::Plain
                | Self::Integer
                | Self::Digits(_)
                | Self::Decimal(_)
                | Self::Address
                | Self::Time(_)
        )
    }

    /// The kind that a UUID is kept as.
    pub(super) fn of_uuid(uuid: u128) -> Self {
        match super::hex::version(uuid) {
            Some(7) => Self::UuidTimed,
            Some(version) => Self::Uuid(version),
            None => Self::UuidOther,
        }
    }
}
