//! What to do about a point that cannot be had, or a source that is not clear.

use super::{Explanation, FAILED, INTERRUPTED, explain_read, explain_restore, of, silent};
use crate::times;
use icecore::recover::{PointError, RecoverError, StatesError};

/// Says which snapshots can be chosen.
pub(super) fn explain_states(error: &StatesError) -> Explanation {
    match error {
        StatesError::Unknown { .. } => of(FAILED, "`icecore snapshots` lists sources and hosts"),
        StatesError::SeveralHosts { .. } => {
            of(FAILED, "choose the snapshots of one with --host NAME")
        }
        StatesError::SeveralKinds { .. } | StatesError::SeveralSelections { .. } => {
            of(FAILED, "choose a snapshot with --from SNAPSHOT; `icecore snapshots` lists them")
        }
        _ => silent(FAILED),
    }
}

/// Says what to do about a recovery that failed.
pub(super) fn explain_recover(error: &RecoverError) -> Explanation {
    match error {
        RecoverError::Point(error) => explain_point(error),
        RecoverError::Read(error) => explain_read(error),
        RecoverError::Restore(error) => explain_restore(error),
        RecoverError::Stopped(_) => silent(INTERRUPTED),
        _ => silent(FAILED),
    }
}

/// The nearest points that can be had.
fn explain_point(error: &PointError) -> Explanation {
    let nearest = match error {
        PointError::NoCommitTimes => {
            "only what `icecore follow` captures of a replication slot has them; --to-time goes by when \
             events were recorded"
                .to_owned()
        }
        PointError::CommitTooEarly { first } => format!(
            "it is known from {} on; --to-time goes by when events were recorded",
            times::exact(*first)
        ),
        PointError::Gap { newest, gap } => {
            let before = format!("what is before it reaches until {}", times::exact(*newest));
            match gap.after {
                Some(after) => format!(
                    "{before}: --latest or an earlier time has that; what is after it begins at {}, and \
                     lacks what is missing. A new backup has all that the source has",
                    times::exact(after)
                ),
                None => format!("{before}: --latest or an earlier time has that"),
            }
        }
        PointError::NoTimes | PointError::NoPositions => {
            "--to-event, --to-version and --latest need neither times nor positions".to_owned()
        }
        PointError::TimeTooEarly { first } => {
            format!("the first event was recorded at {}", times::exact(*first))
        }
        PointError::TimeTooLate { newest } => format!(
            "the newest snapshot reaches until {}; --latest has all of it",
            times::exact(*newest)
        ),
        PointError::PositionTooLow { first, .. } => {
            format!("the first event is at position {first}")
        }
        PointError::PositionTooHigh { newest, .. } => {
            format!("the newest is at position {newest}; --latest has all there is")
        }
        PointError::NoEvent { .. } => {
            "ids are those of the store; not every store has them for its events".to_owned()
        }
        PointError::NoStream { .. } => "`icecore streams SNAPSHOT` lists its streams".to_owned(),
        PointError::NoVersion { below, above, .. } => match (below, above) {
            (Some(below), Some(above)) => {
                format!("the nearest versions are {below} and {above}")
            }
            (Some(last), None) => format!("the last version is {last}"),
            (None, Some(first)) => format!("the first version is {first}"),
            (None, None) => return silent(FAILED),
        },
        PointError::Torn { .. } | PointError::Nothing => "ask for a later point".to_owned(),
        _ => return silent(FAILED),
    };
    of(FAILED, nearest)
}
