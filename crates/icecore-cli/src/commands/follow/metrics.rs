//! What monitoring needs to know of a follower, in a file that a collector of text files reads.
//!
//! The file is replaced, never written in place, so nobody reads half of it.
//!
//! Source of the format: Prometheus, "Text-based format".

use super::status::Status;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Least time between two writes, unless something began to fail or to go well.
const PAUSE: Duration = Duration::from_secs(1);

/// A file of metrics.
#[derive(Debug)]
pub(super) struct Metrics {
    path: PathBuf,
    last: Option<(Instant, bool)>,
}

impl Metrics {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, last: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes what `status` says, unless that was just done.
    pub(super) fn write(&mut self, status: &Status) -> io::Result<()> {
        let is_fresh = |(at, was_failing): (Instant, bool)| {
            at.elapsed() < PAUSE && was_failing == status.is_failing
        };
        if self.last.is_some_and(is_fresh) {
            return Ok(());
        }
        self.last = Some((Instant::now(), status.is_failing));
        self.replace(status)
    }

    /// Writes what `status` says, whenever that was done last.
    pub(super) fn replace(&self, status: &Status) -> io::Result<()> {
        let temporary = self.path.with_extension("new");
        std::fs::write(&temporary, text(status))?;
        std::fs::rename(temporary, &self.path)
    }
}

/// The file's content.
fn text(status: &Status) -> String {
    let seconds = |time: icecore_format::Timestamp| time.0 as f64 / 1e9;
    let source = status.source.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
    let mut text = String::new();
    let mut put = |name: &str, kind: &str, help: &str, value: Option<f64>| {
        let Some(value) = value else { return };
        // Writing to a string does not fail.
        let _ = writeln!(text, "# HELP icecore_follow_{name} {help}");
        let _ = writeln!(text, "# TYPE icecore_follow_{name} {kind}");
        let _ = writeln!(text, "icecore_follow_{name}{{source=\"{source}\"}} {value}");
    };
    let count = |number: u64| Some(number as f64);
    put("events_total", "counter", "Events captured and durable.", count(status.events));
    put("flushes_total", "counter", "Flushes.", count(status.flushes));
    put("stored_bytes_total", "counter", "Bytes stored.", count(status.bytes));
    put("failures_total", "counter", "Tries that failed.", count(status.failures));
    let failing = f64::from(u8::from(status.is_failing));
    put("failing", "gauge", "Whether the last try failed.", Some(failing));
    put(
        "decoding",
        "gauge",
        "Whether the server decodes what is new, and it is not looked for again and again.",
        status.is_told.map(|is_told| f64::from(u8::from(is_told))),
    );
    let seen = status.newest_seen.map(seconds);
    put(
        "newest_seen_timestamp_seconds",
        "gauge",
        "When the newest captured event was committed or recorded.",
        seen,
    );
    let durable = status.newest_durable.map(seconds);
    put(
        "newest_durable_timestamp_seconds",
        "gauge",
        "When the newest durable event was committed or recorded.",
        durable,
    );
    let behind = seen.zip(durable).map(|(seen, durable)| seen - durable);
    put(
        "behind_seconds",
        "gauge",
        "From the newest durable event to the newest captured one.",
        behind,
    );
    put(
        "lag_seconds",
        "gauge",
        "From the first commit of the last flush to when it was durable.",
        status.lag_seconds,
    );
    put(
        "last_success_timestamp_seconds",
        "gauge",
        "When everything that the source had was last known to be durable, or some of it became so.",
        status.last_success.map(seconds),
    );
    text
}
