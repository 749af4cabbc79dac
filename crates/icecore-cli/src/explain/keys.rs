//! What to do about keys that were not added, removed or changed.

use super::{
    Explanation, FAILED, explain_append, explain_exclusive, explain_read, explain_store, of, silent,
};
use icecore::key_slots::KeyError;

pub(super) fn explain_key(error: &KeyError) -> Explanation {
    match error {
        KeyError::NotAllowed { .. } => {
            of(FAILED, "nothing was written; open the repository with an admin's password")
        }
        KeyError::Unknown { .. } | KeyError::Ambiguous { .. } => {
            of(FAILED, "`icecore key list` lists them")
        }
        KeyError::LastAdmin { .. } => of(
            FAILED,
            "nothing was written; `icecore key add --role admin` adds another first, as nobody could add or \
             remove keys any more",
        ),
        KeyError::PasswordTaken { .. } => {
            of(FAILED, "nothing was written; each key has a password of its own")
        }
        KeyError::Removed { .. } => of(FAILED, "nothing of it is left"),
        KeyError::NotOpened(_) => of(FAILED, "the password is as it was; try again"),
        KeyError::Read(error) => explain_read(error),
        KeyError::Exclusive(error) => explain_exclusive(error),
        KeyError::Write(error) => explain_store(error),
        KeyError::Append(error) => explain_append(error),
        // Of an enum that another crate may extend.
        _ => silent(FAILED),
    }
}
