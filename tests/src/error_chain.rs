//! An error as a user sees it.

use std::error::Error;

/// An error and its causes in one line, each once.
pub fn chain(error: &dyn Error) -> String {
    let mut messages = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        // A transparent error says what its cause says.
        if messages.last() != Some(&error.to_string()) {
            messages.push(error.to_string());
        }
        cause = error.source();
    }
    messages.join(": ")
}
