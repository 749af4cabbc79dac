//! The point that is asked for, on the command line.

use crate::arguments::parse_moment;
use crate::error::CommandError;
use crate::times::Moment;
use clap::Args;
use icecore::recover::RecoveryPoint;

/// The point: one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct PointArgument {
    /// Events that were recorded then or before: 2026-11-21T14:30:00+01:00, '2026-11-21 14:30' (UTC)
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    to_time: Option<Moment>,
    /// Transactions that were committed then or before, where that is known
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    to_commit_time: Option<Moment>,
    /// Events up to this global position
    #[arg(long, value_name = "POSITION")]
    to_position: Option<u64>,
    /// The event with this id, and all before it
    #[arg(long, value_name = "ID")]
    to_event: Option<String>,
    /// This version of this stream, and all events before it
    #[arg(long, value_name = "STREAM@VERSION")]
    to_version: Option<String>,
    /// All that the newest snapshot has
    #[arg(long)]
    latest: bool,
}

impl PointArgument {
    /// The point, and whether its time was taken for UTC.
    pub(crate) fn point(self) -> Result<(RecoveryPoint, bool), CommandError> {
        let Self { to_time, to_commit_time, to_position, to_event, to_version, latest: _ } = self;
        let time = to_time.or(to_commit_time);
        let is_taken_for_utc = time.is_some_and(|moment| moment.is_taken_for_utc);
        let point = match (to_time, to_commit_time, to_position, to_event, to_version) {
            (Some(moment), ..) => RecoveryPoint::Time(moment.time),
            (_, Some(moment), ..) => RecoveryPoint::CommitTime(moment.time),
            (_, _, Some(position), ..) => RecoveryPoint::Position(position),
            (_, _, _, Some(id), _) => RecoveryPoint::Event(id),
            (_, _, _, _, Some(text)) => version(&text)?,
            _ => RecoveryPoint::Latest,
        };
        Ok((point, is_taken_for_utc))
    }
}

/// Reads `STREAM@VERSION`. A stream's id may have an @ in it.
fn version(text: &str) -> Result<RecoveryPoint, CommandError> {
    let parts = text.rsplit_once('@').filter(|(stream, _)| !stream.is_empty());
    let parsed = parts.and_then(|(stream, version)| Some((stream, version.parse().ok()?)));
    let (stream, version) = parsed.ok_or_else(|| {
        let message =
            format!("'{text}' is no version of a stream: expected one such as order-17@3");
        CommandError::Usage(message)
    })?;
    Ok(RecoveryPoint::Version { stream: stream.to_owned(), version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_what_follows_the_last_at_sign() {
        let version = |text: &str| match super::version(text) {
            Ok(RecoveryPoint::Version { stream, version }) => Some((stream, version)),
            _ => None,
        };
        assert_eq!(version("order-17@3"), Some(("order-17".to_owned(), 3)));
        assert_eq!(version("ada@example.org@0"), Some(("ada@example.org".to_owned(), 0)));
        for text in ["order-17", "@3", "order-17@", "order-17@-1", "ada@example.org", ""] {
            assert_eq!(version(text), None, "{text}");
        }
    }
}
