//! Listing snapshots, and finding the one that is meant.

use icecore_format::SnapshotId;
use icecore_format::checkpoint::{LedgerState, SnapshotState, SnapshotStatus};

/// Shortest prefix of a snapshot's id that names it.
const PREFIX_DIGITS_MIN: usize = 4;

/// Snapshots that are shown, in the order of the ledger.
pub fn live(state: &LedgerState) -> Vec<&SnapshotState> {
    in_order(state, |status| status == SnapshotStatus::Live)
}

/// Snapshots that are kept, shown or not, in the order of the ledger.
pub fn kept(state: &LedgerState) -> Vec<&SnapshotState> {
    in_order(state, |status| status != SnapshotStatus::Released)
}

/// No snapshot is meant, or more than one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// There are no snapshots.
    #[error("there are no snapshots{}", of(source_name.as_deref()))]
    Empty {
        /// The source that was asked for.
        source_name: Option<String>,
    },
    /// None begins so.
    #[error("no snapshot is called '{name}'")]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// Several begin so.
    #[error("'{name}' may be {}", list(candidates))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// The snapshots that begin so.
        candidates: Vec<SnapshotId>,
    },
}

fn of(source_name: Option<&str>) -> String {
    source_name.map(|name| format!(" of {name}")).unwrap_or_default()
}

fn list(candidates: &[SnapshotId]) -> String {
    let names: Vec<String> = candidates.iter().map(SnapshotId::to_string).collect();
    names.join(" or ")
}

/// The snapshot that `name` means: `latest`, or the beginning of an id.
///
/// `source` confines `latest` to the snapshots of that source.
pub fn find<'a>(
    state: &'a LedgerState,
    name: &str,
    source: Option<&str>,
) -> Result<&'a SnapshotState, FindError> {
    let mut snapshots = live(state);
    if name == "latest" {
        snapshots.retain(|found| source.is_none_or(|source| found.snapshot.source == source));
        let empty = || FindError::Empty { source_name: source.map(str::to_owned) };
        return snapshots.pop().ok_or_else(empty);
    }
    one_called(snapshots, name)
}

/// The snapshot that the beginning of an id means, whether it is shown, hidden or no longer kept; or the
/// `latest` that is shown.
pub fn find_any<'a>(state: &'a LedgerState, name: &str) -> Result<&'a SnapshotState, FindError> {
    if name == "latest" {
        return find(state, name, None);
    }
    one_called(in_order(state, |_| true), name)
}

fn one_called<'a>(
    mut snapshots: Vec<&'a SnapshotState>,
    name: &str,
) -> Result<&'a SnapshotState, FindError> {
    let is_prefix = name.len() >= PREFIX_DIGITS_MIN;
    snapshots.retain(|found| is_prefix && found.snapshot.id.to_string().starts_with(name));
    match snapshots.as_slice() {
        [found] => Ok(found),
        [] => Err(FindError::Unknown { name: name.to_owned() }),
        several => Err(FindError::Ambiguous {
            name: name.to_owned(),
            candidates: several.iter().map(|found| found.snapshot.id).collect(),
        }),
    }
}

fn in_order(
    state: &LedgerState,
    is_wanted: impl Fn(SnapshotStatus) -> bool,
) -> Vec<&SnapshotState> {
    let mut snapshots: Vec<_> =
        state.snapshots.values().filter(|found| is_wanted(found.status)).collect();
    snapshots.sort_by_key(|found| found.number);
    snapshots
}
