//! What follows a run of bytes in a document.

use super::kind::Kind;
use crate::event::time_text::TimeStyle;

/// What follows: a value of some kind for most. Written out, and not a [`Kind`] among others, so
/// that telling them apart is one jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// No value: more bytes.
    Nothing,
    /// The document's end.
    End,
    /// All that is left of the document, as text.
    Rest,
    Text,
    Integer,
    Digits(u8),
    Decimal(u8),
    Address,
    Time(TimeStyle),
    Hex(u8),
    Uuid(u8),
    UuidTimed,
    UuidOther,
}

impl Slot {
    /// A value of this kind; plain ones are in no document.
    pub(super) fn of(kind: Kind) -> Self {
        match kind {
            Kind::Plain => Self::Nothing,
            Kind::Text => Self::Text,
            Kind::Integer => Self::Integer,
            Kind::Digits(count) => Self::Digits(count),
            Kind::Decimal(count) => Self::Decimal(count),
            Kind::Address => Self::Address,
            Kind::Time(style) => Self::Time(style),
            Kind::Hex(bytes) => Self::Hex(bytes),
            Kind::Uuid(version) => Self::Uuid(version),
            Kind::UuidTimed => Self::UuidTimed,
            Kind::UuidOther => Self::UuidOther,
        }
    }

    /// The kind of the column that its values are in.
    pub(super) fn kind(self) -> Option<Kind> {
        Some(match self {
            Self::Nothing | Self::End => return None,
            Self::Rest | Self::Text => Kind::Text,
            Self::Integer => Kind::Integer,
            Self::Digits(count) => Kind::Digits(count),
            Self::Decimal(count) => Kind::Decimal(count),
            Self::Address => Kind::Address,
            Self::Time(style) => Kind::Time(style),
            Self::Hex(bytes) => Kind::Hex(bytes),
            Self::Uuid(version) => Kind::Uuid(version),
            Self::UuidTimed => Kind::UuidTimed,
            Self::UuidOther => Kind::UuidOther,
        })
    }

    /// Whether a document ends with it.
    pub(super) fn is_last(self) -> bool {
        matches!(self, Self::End | Self::Rest)
    }

    /// A number of its own.
    pub(super) fn number(self) -> u64 {
        let [kind, parameter] = self.kind().map_or([0, 0], Kind::to_bytes);
        u64::from(kind) << 16 | u64::from(parameter) << 8 | u64::from(self.is_last())
    }
}
