//! What the ledger is told of a drill.

use super::proof::Proof;
use super::target::Kind;
use crate::event_store::host;
use icecore::recover::{RecoverRequest, RecoveryPoint, State};
use icecore_format::Timestamp;
use icecore_format::ledger::body::{DrillCheck, DrillPoint, Drilled};

/// What the ledger is told.
pub(super) fn drilled(
    proof: &Proof,
    request: &RecoverRequest,
    name: &str,
    kind: Kind,
    started: Timestamp,
) -> Drilled {
    let report = proof.report.as_ref();
    let state = report.map(|report| &report.plan.state);
    let cut = report.and_then(|report| report.plan.cut.as_deref());
    let (reached_time, reached_position) = match (cut, state) {
        (Some(cut), _) => {
            let newest = cut.newest.as_ref();
            (newest.and_then(|mark| mark.time), newest.and_then(|mark| mark.position))
        }
        (None, Some(State { snapshot, .. })) => {
            (snapshot.counts.last_time, snapshot.counts.last_position)
        }
        (None, None) => (None, None),
    };
    let source_kind = request.states.last().map(|state| state.snapshot.source_kind.clone());
    let made = proof.checks.iter().filter(|check| check.outcome.is_made());
    Drilled {
        source: name.to_owned(),
        source_kind: source_kind.unwrap_or_default(),
        host: host(),
        target_kind: kind.name().to_owned(),
        started,
        point: match &request.point {
            RecoveryPoint::Latest => DrillPoint::Latest,
            RecoveryPoint::Time(time) => DrillPoint::Time(*time),
            RecoveryPoint::CommitTime(time) => DrillPoint::CommitTime(*time),
            RecoveryPoint::Position(position) => DrillPoint::Position(*position),
            RecoveryPoint::Event(_) => DrillPoint::Event,
            RecoveryPoint::Version { .. } => DrillPoint::Version,
        },
        reached_time,
        reached_position,
        snapshot: state.map(|state| state.snapshot.id),
        has_tail: state.is_some_and(State::has_tail),
        events: report.map_or(0, |report| report.restored.events_restored),
        streams: report.map_or(0, |report| report.restored.streams_restored),
        checks: made
            .map(|check| DrillCheck {
                name: check.name.to_owned(),
                passed: !check.outcome.is_failed(),
            })
            .collect(),
        nanoseconds_taken: (proof.seconds * 1e9) as u64,
        nanoseconds_distance: report.map_or(0, |report| report.plan.distance.max(0) as u64),
    }
}
