//! An event as a report names it.

use super::limit::Rank;
use icecore_format::Timestamp;
use icecore_format::event::{Event, EventId};

/// An event as a report names it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventMark {
    /// Its stream's id.
    pub stream: String,
    /// Its version in the stream.
    pub version: u64,
    /// Its type.
    pub event_type: String,
    /// Its id, as text, if it has one.
    pub id: Option<String>,
    /// When it was recorded.
    pub time: Option<Timestamp>,
    /// Its position.
    pub position: Option<u64>,
}

impl EventMark {
    pub(crate) fn of(event: &Event<'_>, position: Option<u64>) -> Self {
        Self {
            stream: event.stream.to_owned(),
            version: event.version,
            event_type: event.event_type.to_owned(),
            id: id_text(event.id),
            time: event.time.timestamp(),
            position,
        }
    }
}

/// An event's id as text; a UUID as RFC 9562 writes it.
fn id_text(id: EventId<'_>) -> Option<String> {
    match id {
        EventId::None => None,
        EventId::Text(text) => Some(text.to_owned()),
        EventId::Uuid(uuid) => {
            let number = u128::from_be_bytes(uuid);
            let group = |shift: u32, digits: u32| {
                let mask = (1u128 << (4 * digits)) - 1;
                format!("{:0digits$x}", (number >> shift) & mask, digits = digits as usize)
            };
            let groups = [(96, 8), (80, 4), (64, 4), (48, 4), (0, 12)];
            let groups: Vec<String> =
                groups.iter().map(|(shift, digits)| group(*shift, *digits)).collect();
            Some(groups.join("-"))
        }
    }
}

/// Whether an id, as text, is that of an event: of a UUID, case and hyphens do not matter.
pub(crate) fn is_id(id: EventId<'_>, wanted: &str) -> bool {
    match id {
        EventId::None => false,
        EventId::Text(text) => text == wanted,
        EventId::Uuid(uuid) => {
            let digits: String = wanted.chars().filter(|digit| *digit != '-').collect();
            digits.len() == 32
                && u128::from_str_radix(&digits, 16).is_ok_and(|it| it == u128::from_be_bytes(uuid))
        }
    }
}

/// The first or the last of a chunk's events in the order of a limit: not named yet, since most events
/// are further than the one before.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Furthest<'a>(Option<(Rank, Event<'a>, Option<u64>)>);

impl<'a> Furthest<'a> {
    /// Takes the event if it is before what was seen; or after it, if `is_last`.
    pub(crate) fn see(
        &mut self,
        is_last: bool,
        rank: Option<Rank>,
        event: &Event<'a>,
        position: Option<u64>,
    ) {
        let Some(rank) = rank else { return };
        if self.0.as_ref().is_none_or(|(known, ..)| is_further(is_last, rank, *known)) {
            self.0 = Some((rank, *event, position));
        }
    }

    /// The event, named.
    pub(crate) fn into_extreme(self) -> Extreme {
        Extreme(self.0.map(|(rank, event, position)| (rank, EventMark::of(&event, position))))
    }
}

/// The first or the last of events in the order of a limit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extreme(Option<(Rank, EventMark)>);

impl Extreme {
    /// Takes what is further of both.
    pub(crate) fn merge(&mut self, is_last: bool, other: Self) {
        if let Some((rank, _)) = &other.0
            && self.0.as_ref().is_none_or(|(known, _)| is_further(is_last, *rank, *known))
        {
            *self = other;
        }
    }

    /// Its place, if there is one.
    pub(crate) fn rank(&self) -> Option<Rank> {
        self.0.as_ref().map(|(rank, _)| *rank)
    }

    /// The event.
    pub(crate) fn into_mark(self) -> Option<EventMark> {
        self.0.map(|(_, mark)| mark)
    }
}

fn is_further(is_last: bool, rank: Rank, known: Rank) -> bool {
    if is_last { rank > known } else { rank < known }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_by_its_text_however_a_uuid_is_spelled() {
        let uuid = EventId::Uuid(0x019a_0000_0000_7000_8000_0000_0000_00ab_u128.to_be_bytes());
        let text = "019a0000-0000-7000-8000-0000000000ab";
        assert_eq!(id_text(uuid).unwrap(), text);
        assert!(is_id(uuid, text) && is_id(uuid, &text.to_uppercase()));
        assert!(is_id(uuid, &text.replace('-', "")));
        for other in ["", "019a0000", "019a0000-0000-7000-8000-0000000000ac", "+19a0000"] {
            assert!(!is_id(uuid, other), "{other}");
        }
        assert!(is_id(EventId::Text("e-1"), "e-1") && !is_id(EventId::Text("e-1"), "E-1"));
        assert!(!is_id(EventId::None, ""));
    }
}
