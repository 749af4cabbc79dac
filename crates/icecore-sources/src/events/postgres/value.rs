//! Values as PostgreSQL sends them in its binary format.
//!
//! Source: <https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format", and the send
//! functions of each type in PostgreSQL's `src/backend/utils/adt`.

use icecore_format::Timestamp;
use icecore_format::event::json::{put_number, put_string, put_uuid};
use icecore_format::event::time_text::{self, TimeStyle, civil_from_days};
use tokio_postgres::types::Type;

/// Microseconds from 1970 to 2000, where PostgreSQL begins to count.
pub(super) const MICROSECONDS_TO_2000: i64 = 946_684_800_000_000;
const DAYS_OF_400_YEARS: i64 = 146_097;
/// Days from 1970 to 2000.
pub(super) const DAYS_TO_2000: i64 = 10_957;
/// The first byte of a value of type `jsonb`.
pub(super) const JSONB_VERSION: u8 = 1;

/// How a type's values are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Text,
    Jsonb,
    Json,
    Bytes,
    Integer2,
    Integer4,
    Integer8,
    Uuid,
    Moment,
    Boolean,
}

impl Encoding {
    /// That of a type; `None` if its values have to be cast to text.
    pub(super) fn of(sql_type: &Type) -> Option<Self> {
        Some(match *sql_type {
            Type::TEXT | Type::VARCHAR | Type::NAME => Self::Text,
            Type::JSONB => Self::Jsonb,
            Type::JSON => Self::Json,
            Type::BYTEA => Self::Bytes,
            Type::INT2 => Self::Integer2,
            Type::INT4 => Self::Integer4,
            Type::INT8 => Self::Integer8,
            Type::UUID => Self::Uuid,
            Type::TIMESTAMP | Type::TIMESTAMPTZ => Self::Moment,
            Type::BOOL => Self::Boolean,
            _ => return None,
        })
    }

    /// A type whose values are sent so: of several, the one that all can be cast to unchanged.
    pub(super) fn sql_type(self) -> Type {
        match self {
            Self::Text => Type::TEXT,
            Self::Jsonb => Type::JSONB,
            Self::Json => Type::JSON,
            Self::Bytes => Type::BYTEA,
            Self::Integer2 => Type::INT2,
            Self::Integer4 => Type::INT4,
            Self::Integer8 => Type::INT8,
            Self::Uuid => Type::UUID,
            Self::Moment => Type::TIMESTAMPTZ,
            Self::Boolean => Type::BOOL,
        }
    }

    /// The number of that type.
    pub(super) fn type_number(self) -> u32 {
        self.sql_type().oid()
    }

