//! How following goes: what was captured, what is durable, and how far that is behind.

use crate::commands::backup::told;
use crate::output::{self, Output};
use crate::table;
use crate::times;
use icecore::follow::{Flushed, FollowNews, Way};
use icecore::source::Reading;
use icecore_format::Timestamp;
use serde::Serialize;
use std::time::{Duration, Instant};

/// How often a person is told of flushes that went well.
const REPORT_PAUSE: Duration = Duration::from_mins(1);

const NANOSECONDS: f64 = 1e9;

/// How following goes.
#[derive(Debug)]
pub(super) struct Status {
    pub(super) source: String,
    /// Since this process began.
    pub(super) events: u64,
    pub(super) flushes: u64,
    pub(super) bytes: u64,
    pub(super) failures: u64,
    /// Whether the last try failed.
    pub(super) is_failing: bool,
    /// Whether the source tells what is new; `None` before that is known.
    pub(super) is_told: Option<bool>,
    /// When the newest event that was captured was recorded, and the newest that is durable.
    pub(super) newest_seen: Option<Timestamp>,
    pub(super) newest_durable: Option<Timestamp>,
    /// When it was last known that everything was durable, or some of it became so.
    pub(super) last_success: Option<Timestamp>,
    /// From when an event was committed, or recorded, to when it was durable: of the last flush, the
    /// one that waited longest.
    pub(super) lag_seconds: Option<f64>,
    told: Option<(Instant, u64, u64)>,
}

#[derive(Serialize)]
struct BegunLine<'a> {
    source: &'a str,
    base: String,
    events_before: u64,
    ended_another: bool,
}

#[derive(Serialize)]
struct WayLine<'a> {
    way: &'a str,
    detail: Option<&'a str>,
}

#[derive(Serialize)]
struct FlushLine {
    events: u64,
    bytes_stored: u64,
    newest_event: Option<String>,
    durable: String,
    lag_s: Option<f64>,
}

#[derive(Serialize)]
struct FailedLine {
    message: String,
    again_in_s: f64,
}

impl Status {
    pub(super) fn new(source: String) -> Self {
        Self {
            source,
            events: 0,
            flushes: 0,
            bytes: 0,
            failures: 0,
            is_failing: false,
            is_told: None,
            newest_seen: None,
            newest_durable: None,
            last_success: None,
            lag_seconds: None,
            told: None,
        }
    }

    /// Notes news, and tells of it.
    pub(super) fn note(&mut self, news: &FollowNews<'_>, output: &Output) {
        match news {
            FollowNews::BackedUp(report) => {
                let snapshot = &report.snapshot;
                if output.is_json() {
                    return;
                }
                output.report(format!(
                    "backed up {}: {} in snapshot {}",
                    self.source,
                    table::counted(snapshot.counts.events, "event", "events"),
                    short(&snapshot.id.to_string()),
                ));
            }
            FollowNews::Begun { base, events, ended_another } => {
                let base = base.to_string();
                if output.is_json() {
                    let (source, events_before) = (self.source.as_str(), *events);
                    let ended_another = *ended_another;
                    output
                        .message("begun", BegunLine { source, base, events_before, ended_another });
                    return;
                }
                output.report(format!(
                    "following {}: {} captured since snapshot {}",
                    self.source,
                    table::counted(*events, "event", "events"),
                    short(&base),
                ));
            }
            FollowNews::Way(way) => {
                self.is_told = Some(matches!(way, Way::Told(_)));
                tell_way(way, output);
            }
            FollowNews::Notice(notice) => output.warn(notice, None),
            FollowNews::Captured { newest, .. } => self.newest_seen = self.newest_seen.max(*newest),
            FollowNews::UpToDate { at } => {
                self.is_failing = false;
                self.last_success = Some(*at);
            }
            FollowNews::Flushed(flushed) => self.flushed(flushed, output),
            FollowNews::Lost(why) => {
                let text = told(&Reading::Whole((*why).clone())).unwrap_or_default();
                output.warn(&format!("{}: {text}", self.source), Some("it is backed up anew"));
            }
            FollowNews::Failed { error, pause } => {
                self.failures += 1;
                self.is_failing = true;
                let message = output::steps(*error).join(": ");
                if output.is_json() {
                    let again_in_s = pause.as_secs_f64();
                    output.message("failed", FailedLine { message, again_in_s });
                } else {
                    let hint = format!("tried again in {}", table::duration(pause.as_secs_f64()));
                    output.warn(&message, Some(&hint));
                }
            }
            _ => {}
        }
    }

    fn flushed(&mut self, flushed: &Flushed, output: &Output) {
        let Flushed { events, bytes, oldest, newest, durable, .. } = *flushed;
        self.is_failing = false;
        self.events += events;
        self.flushes += 1;
        self.bytes += bytes;
        self.newest_durable = self.newest_durable.max(newest);
        self.last_success = Some(durable);
        self.lag_seconds =
            oldest.map(|oldest| durable.0.saturating_sub(oldest.0) as f64 / NANOSECONDS);
        if output.is_json() {
            output.message(
                "flush",
                FlushLine {
                    events,
                    bytes_stored: bytes,
                    newest_event: newest.map(times::exact),
                    durable: times::exact(durable),
                    lag_s: self.lag_seconds,
                },
            );
            return;
        }
        let (last, events_before, flushes_before) =
            *self.told.get_or_insert_with(|| (Instant::now(), 0, 0));
        if self.flushes > 1 && last.elapsed() < REPORT_PAUSE {
            return;
        }
        self.told = Some((Instant::now(), self.events, self.flushes));
        let lag = self.lag_seconds.map(|lag| {
            format!(", durable at most {} after their commit", table::duration(lag.max(0.0)))
        });
        output.report(format!(
            "{} captured in {}{}",
            table::counted(self.events - events_before, "event", "events"),
            table::counted(self.flushes - flushes_before, "flush", "flushes"),
            lag.unwrap_or_default(),
        ));
    }
}

fn tell_way(way: &Way, output: &Output) {
    let (name, detail) = match way {
        Way::Told(by) => ("decoding", Some(by.as_str())),
        Way::Opening(why) => ("opening", why.as_deref()),
    };
    if output.is_json() {
        output.message("way", WayLine { way: name, detail });
        return;
    }
    output.report(match (way, detail) {
        (Way::Told(_), Some(by)) => format!("  new events come from {by}"),
        (_, Some(why)) => format!("  new events are looked for again and again, since {why}"),
        (_, None) => "  new events are looked for again and again".to_owned(),
    });
}

fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}
