//! What to do about what is not forgotten.

use super::{
    CONCURRENCY, Explanation, FAILED, USAGE, explain_append, explain_exclusive, of, silent,
};
use icecore::forget::ForgetError;
use icecore::retention::PolicyRefused;

pub(super) fn explain_forget(error: &ForgetError) -> Explanation {
    match error {
        ForgetError::NotAllowed { .. } => {
            of(FAILED, "nothing was written; open the repository with an admin's password")
        }
        ForgetError::Policy(error) => explain_policy(error),
        ForgetError::State { .. } => {
            of(FAILED, "nothing was written; `icecore snapshots --all` shows what each one is")
        }
        ForgetError::Retained { .. } => {
            of(FAILED, "nothing was written; --despite-retention forgets it before its time")
        }
        ForgetError::Tail { .. } => of(
            FAILED,
            "nothing was written; `icecore backup events` has the tail go on from a new snapshot, and \
             --allow-remove-all loses what only the tail has",
        ),
        ForgetError::RemovesAll { .. } => {
            of(FAILED, "nothing was written; --allow-remove-all leaves nothing of it")
        }
        ForgetError::Changed { .. } => of(CONCURRENCY, "nothing was written; run it again"),
        ForgetError::Exclusive(error) => explain_exclusive(error),
        ForgetError::Append(error) => explain_append(error),
        // Of an enum that another crate may extend.
        _ => silent(FAILED),
    }
}

fn explain_policy(error: &PolicyRefused) -> Explanation {
    match error {
        PolicyRefused::Empty => of(
            USAGE,
            "say what to keep, such as --keep-daily 7 --keep-weekly 5; or which snapshots to forget, \
             by their ids",
        ),
        PolicyRefused::NothingChosen => {
            of(FAILED, "nothing was written; `icecore snapshots` lists sources, hosts and labels")
        }
        PolicyRefused::TagOfNothing(_) => of(
            FAILED,
            "nothing was written; is it spelt as in `icecore snapshots`? --allow-remove-all goes on \
             without it",
        ),
        _ => silent(FAILED),
    }
}
