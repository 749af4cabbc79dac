//! The objects of a lease: what they are called, and what they say of their holder.
//!
//! What another process wrote is shown to people, so it is short and of plain characters, whatever the
//! storage gives.
//!
//! Format: docs/format.md, "Leases".

use std::fmt;
use std::time::Duration;

use crate::{LEASE_PREFIX, ObjectName};

/// The largest record that is read.
pub(super) const RECORD_BYTES_MAX: u64 = 1 << 10;

/// The first line of every record.
const VERSION: &str = "icecore-lease-1";

/// The longest time that another's record may make anybody wait.
const EXPIRY_MAX: Duration = Duration::from_hours(1);

/// What is told of a holder of whom nothing is known.
const UNKNOWN: &str = "unknown";

/// The longest of what is told.
const TEXT_BYTES_MAX: usize = 200;

/// Who holds a lease, in words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseHolder {
    /// The machine.
    pub host: String,
    /// The process of that machine, and what it is about.
    pub process: String,
    /// Since when it runs, by its own clock.
    pub since: String,
}

impl Default for LeaseHolder {
    fn default() -> Self {
        let unknown = || UNKNOWN.to_owned();
        Self { host: unknown(), process: unknown(), since: unknown() }
    }
}

impl fmt::Display for LeaseHolder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, process, since } = self;
        write!(formatter, "process {process} on {host}, since {since},")
    }
}

impl LeaseHolder {
    /// What an object of the lease has in it.
    pub(super) fn record(&self, expiry: Duration) -> Vec<u8> {
        let seconds = expiry.as_secs_f64();
        let [host, process, since] = [&self.host, &self.process, &self.since].map(|it| plain(it));
        format!(
            "{VERSION}\nhost {host}\nprocess {process}\nsince {since}\nexpiry-seconds {seconds}\n"
        )
        .into_bytes()
    }

    /// What an object of a lease says, and after which time its holder may be taken for dead, if it
    /// says so. What cannot be read is unknown.
    pub(super) fn read(record: &[u8]) -> (Self, Option<Duration>) {
        let text = String::from_utf8_lossy(record);
        let mut lines = text.lines();
        let mut holder = Self::default();
        if lines.next() != Some(VERSION) {
            return (holder, None);
        }
        let mut expiry = None;
        for line in lines {
            match line.split_once(' ') {
                Some(("host", host)) => holder.host = plain(host),
                Some(("process", process)) => holder.process = plain(process),
                Some(("since", since)) => holder.since = plain(since),
                Some(("expiry-seconds", seconds)) => {
                    let parsed = seconds.parse().ok().map(Duration::try_from_secs_f64);
                    expiry = parsed.and_then(Result::ok).map(|it: Duration| it.min(EXPIRY_MAX));
                }
                _ => {}
            }
        }
        (holder, expiry)
    }
}

fn plain(text: &str) -> String {
    let mut plain: String = text.chars().filter(|it| !it.is_control()).collect();
    let mut end = plain.len().min(TEXT_BYTES_MAX);
    while !plain.is_char_boundary(end) {
        end -= 1;
    }
    plain.truncate(end);
    plain
}

/// The name of an object of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LeaseName {
    /// Who put it: a number by chance, new for each try.
    pub(super) owner: u128,
    /// Which renewal it is; none where the owner gave the lease back and could not remove it.
    pub(super) number: Option<u64>,
}

impl LeaseName {
    pub(super) fn renewal(owner: u128, number: u64) -> Self {
        Self { owner, number: Some(number) }
    }

    pub(super) fn end(owner: u128) -> Self {
        Self { owner, number: None }
    }

    pub(super) fn object_name(self) -> ObjectName {
        let Self { owner, number } = self;
        let name = match number {
            Some(number) => format!("{LEASE_PREFIX}{owner:032x}-{number:020}"),
            None => format!("{LEASE_PREFIX}{owner:032x}-end"),
        };
        name.try_into().expect("it consists of digits and hyphens")
    }

    /// The name, if it is one.
    pub(super) fn of(name: &ObjectName) -> Option<Self> {
        let (owner, number) = name.as_str().strip_prefix(LEASE_PREFIX)?.split_once('-')?;
        let owner = u128::from_str_radix(owner, 16).ok()?;
        let number = if number == "end" { None } else { Some(number.parse().ok()?) };
        let found = Self { owner, number };
        (found.object_name() == *name).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_who_holds_the_lease() {
        let holder = LeaseHolder {
            host: "db-1".to_owned(),
            process: "4711 (icecore backup)".to_owned(),
            since: "2026-11-22T03:00:00Z".to_owned(),
        };
        let (read, expiry) = LeaseHolder::read(&holder.record(Duration::from_millis(1500)));
        assert_eq!((&read, expiry), (&holder, Some(Duration::from_millis(1500))));
        assert_eq!(
            read.to_string(),
            "process 4711 (icecore backup) on db-1, since 2026-11-22T03:00:00Z,"
        );
    }

    #[test]
    fn what_is_no_record_is_of_somebody_unknown_and_commands_no_terminal() {
        for odd in [&b""[..], b"\xff\xff", b"icecore-lease-2\nhost a\n"] {
            assert_eq!(LeaseHolder::read(odd), (LeaseHolder::default(), None));
        }
        let odd = b"icecore-lease-1\nhost \x1b[2Ja\nexpiry-seconds 1e99\nprocess\n";
        let (holder, expiry) = LeaseHolder::read(odd);
        assert_eq!((holder.host.as_str(), holder.process.as_str()), ("[2Ja", UNKNOWN));
        assert_eq!(expiry, None);
        let long = format!("icecore-lease-1\nhost {}\nexpiry-seconds 99999\n", "ä".repeat(500));
        let (holder, expiry) = LeaseHolder::read(long.as_bytes());
        assert_eq!((holder.host.len(), expiry), (TEXT_BYTES_MAX, Some(EXPIRY_MAX)));
    }

    #[test]
    fn a_name_tells_the_owner_and_the_renewal() {
        for name in [LeaseName::renewal(u128::MAX, 7), LeaseName::end(1)] {
            assert_eq!(LeaseName::of(&name.object_name()), Some(name));
        }
        for other in ["lease/x-1", "lease/1-2", "config", "lease/a"] {
            assert_eq!(LeaseName::of(&other.parse().unwrap()), None, "{other}");
        }
    }
}
