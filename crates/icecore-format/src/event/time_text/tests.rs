use super::{TimeStyle, ZONES, parse, put};
use crate::time::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

fn text(time: Timestamp, style: TimeStyle) -> String {
    let mut bytes = Vec::new();
    put(&mut bytes, time, style);
    String::from_utf8(bytes).unwrap()
}

fn styles() -> impl Iterator<Item = TimeStyle> {
    (0..=255).filter_map(TimeStyle::from_byte)
}

/// How another implementation of the calendar spells it.
fn oracle(time: Timestamp, style: TimeStyle) -> String {
    let moment = jiff::Timestamp::from_nanosecond(time.0.into()).unwrap();
    let civil = moment.to_zoned(TimeZone::UTC).datetime();
    let digits = usize::from(style.byte() & 15);
    let fraction = format!("{:09}", moment.as_nanosecond().rem_euclid(1_000_000_000));
    format!(
        "{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}{}{}{}",
        civil.year(),
        civil.month(),
        civil.day(),
        if style.byte() & 16 == 0 { 'T' } else { ' ' },
        civil.hour(),
        civil.minute(),
        civil.second(),
        if digits == 0 { "" } else { "." },
        &fraction[..digits],
        ZONES[usize::from(style.byte() >> 5)],
    )
}

/// The time as far as the style's digits go.
fn cut(time: Timestamp, style: TimeStyle) -> Timestamp {
    let unit = 10i64.pow(9 - u32::from(style.byte() & 15));
    Timestamp(time.0 - time.0.rem_euclid(unit))
}

#[test]
fn there_are_eighty_styles() {
    assert_eq!(styles().count(), 10 * 2 * 4);
    assert_eq!(TimeStyle::from_byte(6), Some(TimeStyle::MICROSECONDS));
    for wrong in [10, 15, 26, 0x80, 0x86, 0xff] {
        assert_eq!(TimeStyle::from_byte(wrong), None);
    }
}

#[test]
fn every_day_there_is_has_the_name_that_another_calendar_gives_it() {
    let style = TimeStyle::from_byte(0).unwrap();
    let first = i64::MIN / 86_400_000_000_000;
    let last = i64::MAX / 86_400_000_000_000;
    for day in first..=last {
        let time = Timestamp(day * 86_400_000_000_000);
        let spelled = text(time, style);
        assert_eq!(spelled, oracle(time, style));
        assert_eq!(parse(spelled.as_bytes()), Some((time, style)));
    }
}

#[test]
fn the_ends_of_time_are_spelled_as_they_are() {
    let style = TimeStyle::NANOSECONDS;
    for time in [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX].map(Timestamp) {
        assert_eq!(text(time, style), oracle(time, style));
    }
    let last = text(Timestamp(i64::MAX), style);
    assert_eq!(parse(last.as_bytes()), Some((Timestamp(i64::MAX), style)));
    assert_eq!(parse(b"2262-04-11T23:47:16.854775808Z"), None);
}

#[test]
fn what_would_come_back_otherwise_is_not_taken_for_a_time() {
    for wrong in [
        "",
        "2026-11-21",
        "2026-11-21T05:30",
        "2026-11-21T05:30:00.Z",
        "2026-11-21T05:30:00.1234567890Z",
        "2026-11-21T05:30:60Z",
        "2026-11-21T24:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-11-21t05:30:00Z",
        "2026-11-21T05:30:00z",
        "2026-11-21T05:30:00-00:00",
        "2026-11-21T05:30:00+01:00",
        "2026-11-21T05:30:00+0000",
        "2026-11-21T05:30:00 Z",
        " 2026-11-21T05:30:00Z",
        "+026-11-21T05:30:00Z",
        "1600-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "0000-00-00T00:00:00Z",
    ] {
        assert_eq!(parse(wrong.as_bytes()), None, "{wrong}");
    }
}

proptest! {
    #[test]
    fn any_time_is_spelled_as_another_calendar_spells_it(nanoseconds in any::<i64>()) {
        for style in styles() {
            let time = Timestamp(nanoseconds);
            prop_assert_eq!(text(time, style), oracle(time, style));
        }
    }

    #[test]
    fn a_time_comes_back_as_far_as_its_digits_go(nanoseconds in i64::MIN / 2..i64::MAX) {
        for style in styles() {
            let time = Timestamp(nanoseconds);
            let parsed = parse(text(time, style).as_bytes());
            prop_assert_eq!(parsed, Some((cut(time, style), style)));
        }
    }

    #[test]
    fn every_text_that_is_taken_for_a_time_comes_back(
        text_in in "(1[67]|19|20|22)[0-9]{2}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]\
            (\\.[0-9]{0,10})?(Z|\\+00:00|\\+00||z|-00:00|\\+01:00)",
    ) {
        if let Some((time, style)) = parse(text_in.as_bytes()) {
            prop_assert_eq!(text(time, style), text_in.clone());
            if text_in.ends_with('Z') {
                let moment: jiff::Timestamp = text_in.parse().unwrap();
                prop_assert_eq!(moment.as_nanosecond(), i128::from(time.0));
            }
        }
    }

    #[test]
    fn any_bytes_are_a_time_that_comes_back_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        if let Some((time, style)) = parse(&bytes) {
            prop_assert_eq!(text(time, style).into_bytes(), bytes);
        }
    }
}
