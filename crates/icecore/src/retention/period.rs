//! Hours, days, weeks, months and years of a time zone.

use icecore_format::Timestamp;
use jiff::tz::TimeZone;

/// A part of the calendar of which one snapshot is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    /// An hour. Where a zone puts its clocks back, an hour that comes twice is two.
    Hour,
    /// A day.
    Day,
    /// A week, from Monday (ISO 8601).
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

impl Period {
    /// All of them, shortest first.
    pub const ALL: [Self; 5] = [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year];

    /// Which one a time is in, as a number that no other has.
    pub(super) fn of(self, time: Timestamp, zone: &TimeZone) -> i64 {
        let Ok(moment) = jiff::Timestamp::from_nanosecond(time.0.into()) else {
            // Every timestamp is far within what can be told.
            return time.0;
        };
        let zoned = moment.to_zoned(zone.clone());
        let date = zoned.date();
        let year = i64::from(date.year());
        match self {
            Self::Hour => {
                let local = moment.as_second() + i64::from(zoned.offset().seconds());
                // Whole hours by the wall, and which of two that have the same name.
                local.div_euclid(3600) * 64 + i64::from(zoned.offset().seconds()).div_euclid(3600)
            }
            Self::Day => year * 1000 + i64::from(date.day_of_year()),
            Self::Week => {
                let week = date.iso_week_date();
                i64::from(week.year()) * 100 + i64::from(week.week())
            }
            Self::Month => year * 100 + i64::from(date.month()),
            Self::Year => year,
        }
    }
}
