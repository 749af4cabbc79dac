//! What a recovery did, or would do, for programs and for people.

use super::objectives::{Objectives, Outcome};
use crate::commands::restore::{list_streams, print_streams, print_verified};
use crate::output::Output;
use crate::snapshot_view::short_id;
use crate::{table, times};
use icecore::recover::{EventMark, RecoverPlan, RecoverReport, RecoveryPoint};
use icecore::restore::RestorePlan;
use icecore_format::snapshot::Snapshot;
use serde::Serialize;
use utoipa::ToSchema;

/// What there is to say whatever happened.
pub(crate) struct Report<'a> {
    pub(crate) source: &'a str,
    pub(crate) target: &'a str,
    pub(crate) point: &'a RecoveryPoint,
    pub(crate) is_taken_for_utc: bool,
    pub(crate) objectives: &'a Objectives,
    pub(crate) output: &'a Output,
}

/// How the point was had
#[derive(Serialize, ToSchema)]
#[schema(as = Recovered)]
pub(crate) struct PlanView<'a> {
    source: &'a str,
    target: &'a str,
    point: PointView<'a>,
    /// The snapshot that was cut.
    snapshot_id: String,
    snapshot_time: String,
    epoch: u64,
    exact: bool,
    rewritten_since: Option<String>,
    newest_epoch: u64,
    events_left_out: u64,
    events_moved: u64,
    newest_event: Option<MarkView<'a>>,
    first_left_out: Option<MarkView<'a>>,
    distance_s: f64,
    rpo_s: Option<f64>,
    rpo_met: Option<bool>,
}

/// The point that was asked for
#[derive(Serialize, ToSchema)]
#[schema(as = RecoveryPoint)]
struct PointView<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    taken_for_utc: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    position: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    event_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    stream_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    version: Option<u64>,
}

/// An event
#[derive(Serialize, ToSchema)]
#[schema(as = EventMark)]
struct MarkView<'a> {
    stream_id: &'a str,
    version: u64,
    event_type: &'a str,
    event_id: Option<&'a str>,
    time: Option<String>,
    position: Option<u64>,
}

/// What a recovery did
#[derive(Serialize, ToSchema)]
#[schema(as = RecoverResult)]
pub(crate) struct Summary<'a> {
    #[serde(flatten)]
    plan: PlanView<'a>,
    events_restored: u64,
    streams_restored: u64,
    bytes_written: u64,
    verified: bool,
    resolve_s: f64,
    restore_s: f64,
    verify_s: f64,
    duration_s: f64,
    rto_s: Option<f64>,
    rto_met: Option<bool>,
    notes: &'a [String],
}

/// What a recovery would do
#[derive(Serialize, ToSchema)]
#[schema(as = RecoverPlan)]
pub(crate) struct PlanSummary<'a> {
    #[serde(flatten)]
    plan: PlanView<'a>,
    dry_run: bool,
    events: u64,
    streams: u64,
    bytes_to_read: u64,
}

