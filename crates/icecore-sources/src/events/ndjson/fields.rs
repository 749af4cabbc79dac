//! What the values of a line's members are as fields of an event.
//!
//! An optional field whose value is of another kind than the field (a position that is a UUID, say)
//! is none: the caller keeps it as a further member.

use super::line::LineFault;
use super::member_map::Field;
use super::number::{self, NotWhole};
use super::string;
use icecore_format::event::{Member, Style, json, time_text};
use icecore_format::limits::NAME_BYTES_MAX;
use icecore_format::time::Timestamp;
use std::borrow::Cow;

/// The id that a line gives its event.
#[derive(Default)]
pub(super) enum LineId<'a> {
    #[default]
    None,
    Uuid([u8; 16]),
    Text(Cow<'a, str>),
}

/// The time that a line gives its event.
#[derive(Default)]
pub(super) enum LineTime<'a> {
    #[default]
    None,
    At(Timestamp),
    Text(Cow<'a, str>),
}

/// What was found so far.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) stream: Option<Cow<'a, str>>,
    pub(super) version: Option<u64>,
    pub(super) event_type: Option<Cow<'a, str>>,
    pub(super) payload: Option<&'a str>,
    pub(super) id: LineId<'a>,
    pub(super) time: LineTime<'a>,
    pub(super) metadata: Option<&'a str>,
    pub(super) position: Option<u64>,
}

impl<'a> Fields<'a> {
    /// Takes a field. Returns the hole for it; `None` if the value is not of the field's kind.
    pub(super) fn take(
        &mut self,
        field: Field,
        member: &str,
        value: &'a str,
    ) -> Result<Option<(Member, Style)>, LineFault> {
        let unfit = |what| LineFault::Unfit { member: member.to_owned(), what };
        Ok(match field {
            Field::Stream => {
                let stream = name(value).map_err(unfit)?;
                if stream.is_empty() {
                    return Err(unfit("is empty"));
                }
                let style = string_style(value, &stream);
                self.stream = Some(stream);
                Some((Member::Stream, style))
            }
            Field::Version => {
                self.version = Some(version(value).map_err(unfit)?);
                Some((Member::Version, number_style(value)))
            }
            Field::Type => {
                let event_type = name(value).map_err(unfit)?;
                let style = string_style(value, &event_type);
                self.event_type = Some(event_type);
                Some((Member::Type, style))
            }
            Field::Data => {
                self.payload = Some(value);
                Some((Member::Payload, Style::Canonical))
            }
            Field::Metadata => {
                self.metadata = Some(value);
                Some((Member::Metadata, Style::Canonical))
            }
            Field::Position if is_number(value) => {
                self.position = number::exact(value).ok();
                self.position.map(|_| (Member::Position, number_style(value)))
            }
            Field::Position => None,
            Field::Id if is_number(value) => {
                self.id = LineId::Text(Cow::Borrowed(value));
                Some((Member::Id, Style::Verbatim))
            }
            Field::Id => string::unquote(value).map(|text| {
                let style = string_style(value, &text);
                self.id = match json::parse_uuid(text.as_bytes()) {
                    Some(uuid) => LineId::Uuid(uuid),
                    None => LineId::Text(text),
                };
                (Member::Id, style)
            }),
            Field::Time if is_number(value) => {
                self.time = LineTime::Text(Cow::Borrowed(value));
                Some((Member::Time, Style::Verbatim))
            }
            Field::Time => string::unquote(value).map(|text| {
                let Some((time, style)) = time_text::parse(text.as_bytes()) else {
                    self.time = LineTime::Text(text);
                    return (Member::Time, Style::Verbatim);
                };
                self.time = LineTime::At(time);
                let is_canonical = string::is_canonical(value, &text);
                let style = if is_canonical { Style::Time(style) } else { Style::Verbatim };
                (Member::Time, style)
            }),
        })
    }
}

/// A stream's id or a type, or what is wrong with it.
fn name(value: &str) -> Result<Cow<'_, str>, &'static str> {
    if !value.starts_with('"') {
        return Err("is not a string");
    }
    let name = string::unquote(value).ok_or("has half of a surrogate pair, which is no text")?;
    if name.len() > NAME_BYTES_MAX {
        return Err("is longer than 65536 bytes");
    }
    Ok(name)
}

fn version(value: &str) -> Result<u64, &'static str> {
    if !is_number(value) {
        return Err("is not a number");
    }
    number::exact(value).map_err(|not_whole| match not_whole {
        NotWhole::Negative => "is negative",
        NotWhole::Fraction => "has a fraction",
        NotWhole::TooLarge => "is larger than 18446744073709551615",
    })
}

fn is_number(value: &str) -> bool {
    value.starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

fn number_style(value: &str) -> Style {
    if number::is_canonical(value) { Style::Canonical } else { Style::Verbatim }
}

fn string_style(value: &str, text: &str) -> Style {
    if string::is_canonical(value, text) { Style::Canonical } else { Style::Verbatim }
}
