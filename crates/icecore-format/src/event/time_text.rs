//! Times as text: RFC 3339 and its near relatives, each spelling with a style of its own, so that
//! a time kept as a number comes back as it was written.
//!
//! Format: docs/format.md, "Time styles". Sources: RFC 3339; the calendar arithmetic is that of
//! <https://howardhinnant.github.io/date_algorithms.html>.

use crate::time::Timestamp;

/// How a UTC time is spelled: bits 0 to 3 the fractional digits (0 to 9), bit 4 a space instead
/// of `T`, bits 5 and 6 the zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeStyle(u8);

const SPACE: u8 = 1 << 4;
const ZONES: [&str; 4] = ["Z", "+00:00", "+00", ""];

impl TimeStyle {
    /// `2026-11-21T05:30:00.123456Z`: what we write ourselves.
    pub const MICROSECONDS: Self = Self(6);

    /// The same with nine digits, where six would cut something off.
    pub const NANOSECONDS: Self = Self(9);

    /// The style with this number.
    pub fn from_byte(byte: u8) -> Option<Self> {
        (byte & 0x80 == 0 && byte & 0x0f <= 9).then_some(Self(byte))
    }

    /// The style's number.
    pub fn byte(self) -> u8 {
        self.0
    }

    /// The least difference of two times in this style, in nanoseconds.
    pub fn unit(self) -> i64 {
        10i64.pow(9 - u32::from(self.0 & 0x0f))
    }
}

/// Longest text of a time, in bytes.
pub const BYTES_MAX: usize = 35;

/// Appends `time` in `style`; digits beyond the style's are cut off.
pub fn put(bytes: &mut Vec<u8>, time: Timestamp, style: TimeStyle) {
    let mut text = [0; BYTES_MAX];
    let length = spell(&mut text, time, style);
    bytes.extend_from_slice(&text[..length]);
}

/// Writes to `text` what [`put`] appends, and returns its length.
pub fn spell(text: &mut [u8; BYTES_MAX], time: Timestamp, style: TimeStyle) -> usize {
    let seconds = time.seconds();
    let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
    let second_of_day = seconds.rem_euclid(86_400) as u32;
    let between = if style.0 & SPACE == 0 { b'T' } else { b' ' };
    text[..19].copy_from_slice(&[
        digit(year / 1000),
        digit(year / 100),
        digit(year / 10),
        digit(year),
        b'-',
        digit(month / 10),
        digit(month),
        b'-',
        digit(day / 10),
        digit(day),
        between,
        digit(second_of_day / 36_000),
        digit(second_of_day / 3600),
        b':',
        digit(second_of_day / 600 % 6),
        digit(second_of_day / 60),
        b':',
        digit(second_of_day / 10 % 6),
        digit(second_of_day),
    ]);
    let mut length = 19;
    let digits = usize::from(style.0 & 0x0f);
    if digits > 0 {
        text[length] = b'.';
        let mut fraction = time.subsecond_nanoseconds() / 10u32.pow(9 - digits as u32);
        for place in text[length + 1..=length + digits].iter_mut().rev() {
            *place = digit(fraction);
            fraction /= 10;
        }
        length += 1 + digits;
    }
    let zone = ZONES[usize::from(style.0 >> 5)].as_bytes();
    text[length..length + zone.len()].copy_from_slice(zone);
    length + zone.len()
}

/// The last decimal digit of a number.
fn digit(number: u32) -> u8 {
    b'0' + (number % 10) as u8
}

/// The moment that `text` spells and its style; `None` if [`put`] would not spell it just so.
pub fn parse(text: &[u8]) -> Option<(Timestamp, TimeStyle)> {
    let (date, rest) = text.split_at_checked(19)?;
    let number = |from: usize, to: usize| parse_digits(date.get(from..to)?);
    let separators = [date[4], date[7], date[13], date[16]];
    if separators != *b"--::" || !matches!(date[10], b'T' | b' ') {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let (digits, zone) = match rest.split_first() {
        Some((b'.', fraction)) => {
            let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            fraction.split_at(length)
        }
        _ => rest.split_at(0),
    };
    if digits.len() > 9 || (digits.is_empty() && rest.first() == Some(&b'.')) {
        return None;
    }
    let zone = ZONES.iter().position(|spelling| spelling.as_bytes() == zone)? as u8;
    if !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    if !(1..=days_in_month(year, month)).contains(&day) {
        return None;
    }
    let days = days_from_civil(i64::from(year), month, day);
    let fraction = if digits.is_empty() {
        0
    } else {
        parse_digits(digits)? * 10u32.pow(9 - digits.len() as u32)
    };
    let seconds = days * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    let nanoseconds = seconds.checked_mul(1_000_000_000)?.checked_add(i64::from(fraction))?;
    let space = if date[10] == b' ' { SPACE } else { 0 };
    Some((Timestamp(nanoseconds), TimeStyle(zone << 5 | space | digits.len() as u8)))
}

/// Up to nine digits.
fn parse_digits(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| {
        digit.is_ascii_digit().then(|| value * 10 + u32::from(digit - b'0'))
    })
}

/// Days from 1970-01-01 to this one, of any year; that before 1 is 0.
pub fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn days_in_month(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Year, month and day of the day so many days after 1970-01-01, which must not be before the year 0,
/// where the calculation begins: no [`Timestamp`] is.
pub fn civil_from_days(days: i64) -> (u32, u32, u32) {
    let days = (days + 719_468) as u32;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u32::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests;