    /// The bytes of a text, of JSON or of bytes; `None` if it is something else.
    pub(super) fn bytes(self, value: &[u8]) -> Option<&[u8]> {
        match self {
            Self::Text | Self::Json | Self::Bytes => Some(value),
            Self::Jsonb => match value.split_first() {
                Some((&JSONB_VERSION, text)) => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    /// An integer.
    pub(super) fn integer(self, value: &[u8]) -> Option<i64> {
        match self {
            Self::Integer2 => Some(i16::from_be_bytes(value.try_into().ok()?).into()),
            Self::Integer4 => Some(i32::from_be_bytes(value.try_into().ok()?).into()),
            Self::Integer8 => Some(i64::from_be_bytes(value.try_into().ok()?)),
            _ => None,
        }
    }

    /// A UUID.
    pub(super) fn uuid(self, value: &[u8]) -> Option<[u8; 16]> {
        (self == Self::Uuid).then(|| value.try_into().ok()).flatten()
    }

    /// A point in time.
    pub(super) fn moment(self, value: &[u8]) -> Option<Moment> {
        if self != Self::Moment {
            return None;
        }
        Some(match i64::from_be_bytes(value.try_into().ok()?) {
            i64::MAX => Moment::Infinite("infinity"),
            i64::MIN => Moment::Infinite("-infinity"),
            microseconds => microseconds
                .checked_add(MICROSECONDS_TO_2000)
                .and_then(|microseconds| microseconds.checked_mul(1000))
                .map_or(Moment::Far(microseconds), |time| Moment::At(Timestamp(time))),
        })
    }

    /// Appends the value as JSON; `None` if it is not of this encoding.
    pub(super) fn put_json(self, value: &[u8], json: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Text => put_string(json, std::str::from_utf8(value).ok()?),
            Self::Json | Self::Jsonb => json.extend_from_slice(self.bytes(value)?),
            Self::Bytes => {
                json.extend_from_slice(b"\"\\\\x");
                for byte in value {
                    json.extend_from_slice(format!("{byte:02x}").as_bytes());
                }
                json.push(b'"');
            }
            Self::Integer2 | Self::Integer4 | Self::Integer8 => {
                let number = self.integer(value)?;
                if number < 0 {
                    json.push(b'-');
                }
                put_number(json, number.unsigned_abs());
            }
            Self::Uuid => {
                json.push(b'"');
                put_uuid(json, &self.uuid(value)?);
                json.push(b'"');
            }
            Self::Moment => {
                json.push(b'"');
                self.moment(value)?.put(json);
                json.push(b'"');
            }
            Self::Boolean => match value {
                [0] => json.extend_from_slice(b"false"),
                [1] => json.extend_from_slice(b"true"),
                _ => return None,
            },
        }
        Some(())
    }
}

/// A point in time of PostgreSQL's range, which is wider than ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    At(Timestamp),
    Infinite(&'static str),
    /// Microseconds since 2000.
    Far(i64),
}

impl Moment {
    /// Appends it as a text that PostgreSQL takes.
    pub(super) fn put(self, text: &mut Vec<u8>) {
        match self {
            Self::At(time) => time_text::put(text, time, TimeStyle::MICROSECONDS),
            Self::Infinite(word) => text.extend_from_slice(word.as_bytes()),
            Self::Far(microseconds) => text.extend_from_slice(&far(microseconds)),
        }
    }
}

/// A time beyond our range, as PostgreSQL prints it.
fn far(microseconds: i64) -> Vec<u8> {
    const DAY: i64 = 86_400_000_000;
    // The calendar is the same every 400 years.
    let days = microseconds.div_euclid(DAY) + DAYS_TO_2000;
    let (year, month, day) = civil_from_days(days.rem_euclid(DAYS_OF_400_YEARS));
    let year = i64::from(year) + 400 * days.div_euclid(DAYS_OF_400_YEARS);
    let of_day = microseconds.rem_euclid(DAY);
    let seconds = of_day / 1_000_000;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = of_day % 1_000_000;
    let (year, era) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    let date = format!("{year:04}-{month:02}-{day:02}");
    format!("{date} {hour:02}:{minute:02}:{second:02}.{fraction:06}+00{era}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_the_one_that_postgresql_means() {
        // SELECT extract(epoch FROM timestamptz '2026-11-21 05:30:00.123456+00') * 1e6 - 946684800e6
        let value = (1_795_239_000_123_456i64 - MICROSECONDS_TO_2000).to_be_bytes();
        let moment = Encoding::Moment.moment(&value).unwrap();
        assert_eq!(moment, Moment::At(Timestamp(1_795_239_000_123_456_000)));
        for (value, text) in [
            (i64::MAX, "infinity"),
            (i64::MIN, "-infinity"),
            // The last and the first moment that PostgreSQL has.
            (9_223_371_331_199_999_999, "294276-12-31 23:59:59.999999+00"),
            (-211_813_488_000_000_000, "4714-11-24 00:00:00.000000+00 BC"),
        ] {
            let mut found = Vec::new();
            Encoding::Moment.moment(&value.to_be_bytes()).unwrap().put(&mut found);
            assert_eq!(String::from_utf8(found).unwrap(), text);
        }
    }

    #[test]
    fn values_become_json() {
        let json = |encoding: Encoding, value: &[u8]| {
            let mut json = Vec::new();
            encoding.put_json(value, &mut json)?;
            Some(String::from_utf8(json).unwrap())
        };
        assert_eq!(json(Encoding::Text, b"a\"b").as_deref(), Some(r#""a\"b""#));
        assert_eq!(json(Encoding::Jsonb, b"\x01{}").as_deref(), Some("{}"));
        assert_eq!(json(Encoding::Jsonb, b"\x02{}"), None);
        assert_eq!(json(Encoding::Bytes, &[0, 255]).as_deref(), Some(r#""\\x00ff""#));
        assert_eq!(json(Encoding::Integer4, &(-7i32).to_be_bytes()).as_deref(), Some("-7"));
        assert_eq!(
            json(Encoding::Integer8, &i64::MIN.to_be_bytes()).as_deref(),
            Some("-9223372036854775808")
        );
        assert_eq!(json(Encoding::Integer8, b"short"), None);
        assert_eq!(json(Encoding::Boolean, &[1]).as_deref(), Some("true"));
        assert_eq!(json(Encoding::Boolean, &[2]), None);
    }
}
