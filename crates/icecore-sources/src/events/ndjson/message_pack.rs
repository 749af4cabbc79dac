//! An event of a dump as MessagePack: a map with the names that a line has, and values as they are.
//!
//! Source: <https://github.com/msgpack/msgpack/blob/master/spec.md>.

use super::default_line::exact_time;
use super::member_map::Field;
use icecore::target::{RestoredEvent, TargetError, TargetErrorKind};
use icecore_format::event::{EventId, EventTime, json};
use rmp::encode::{ValueWriteError, write_bin, write_map_len, write_str, write_uint};

/// The member with what the event has beyond all others: a map.
const MEMBERS: &str = "members";

/// Appends the event's map.
pub(super) fn put(bytes: &mut Vec<u8>, restored: &RestoredEvent<'_>) -> Result<(), TargetError> {
    put_map(bytes, restored).map_err(|error| {
        let message = "an event does not fit into MessagePack";
        TargetError::new(TargetErrorKind::Unsuitable, message).because(error)
    })
}

fn put_map(bytes: &mut Vec<u8>, restored: &RestoredEvent<'_>) -> Result<(), ValueWriteError> {
    let event = &restored.event;
    let id = match event.id {
        EventId::None => None,
        EventId::Text(text) => Some(text.as_bytes().to_vec()),
        EventId::Uuid(uuid) => {
            let mut text = Vec::new();
            json::put_uuid(&mut text, &uuid);
            Some(text)
        }
    };
    let time = match event.time {
        EventTime::None => None,
        EventTime::Text(text) => Some(text.as_bytes().to_vec()),
        EventTime::At(time) => Some(exact_time(time)),
    };
    let members = event.members.iter().count();
    let optional = [
        restored.position.is_some(),
        id.is_some(),
        time.is_some(),
        event.metadata.is_some(),
        members > 0,
    ];
    let count = 4 + optional.iter().filter(|is_there| **is_there).count();

    write_map_len(bytes, count as u32)?;
    write_str(bytes, Field::Stream.name())?;
    write_str(bytes, event.stream)?;
    write_str(bytes, Field::Version.name())?;
    write_uint(bytes, event.version)?;
    write_str(bytes, Field::Type.name())?;
    write_str(bytes, event.event_type)?;
    if let Some(position) = restored.position {
        write_str(bytes, Field::Position.name())?;
        write_uint(bytes, position)?;
    }
    for (field, text) in [(Field::Id, id), (Field::Time, time)] {
        if let Some(text) = text {
            write_str(bytes, field.name())?;
            write_str(bytes, &String::from_utf8_lossy(&text))?;
        }
    }
    write_str(bytes, Field::Data.name())?;
    write_bin(bytes, restored.payload)?;
    if let Some(metadata) = event.metadata {
        write_str(bytes, Field::Metadata.name())?;
        write_bin(bytes, metadata)?;
    }
    if members > 0 {
        write_str(bytes, MEMBERS)?;
        write_map_len(bytes, members as u32)?;
        for (name, value) in event.members.iter() {
            write_str(bytes, name)?;
            write_bin(bytes, value)?;
        }
    }
    Ok(())
}
