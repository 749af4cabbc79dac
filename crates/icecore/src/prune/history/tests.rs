//! Tests of how old entries are.

use super::*;
use icecore_format::ledger::Entry;
use icecore_format::ledger::body::Abort;
use icecore_format::{Hash, KeyId};

const HOUR: Duration = Duration::from_hours(1);

fn hours(hours: i64) -> Timestamp {
    after(Timestamp(0), HOUR.saturating_mul(hours.unsigned_abs() as u32))
}

/// A ledger whose entries were written in these hours; void where there is none.
fn history(written: &[Option<i64>], now: i64) -> History {
    let log: Vec<LoggedEntry> =
        (0..).zip(written).map(|(number, hour)| logged(number, *hour)).collect();
    History::of(&log, hours(now))
}

fn logged(number: u64, hour: Option<i64>) -> LoggedEntry {
    let entry = Box::new(Entry {
        number,
        previous: Hash([0; 32]),
        author: KeyId([1; 16]),
        nonce: [0; 16],
        time: hours(hour.unwrap_or(1)),
        body: Abort { sessions: Vec::new(), floor: 0 }.into(),
    });
    let content = match hour {
        Some(_) => LoggedContent::Valid(entry),
        None => LoggedContent::Void { reason: "the test says so", entry: Some(entry) },
    };
    LoggedEntry { number, content, head: Hash([0; 32]) }
}

#[test]
fn an_entry_is_as_old_as_its_author_said() {
    let history = history(&[Some(10), Some(20)], 30);
    assert!(history.is_older(0, 20 * HOUR));
    assert!(!history.is_older(0, 21 * HOUR));
    assert!(history.is_older(1, 10 * HOUR));
    assert!(!history.is_older(2, Duration::ZERO), "there is no such entry");
    assert_eq!(history.first_younger(15 * HOUR), 1);
    assert_eq!(history.first_younger(Duration::ZERO), 2);
}

#[test]
fn a_clock_that_was_behind_makes_nothing_look_old() {
    let history = history(&[Some(20), Some(1)], 30);
    assert!(!history.is_older(1, 11 * HOUR));
    assert!(history.is_older(1, 10 * HOUR));
}

#[test]
fn a_clock_that_was_ahead_makes_nothing_look_young_but_its_own_entry() {
    let history = history(&[Some(10), Some(1000), Some(12)], 30);
    assert!(!history.is_older(1, HOUR));
    assert!(history.is_older(1, Duration::ZERO));
    assert!(history.is_older(2, 18 * HOUR));
    assert_eq!(history.first_younger(HOUR), 1);
}

#[test]
fn what_is_void_tells_no_time() {
    let history = history(&[Some(20), None, Some(20)], 30);
    assert!(!history.is_older(1, 11 * HOUR));
    assert!(!history.is_older(2, 11 * HOUR));
}
