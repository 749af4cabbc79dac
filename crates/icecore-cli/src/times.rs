//! Times: how they are shown (RFC 3339, UTC) and how they are asked for.

use icecore_format::Timestamp;
use jiff::Span;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use std::str::FromStr;
use std::time::Duration;

/// A moment, or how long ago it was.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Since {
    At(Timestamp),
    Ago(Age),
}

/// A length of time: `30d`, `24h`, `1y 6mo`. Days are of 24 hours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Age(Span);

/// A moment that somebody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) time: Timestamp,
    /// Whether it came without an offset, and was taken for UTC.
    pub(crate) is_taken_for_utc: bool,
}

impl Age {
    /// Its length, in seconds.
    pub(crate) fn seconds(self) -> f64 {
        // What is too long to be told is longer than anything takes.
        let end = self.after(Timestamp(0)).unwrap_or(Timestamp(i64::MAX));
        end.0 as f64 / 1e9
    }

    /// The span of the calendar that it is.
    pub(crate) fn span(self) -> Span {
        self.0
    }

    /// The moment so long after `time`; `None` if it is beyond all times that can be told.
    pub(crate) fn after(self, time: Timestamp) -> Option<Timestamp> {
        let moment = moment(time)?.to_zoned(TimeZone::UTC).checked_add(self.0).ok()?;
        timestamp(moment.timestamp())
    }

    fn before(self, time: Timestamp) -> Option<Timestamp> {
        let moment = moment(time)?.to_zoned(TimeZone::UTC).checked_sub(self.0).ok()?;
        timestamp(moment.timestamp())
    }
}

impl Since {
    /// The moment, if it is `now`.
    pub(crate) fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            // What is longer ago than we can tell is before everything.
            Self::Ago(age) => age.before(now).unwrap_or(Timestamp(i64::MIN)),
        }
    }
}

/// A length of time that may be nothing. Days are of 24 hours.
pub(crate) fn parse_wait(text: &str) -> Result<Duration, String> {
    let expected = || "expected a duration such as 24h, 7d or 0s".to_owned();
    let span: Span = text.parse().map_err(|_| expected())?;
    let end = Age(span).after(Timestamp(0)).ok_or_else(expected)?;
    u64::try_from(end.0).map(Duration::from_nanos).map_err(|_| expected())
}

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let span: Span =
            text.parse().map_err(|_| "expected a duration such as 24h, 30d or 1y".to_owned())?;
        if span.is_positive() {
            Ok(Self(span))
        } else {
            Err("expected more than nothing".to_owned())
        }
    }
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(moment) = text.parse::<jiff::Timestamp>() {
            return timestamp(moment).map(Self::At).ok_or_else(|| "too far away".to_owned());
        }
        // A date alone: parsing one would also take a time of day and drop it.
        if text.len() == 10
            && let Ok(date) = text.parse::<Date>()
        {
            let midnight = date.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
            return midnight
                .and_then(timestamp)
                .map(Self::At)
                .ok_or_else(|| "too far away".to_owned());
        }
        let expected = "expected a time with its offset (2026-11-21T06:00:00Z), \
                        a date (2026-11-21, from its midnight in UTC), or how long ago (24h, 7d)";
        text.parse().map(Self::Ago).map_err(|_: String| expected.to_owned())
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let too_far = || "too far away".to_owned();
        if let Ok(moment) = text.parse::<jiff::Timestamp>() {
            let time = timestamp(moment).ok_or_else(too_far)?;
            return Ok(Self { time, is_taken_for_utc: false });
        }
        // Parsing a civil time would also take an offset or a zone, and drop it; and a date alone,
        // which leaves open whether its day is meant to be in.
        let is_civil = text.len() > "2026-11-21T".len()
            && text
                .bytes()
                .skip("2026-11-21T".len())
                .all(|byte| byte.is_ascii_digit() || b":.".contains(&byte));
        match text.parse::<DateTime>() {
            Ok(civil) if is_civil => {
                let moment = civil.to_zoned(TimeZone::UTC).map_err(|_| too_far())?.timestamp();
                let time = timestamp(moment).ok_or_else(too_far)?;
                Ok(Self { time, is_taken_for_utc: true })
            }
            _ => Err("expected a time with its offset (2026-11-21T14:30:00+01:00), or one in UTC \
                      ('2026-11-21 14:30')"
                .to_owned()),
        }
    }
}

