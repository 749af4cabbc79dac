//! What a backup did, for programs and for people.

use super::named;
use super::reading::{self, ReadingView};
use crate::output::Output;
use crate::snapshot_view::{CountsView, oddities, short_id};
use crate::table;
use icecore::backup::{BackupReport, History};
use serde::Serialize;
use utoipa::ToSchema;

/// What a backup did.
pub(super) struct Report<'a> {
    pub(super) backed_up: &'a BackupReport,
    /// Whether the snapshot was read back and found good; `None` if nobody asked.
    pub(super) verified: Option<bool>,
    /// Whether it was protected; `None` if nobody asked.
    pub(super) protected: Option<bool>,
    pub(super) seconds: f64,
}

/// What a backup did
#[derive(Serialize, ToSchema)]
#[schema(as = BackupResult)]
pub(crate) struct Summary<'a> {
    snapshot_id: String,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    found: Option<&'a str>,
    events_new: u64,
    #[serde(flatten)]
    counts: CountsView,
    #[serde(flatten)]
    reading: ReadingView<'a>,
    epoch: u64,
    history: &'static str,
    bytes_read: u64,
    bytes_stored: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    protected: Option<bool>,
    duration_s: f64,
}

impl Report<'_> {
    /// Prints it.
    pub(super) fn print(&self, output: &Output) {
        let snapshot = &self.backed_up.snapshot;
        if let History::Rewritten { events_before } = self.backed_up.history {
            let events = table::counted(events_before, "event", "events");
            let text =
                format!("the source no longer begins with the {events} of its last snapshot");
            let hint = format!(
                "this snapshot begins epoch {} of the source; those before keep what was there",
                snapshot.epoch
            );
            output.warn(&text, Some(&hint));
        }
        let streams = &self.backed_up.named;
        if output.is_json() {
            named::print_all(streams, output);
            output.summary(Summary {
                snapshot_id: snapshot.id.to_string(),
                source: &snapshot.source,
                found: self.backed_up.found.as_deref(),
                events_new: self.backed_up.events_new,
                counts: CountsView::new(snapshot),
                reading: ReadingView::new(&self.backed_up.reading),
                epoch: snapshot.epoch,
                history: match self.backed_up.history {
                    History::First => "first",
                    History::Continued => "continued",
                    History::Rewritten { .. } => "rewritten",
                },
                bytes_read: snapshot.bytes_read,
                bytes_stored: snapshot.bytes_stored,
                verified: self.verified,
                protected: self.protected,
                duration_s: self.seconds,
            });
            return;
        }
        output.report(format!("snapshot {} of {}", short_id(snapshot), snapshot.source));
        if let Some(found) = &self.backed_up.found {
            output.report(format!("  found: {found}"));
        }
        output.report(format!(
            "  {} in {}, {} new",
            table::counted(snapshot.counts.events, "event", "events"),
            table::counted(snapshot.counts.streams, "stream", "streams"),
            table::count(self.backed_up.events_new),
        ));
        output.report(format!(
            "  {} read, {} stored, {}",
            table::bytes(snapshot.bytes_read),
            table::bytes(snapshot.bytes_stored),
            table::duration(self.seconds),
        ));
        if let Some(text) = reading::told(&self.backed_up.reading) {
            output.report(format!("  {text}"));
        }
        named::report(streams, output);
        for oddity in oddities(snapshot) {
            output.report(format!("  note: {oddity}"));
        }
        if self.protected == Some(true) {
            output.report("  protected: it may not be forgotten");
        }
        if self.verified == Some(true) {
            output.report("  verified: all of it was read back and is what was backed up");
        }
        named::warn(streams, output);
    }
}