impl Report<'_> {
    /// Tells what would be done.
    pub(crate) fn print_plan(&self, plan: &RecoverPlan, restore: &RestorePlan) {
        let RestorePlan { events, streams, record_bytes, .. } = *restore;
        if self.output.is_json() {
            let (plan, dry_run, bytes_to_read) = (self.plan(plan), true, record_bytes);
            let summary = PlanSummary { plan, dry_run, events, streams, bytes_to_read };
            self.output.summary(summary);
            return;
        }
        self.output.line(format!(
            "would recover {} to {} in {}: {} of {}, reading {}",
            self.source,
            self.point_text(),
            self.target,
            table::counted(events, "event", "events"),
            table::counted(streams, "stream", "streams"),
            table::bytes(record_bytes),
        ));
        for line in self.plan_lines(plan) {
            self.output.line(format!("  {line}"));
        }
    }

    /// Tells what was done.
    pub(crate) fn print(&self, report: &RecoverReport, seconds: f64) {
        let restored = &report.restored;
        let written = &restored.written;
        let phases =
            [report.resolve_nanoseconds, restored.copy_nanoseconds, restored.complete_nanoseconds];
        let [resolve_s, restore_s, verify_s] = phases.map(in_seconds);
        let time = self.objectives.time(seconds);
        if self.output.is_json() {
            list_streams(&restored.streams, self.output);
            let summary = Summary {
                plan: self.plan(&report.plan),
                events_restored: restored.events_restored,
                streams_restored: restored.streams_restored,
                bytes_written: written.bytes,
                verified: written.verified.is_some(),
                resolve_s,
                restore_s,
                verify_s,
                duration_s: seconds,
                rto_s: time.map(|time| time.allowed),
                rto_met: time.map(Outcome::is_met),
                notes: &written.notes,
            };
            self.output.summary(summary);
            return;
        }
        let (source, target) = (self.source, self.target);
        self.output.report(format!("recovered {source} to {} in {target}", self.point_text()));
        self.output.report(format!(
            "  {} in {}, {} written, {} (finding the point {}, copying {}, completing {})",
            table::counted(restored.events_restored, "event", "events"),
            table::counted(restored.streams_restored, "stream", "streams"),
            table::bytes(written.bytes),
            table::duration(seconds),
            table::duration(resolve_s),
            table::duration(restore_s),
            table::duration(verify_s),
        ));
        for line in self.plan_lines(&report.plan) {
            self.output.report(format!("  {line}"));
        }
        if let Some(time) = time {
            self.output.report(format!("  {}", objective("--rto", "it took", time)));
        }
        print_streams(&restored.streams, self.output);
        print_verified(written, self.output);
    }

    /// How the point was had.
    pub(crate) fn plan<'a>(&'a self, plan: &'a RecoverPlan) -> PlanView<'a> {
        let cut = plan.cut.as_deref();
        let snapshot = &plan.state.snapshot;
        let distance_s = in_seconds(plan.distance);
        let point = self.objectives.point(distance_s);
        let before = plan.before.as_ref().filter(|_| plan.is_rewritten());
        PlanView {
            source: self.source,
            target: self.target,
            point: self.point_view(),
            snapshot_id: snapshot.id.to_string(),
            snapshot_time: times::exact(snapshot.started),
            epoch: plan.state.epoch(),
            exact: plan.is_exact,
            rewritten_since: before.map(|before| before.snapshot.id.to_string()),
            newest_epoch: plan.newest.epoch(),
            events_left_out: cut.map_or(0, |cut| cut.left_out),
            events_moved: cut.map_or(0, |cut| cut.moved),
            newest_event: cut.and_then(|cut| cut.newest.as_ref()).map(MarkView::new),
            first_left_out: cut.and_then(|cut| cut.first_out.as_ref()).map(MarkView::new),
            distance_s,
            rpo_s: point.map(|point| point.allowed),
            rpo_met: point.map(Outcome::is_met),
        }
    }

    fn point_view(&self) -> PointView<'_> {
        let mut view = PointView {
            kind: "latest",
            time: None,
            taken_for_utc: None,
            position: None,
            event_id: None,
            stream_id: None,
            version: None,
        };
        match self.point {
            RecoveryPoint::Latest => {}
            RecoveryPoint::Time(time) | RecoveryPoint::CommitTime(time) => {
                let is_commit = matches!(self.point, RecoveryPoint::CommitTime(_));
                view.kind = if is_commit { "commit_time" } else { "time" };
                view.time = Some(times::exact(*time));
                view.taken_for_utc = Some(self.is_taken_for_utc);
            }
            RecoveryPoint::Position(position) => {
                (view.kind, view.position) = ("position", Some(*position));
            }
            RecoveryPoint::Event(id) => (view.kind, view.event_id) = ("event", Some(id.as_str())),
            RecoveryPoint::Version { stream, version } => {
                (view.kind, view.stream_id, view.version) =
                    ("version", Some(stream.as_str()), Some(*version));
            }
        }
        view
    }

    /// The point, in words.
    pub(crate) fn point_text(&self) -> String {
        match self.point {
            RecoveryPoint::Latest => "the latest".to_owned(),
            RecoveryPoint::Time(time) | RecoveryPoint::CommitTime(time) => {
                let note = if self.is_taken_for_utc { " (taken for UTC)" } else { "" };
                format!("{}{note}", times::exact(*time))
            }
            RecoveryPoint::Position(position) => format!("position {position}"),
            RecoveryPoint::Event(id) => format!("event {id}"),
            RecoveryPoint::Version { stream, version } => {
                format!("version {version} of {stream}")
            }
        }
    }

    /// What there is to say of how the point was had.
    pub(crate) fn plan_lines(&self, plan: &RecoverPlan) -> Vec<String> {
        let mut lines = Vec::new();
        let snapshot = &plan.state.snapshot;
        if let Some(cut) = plan.cut.as_deref() {
            lines.extend(cut.newest.as_ref().map(|mark| format!("newest event: {}", named(mark))));
            lines.extend(cut.first_out.as_ref().map(|mark| {
                let left_out = table::counted(cut.left_out, "event", "events");
                format!("left out: {left_out}, the first is {}", named(mark))
            }));
            if cut.moved > 0 {
                let (one, several) = (
                    "event is not beyond the point: it follows",
                    "events are not beyond the point: they follow",
                );
                lines.push(format!(
                    "of these, {} what is left out of its stream, or was one transaction with it",
                    table::counted(cut.moved, one, several),
                ));
            }
        }
        let cut_from = format!("from snapshot {} of {}", short_id(snapshot), at(snapshot));
        lines.push(if plan.is_exact {
            format!("exact: {cut_from}, all of it")
        } else {
            format!(
                "derived: cut {cut_from}; what was deleted or changed since the point is not there, \
                 or not as it was"
            )
        });
        let before = plan.before.as_ref();
        if let Some(before) = before.filter(|it| plan.is_rewritten() && it.has_tail()) {
            lines.push(format!(
                "after {} the source could not be gone on from, and what was captured until then may be \
                 gone or changed in that one; --to-time {0} has it as it was",
                times::exact(before.moment()),
            ));
        } else if let Some(before) = before.filter(|_| plan.is_rewritten()) {
            lines.push(format!(
                "between snapshot {} of {} and that one, events were deleted or changed; --from {0} \
                 has them as they were",
                short_id(&before.snapshot),
                at(&before.snapshot),
            ));
        } else if let Some(before) = plan.before.as_ref().filter(|_| !plan.is_exact) {
            lines.push(format!(
                "nothing that snapshot {} of {} has was deleted or changed until then",
                short_id(&before.snapshot),
                at(&before.snapshot),
            ));
        }
        if plan.is_superseded() {
            lines.push(
                "later, events were deleted or changed; --from latest cuts what the newest snapshot \
                 has"
                    .to_owned(),
            );
        }
        if let Some(point) = self.objectives.point(in_seconds(plan.distance)) {
            lines.push(objective("--rpo", "what may be missing is of", point));
        }
        lines
    }
}

impl<'a> MarkView<'a> {
    fn new(mark: &'a EventMark) -> Self {
        Self {
            stream_id: &mark.stream,
            version: mark.version,
            event_type: &mark.event_type,
            event_id: mark.id.as_deref(),
            time: mark.time.map(times::exact),
            position: mark.position,
        }
    }
}

fn objective(option: &str, what: &str, outcome: Outcome) -> String {
    let met = if outcome.is_met() { "met" } else { "not met" };
    let [taken, allowed] = [outcome.taken, outcome.allowed].map(table::duration);
    format!("{option} {met}: {what} {taken}, and {allowed} are allowed")
}

fn named(mark: &EventMark) -> String {
    let EventMark { stream, version, time, position, .. } = mark;
    let time = time.map(|time| format!(", at {}", times::exact(time))).unwrap_or_default();
    let position = position.map(|position| format!(", position {position}")).unwrap_or_default();
    format!("version {version} of {stream}{time}{position}")
}

fn at(snapshot: &Snapshot) -> String {
    times::short(snapshot.started)
}

pub(crate) fn in_seconds(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / 1e9
}