/// The time to the second, for people: `2026-11-21T06:00:00Z`.
pub(crate) fn short(time: Timestamp) -> String {
    let whole = Timestamp(time.seconds().saturating_mul(1_000_000_000));
    exact(whole)
}

/// The time to the last digit, for programs.
pub(crate) fn exact(time: Timestamp) -> String {
    // Every timestamp is far within what can be told.
    moment(time).map(|moment| moment.to_string()).unwrap_or_default()
}

fn moment(time: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_nanosecond(time.0.into()).ok()
}

fn timestamp(moment: jiff::Timestamp) -> Option<Timestamp> {
    i64::try_from(moment.as_nanosecond()).ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_240_800_123_456_789);

    fn since(text: &str) -> Result<String, String> {
        text.parse::<Since>().map(|since| exact(since.moment(NOW)))
    }

    #[test]
    fn a_moment_is_told_by_a_time_a_date_or_an_age() {
        assert_eq!(exact(NOW), "2026-11-21T06:00:00.123456789Z");
        assert_eq!(short(NOW), "2026-11-21T06:00:00Z");
        assert_eq!(since("2026-11-21T06:00:00+02:00").unwrap(), "2026-11-21T04:00:00Z");
        assert_eq!(since("2026-11-21").unwrap(), "2026-11-21T00:00:00Z");
        assert_eq!(since("24h").unwrap(), "2026-11-20T06:00:00.123456789Z");
        assert_eq!(since("7d").unwrap(), "2026-11-14T06:00:00.123456789Z");
        assert_eq!(since("9000y").unwrap(), exact(Timestamp(i64::MIN)));
    }

    #[test]
    fn a_time_without_its_offset_is_refused() {
        for text in ["2026-11-21T06:00:00", "2026-11-21 06:00", "yesterday", "", "-3d", "0s"] {
            assert!(since(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_point_in_time_may_do_without_its_offset_and_tells() {
        let moment = |text: &str| {
            let moment = text.parse::<Moment>()?;
            Ok::<_, String>((exact(moment.time), moment.is_taken_for_utc))
        };
        let half_past_two = "2026-11-21T14:30:00Z".to_owned();
        for text in ["2026-11-21 14:30", "2026-11-21T14:30", "2026-11-21 14:30:00"] {
            assert_eq!(moment(text), Ok((half_past_two.clone(), true)), "{text}");
        }
        for text in ["2026-11-21T14:30:00Z", "2026-11-21 15:30:00+01:00", "2026-11-21T15:30+01:00"]
        {
            assert_eq!(moment(text), Ok((half_past_two.clone(), false)), "{text}");
        }
        assert_eq!(
            moment("2026-11-21 14:30:00.123456789"),
            Ok(("2026-11-21T14:30:00.123456789Z".to_owned(), true))
        );
        for text in [
            "",
            "14:30",
            "2026-11-21",
            "2026-02-30 14:30",
            "2026-11-21 25:00",
            "now",
            "24h",
            "2026-11-21T14:30[Europe/Berlin]",
            "2026-11-21 14:30 ",
            "1500-01-01T00:00:00Z",
            "2026-11-21T14:30+99:00",
        ] {
            assert!(moment(text).is_err(), "{text}: {:?}", moment(text));
        }
    }

    #[test]
    fn an_age_leads_to_a_moment_to_come() {
        let age: Age = "30d".parse().unwrap();
        assert_eq!(exact(age.after(NOW).unwrap()), "2026-12-21T06:00:00.123456789Z");
        let endless: Age = "9000y".parse().unwrap();
        assert_eq!(endless.after(NOW), None);
        for text in ["", "30", "-1d", "0d", "soon"] {
            assert!(text.parse::<Age>().is_err(), "{text}");
        }
    }
}
