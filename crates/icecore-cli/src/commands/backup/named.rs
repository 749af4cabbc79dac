//! What became of the streams that were chosen by their ids, for programs and for people.

use crate::output::Output;
use crate::table;
use icecore::backup::{NamedStream, StreamOutcome};
use serde::Serialize;

/// Most streams that a person is told of one by one.
const SHOWN_MAX: usize = 20;

/// A stream, as programs see it.
#[derive(Debug, Default, Serialize)]
struct StreamView<'a> {
    stream_id: &'a str,
    outcome: &'static str,
    events: u64,
    first_version: Option<u64>,
    last_version: Option<u64>,
    reason: Option<&'a str>,
}

impl<'a> StreamView<'a> {
    fn new(named: &'a NamedStream) -> Self {
        let view = Self { stream_id: &named.stream, ..Self::default() };
        match &named.outcome {
            StreamOutcome::BackedUp { events, first_version, last_version } => Self {
                outcome: "backed_up",
                events: *events,
                first_version: Some(*first_version),
                last_version: Some(*last_version),
                ..view
            },
            StreamOutcome::Missing => Self { outcome: "missing", ..view },
            StreamOutcome::LeftOut { reason } => {
                Self { outcome: "left_out", reason: Some(reason), ..view }
            }
        }
    }
}

/// How many of them the snapshot has nothing of.
pub(super) fn absent(named: &[NamedStream]) -> u64 {
    named.iter().filter(|named| problem(named).is_some()).count() as u64
}

/// Prints all of them, for a program.
pub(super) fn print_all(named: &[NamedStream], output: &Output) {
    for stream in named {
        output.message("stream", StreamView::new(stream));
        if output.is_closed() {
            return;
        }
    }
}

/// Prints those that were backed up, for a person.
pub(super) fn report(named: &[NamedStream], output: &Output) {
    for line in told(named) {
        output.report(line);
    }
}

/// Warns of those that were not, for a person.
pub(super) fn warn(named: &[NamedStream], output: &Output) {
    for warning in warnings(named) {
        output.warn(&warning, None);
    }
}

fn told(named: &[NamedStream]) -> Vec<String> {
    let there = named.iter().filter_map(|named| match named.outcome {
        StreamOutcome::BackedUp { events, first_version, last_version } => Some(format!(
            "  {}: {}, versions {first_version} to {last_version}",
            named.stream,
            table::counted(events, "event", "events"),
        )),
        StreamOutcome::Missing | StreamOutcome::LeftOut { .. } => None,
    });
    let there: Vec<String> = there.collect();
    if there.len() <= SHOWN_MAX {
        return there;
    }
    let (found, chosen) = (table::count(there.len() as u64), table::count(named.len() as u64));
    vec![format!("  of {chosen} streams that were chosen by their ids it has {found}")]
}

fn warnings(named: &[NamedStream]) -> Vec<String> {
    let mut warnings: Vec<String> = named.iter().filter_map(problem).collect();
    let more = warnings.len().saturating_sub(SHOWN_MAX);
    if more > 0 {
        warnings.truncate(SHOWN_MAX);
        let more = table::counted(more as u64, "more stream", "more streams");
        warnings.push(format!("the snapshot lacks {more}; --json names all"));
    }
    warnings
}

fn problem(named: &NamedStream) -> Option<String> {
    let stream = &named.stream;
    match &named.outcome {
        StreamOutcome::BackedUp { .. } => None,
        StreamOutcome::Missing => Some(format!("the source has no stream '{stream}'")),
        StreamOutcome::LeftOut { reason } => {
            Some(format!("the stream '{stream}' was left out: {reason}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn streams(there: usize, missing: usize) -> Vec<NamedStream> {
        let found = StreamOutcome::BackedUp { events: 3, first_version: 1, last_version: 4 };
        let there = (0..there).map(|number| (format!("order-{number}"), found.clone()));
        let missing = (0..missing).map(|number| (format!("user-{number}"), StreamOutcome::Missing));
        let streams = there.chain(missing);
        streams.map(|(stream, outcome)| NamedStream { stream, outcome }).collect()
    }

    #[test]
    fn a_person_is_told_of_few_streams_one_by_one_and_of_many_together() {
        let mut few = streams(1, 1);
        let reason = "its time is no time".to_owned();
        let outcome = StreamOutcome::LeftOut { reason };
        few.push(NamedStream { stream: "x".to_owned(), outcome });
        assert_eq!(told(&few), ["  order-0: 3 events, versions 1 to 4"]);
        assert_eq!(
            warnings(&few),
            [
                "the source has no stream 'user-0'",
                "the stream 'x' was left out: its time is no time"
            ]
        );
        assert_eq!(absent(&few), 2);
        let many = streams(30, 25);
        assert_eq!(told(&many), ["  of 55 streams that were chosen by their ids it has 30"]);
        let warnings = warnings(&many);
        assert_eq!(warnings.len(), 21);
        assert_eq!(warnings[20], "the snapshot lacks 5 more streams; --json names all");
        assert_eq!(absent(&many), 25);
    }

    #[test]
    fn a_program_is_told_of_each() {
        let views: Vec<_> =
            streams(1, 1).iter().map(|stream| json!(StreamView::new(stream))).collect();
        assert_eq!(views[0]["outcome"], "backed_up");
        assert_eq!(views[0]["last_version"], 4);
        assert_eq!(
            views[1],
            json!({
                "stream_id": "user-0", "outcome": "missing", "events": 0,
                "first_version": null, "last_version": null, "reason": null,
            })
        );
    }
}
