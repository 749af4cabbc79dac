//! Values of events as PostgreSQL takes them in its binary format.

use super::jsonb;
use crate::events::postgres::value::{DAYS_TO_2000, Encoding, JSONB_VERSION, MICROSECONDS_TO_2000};
use icecore_format::Timestamp;
use icecore_format::event::json::{parse_uuid, put_uuid};
use icecore_format::event::time_text::{self, days_from_civil};
use std::borrow::Cow;

const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;

/// A value of an event.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Text(&'a str),
    /// A payload or metadata: bytes, a text or JSON.
    Content(&'a [u8]),
    /// JSON that stands for a value of any type.
    Json(&'a [u8]),
    Number(u64),
    Uuid([u8; 16]),
    Moment(Timestamp),
}

impl Value<'_> {
    /// Appends a field: the length and the value. An error says what is wrong with it.
    pub(super) fn put(
        self,
        encoding: Encoding,
        is_canonical: bool,
        field: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        let start = field.len();
        field.extend_from_slice(&[0; 4]);
        self.put_bytes(encoding, is_canonical, field)?;
        let length = field.len() - start - 4;
        let length = i32::try_from(length).map_err(|_| "is longer than PostgreSQL takes")?;
        if let Some(place) = field.get_mut(start..start + 4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }

    fn put_bytes(
        self,
        encoding: Encoding,
        is_canonical: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        match encoding {
            Encoding::Text => {
                let text = self.text()?;
                if text.contains('\0') {
                    return Err("has a zero byte, which PostgreSQL's texts cannot have");
                }
                out.extend_from_slice(text.as_bytes());
            }
            Encoding::Bytes => match self {
                Self::Content(bytes) => out.extend_from_slice(bytes),
                _ => hex(&self.text()?, out).ok_or("is not in hexadecimal digits")?,
            },
            Encoding::Json | Encoding::Jsonb => {
                let (Self::Content(json) | Self::Json(json)) = self else {
                    return Err("is no JSON");
                };
                if encoding == Encoding::Jsonb {
                    out.push(JSONB_VERSION);
                }
                if encoding == Encoding::Jsonb && !is_canonical {
                    jsonb::put(json, out)?;
                } else {
                    out.extend_from_slice(json);
                }
            }
            Encoding::Integer2 => out.extend_from_slice(&self.integer::<i16>()?.to_be_bytes()),
            Encoding::Integer4 => out.extend_from_slice(&self.integer::<i32>()?.to_be_bytes()),
            Encoding::Integer8 => out.extend_from_slice(&self.integer::<i64>()?.to_be_bytes()),
            Encoding::Uuid => out.extend_from_slice(&self.uuid()?),
            Encoding::Moment => out.extend_from_slice(&self.moment()?.to_be_bytes()),
            Encoding::Boolean => match &*self.text()? {
                "true" => out.push(1),
                "false" => out.push(0),
                _ => return Err("is neither true nor false"),
            },
        }
        Ok(())
    }

    /// The value as a text; of JSON, what is between quotation marks.
    fn text(&self) -> Result<Cow<'_, str>, &'static str> {
        let utf8 = |bytes| std::str::from_utf8(bytes).map_err(|_| "is no UTF-8");
        Ok(match self {
            Self::Text(text) => Cow::Borrowed(*text),
            Self::Content(bytes) => Cow::Borrowed(utf8(bytes)?),
            Self::Json(json) if json.starts_with(b"\"") => {
                serde_json::from_slice::<String>(json).map_err(|_| "is no JSON")?.into()
            }
            Self::Json(json) => Cow::Borrowed(utf8(json)?),
            Self::Number(number) => number.to_string().into(),
            Self::Uuid(uuid) => {
                let mut text = Vec::with_capacity(36);
                put_uuid(&mut text, uuid);
                String::from_utf8(text).map_err(|_| "is no UTF-8")?.into()
            }
            Self::Moment(time) => {
                let mut text = Vec::with_capacity(time_text::BYTES_MAX);
                time_text::put(&mut text, *time, time_text::TimeStyle::NANOSECONDS);
                String::from_utf8(text).map_err(|_| "is no UTF-8")?.into()
            }
        })
    }

    fn integer<T: TryFrom<i64>>(&self) -> Result<T, &'static str> {
        const BEYOND: &str = "is a number beyond those of its column";
        let number = match self {
            Self::Number(number) => i64::try_from(*number).map_err(|_| BEYOND)?,
            _ => self.text()?.parse().map_err(|_| "is no integer")?,
        };
        T::try_from(number).map_err(|_| BEYOND)
    }

    fn uuid(&self) -> Result<[u8; 16], &'static str> {
        match self {
            Self::Uuid(uuid) => Ok(*uuid),
            _ => parse_uuid(self.text()?.to_ascii_lowercase().as_bytes()).ok_or("is no UUID"),
        }
    }

    /// Microseconds since 2000.
    fn moment(&self) -> Result<i64, &'static str> {
        const TOO_FINE: &str = "is finer than microseconds, which PostgreSQL keeps";
        let of_timestamp = |time: Timestamp| match time.0 % 1000 {
            0 => Ok(time.0 / 1000 - MICROSECONDS_TO_2000),
            _ => Err(TOO_FINE),
        };
        if let Self::Moment(time) = self {
            return of_timestamp(*time);
        }
        let text = self.text()?;
        match time_text::parse(text.as_bytes()) {
            Some((time, _)) => of_timestamp(time),
            None => far_moment(&text).ok_or("is no time that PostgreSQL keeps"),
        }
    }
}

