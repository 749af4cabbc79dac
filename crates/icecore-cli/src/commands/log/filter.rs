//! Which entries are asked for.

use super::entry::{content, host, snapshots};
use crate::arguments::parse_since;
use crate::error::CommandError;
use crate::times::Since;
use clap::builder::PossibleValuesParser;
use icecore::environment::{Clock as _, SystemClock};
use icecore::ledger::LoggedEntry;
use icecore_format::checkpoint::LedgerState;
use icecore_format::ledger::EntryBody;
use icecore_format::{SnapshotId, Timestamp};

/// What is said of the entries that are asked for.
#[derive(Debug, clap::Args)]
pub(super) struct FilterArguments {
    /// Only entries written since, by their authors' clocks: 2026-11-21T06:00:00Z, 2026-11-21, 24h, 7d
    #[arg(long, value_name = "TIME", value_parser = parse_since)]
    since: Option<Since>,
    /// Only entries of this kind; may be given again
    #[arg(long = "kind", value_name = "KIND", value_parser = PossibleValuesParser::new(EntryBody::LABELS))]
    kinds: Vec<String>,
    /// Only entries signed by this key: the beginning of its id
    #[arg(long, value_name = "KEY_ID")]
    key: Option<String>,
    /// Only entries that say this host
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Only entries about this snapshot: the beginning of its id
    #[arg(long, value_name = "SNAPSHOT")]
    snapshot: Option<String>,
    /// Only entries that change nothing
    #[arg(long)]
    void: bool,
}

/// Tells which entries are asked for.
pub(super) struct Filter<'a> {
    arguments: &'a FilterArguments,
    since: Option<Timestamp>,
    snapshot: Option<SnapshotId>,
}

impl<'a> Filter<'a> {
    pub(super) fn new(
        arguments: &'a FilterArguments,
        state: &LedgerState,
    ) -> Result<Self, CommandError> {
        let snapshot = match &arguments.snapshot {
            Some(name) => Some(icecore::snapshots::find_any(state, name)?.snapshot.id),
            None => None,
        };
        let since = arguments.since.map(|since| since.moment(SystemClock.now()));
        Ok(Self { arguments, since, snapshot })
    }

    /// Whether an entry is asked for. One that cannot be read is, unless something is asked about it.
    pub(super) fn wants(&self, logged: &LoggedEntry) -> bool {
        let asked = self.arguments;
        let (void, entry) = content(logged);
        if asked.void && void.is_none() {
            return false;
        }
        let Some(entry) = entry else {
            return self.since.is_none()
                && asked.kinds.is_empty()
                && asked.key.is_none()
                && asked.host.is_none()
                && self.snapshot.is_none();
        };
        let label = entry.body.label();
        self.since.is_none_or(|since| entry.time >= since)
            && (asked.kinds.is_empty() || asked.kinds.iter().any(|kind| kind == label))
            && asked.key.as_ref().is_none_or(|key| entry.author.to_string().starts_with(key))
            && asked.host.as_ref().is_none_or(|name| host(entry) == Some(name))
            && self.snapshot.is_none_or(|id| snapshots(entry).contains(&id))
    }
}