/// Bytes of `\x` and hexadecimal digits, as PostgreSQL prints them.
fn hex(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let digits = text.strip_prefix("\\x")?.as_bytes();
    let (pairs, rest) = digits.as_chunks::<2>();
    let value = |digit: u8| char::from(digit).to_digit(16);
    for [high, low] in pairs {
        out.push((value(*high)? << 4 | value(*low)?) as u8);
    }
    rest.is_empty().then_some(())
}

/// Times that no [`Timestamp`] reaches, as they are printed of rows: microseconds since 2000.
fn far_moment(text: &str) -> Option<i64> {
    match text {
        "infinity" => return Some(i64::MAX),
        "-infinity" => return Some(i64::MIN),
        _ => {}
    }
    let (text, is_before_christ) = match text.strip_suffix(" BC") {
        Some(text) => (text, true),
        None => (text, false),
    };
    let (date, time) = text.strip_suffix("+00")?.split_once(' ')?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<u32>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (time, fraction) = time.split_once('.')?;
    let mut time = time.splitn(3, ':').map(|part| part.parse::<u32>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    if fraction.len() != 6 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let year = if is_before_christ { 1 - i64::from(year) } else { i64::from(year) };
    let days = days_from_civil(year, month, day) - DAYS_TO_2000;
    let seconds = i64::from(hour * 3600 + minute * 60 + second);
    let of_day = seconds * 1_000_000 + i64::from(fraction.parse::<u32>().ok()?);
    days.checked_mul(MICROSECONDS_PER_DAY)?.checked_add(of_day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::postgres::value::Moment;

    fn sent(value: Value<'_>, encoding: Encoding) -> Result<Vec<u8>, &'static str> {
        let mut field = Vec::new();
        value.put(encoding, false, &mut field)?;
        let (length, value) = field.split_first_chunk().unwrap();
        assert_eq!(i32::from_be_bytes(*length), value.len() as i32);
        Ok(value.to_vec())
    }

    #[test]
    fn every_time_comes_back_from_its_text() {
        for microseconds in
            [i64::MAX, i64::MIN, 9_223_371_331_199_999_999, -211_813_488_000_000_000, 0, -1, 1]
        {
            let value = microseconds.to_be_bytes();
            let moment = Encoding::Moment.moment(&value).unwrap();
            let mut text = Vec::new();
            moment.put(&mut text);
            let text = String::from_utf8(text).unwrap();
            assert_eq!(sent(Value::Text(&text), Encoding::Moment).unwrap(), value, "{text}");
            if let Moment::At(time) = moment {
                assert_eq!(sent(Value::Moment(time), Encoding::Moment).unwrap(), value);
            }
        }
        assert!(sent(Value::Moment(Timestamp(1)), Encoding::Moment).is_err());
        assert!(sent(Value::Text("yesterday"), Encoding::Moment).is_err());
    }

    #[test]
    fn members_come_back_as_the_values_that_they_were() {
        let values: [(Encoding, &[u8]); 8] = [
            (Encoding::Text, "a\"b\\ž".as_bytes()),
            (Encoding::Bytes, &[0, 255, 16]),
            (Encoding::Integer2, &[255, 254]),
            (Encoding::Integer8, &[128, 0, 0, 0, 0, 0, 0, 0]),
            (Encoding::Uuid, &[7; 16]),
            (Encoding::Boolean, &[1]),
            (Encoding::Jsonb, b"\x01{\"a\": [1, null]}"),
            (Encoding::Moment, &[0; 8]),
        ];
        for (encoding, value) in values {
            let mut json = Vec::new();
            encoding.put_json(value, &mut json).unwrap();
            assert_eq!(sent(Value::Json(&json), encoding).unwrap(), value, "{encoding:?}");
        }
    }

    #[test]
    fn what_a_column_cannot_hold_is_refused() {
        assert!(sent(Value::Text("a\0b"), Encoding::Text).is_err());
        assert!(sent(Value::Number(u64::MAX), Encoding::Integer8).is_err());
        assert!(sent(Value::Number(1 << 15), Encoding::Integer2).is_err());
        assert!(sent(Value::Text("order-1"), Encoding::Uuid).is_err());
        assert!(sent(Value::Content(b"{"), Encoding::Jsonb).is_err());
        assert!(sent(Value::Content(b"\xff"), Encoding::Text).is_err());
    }
}
