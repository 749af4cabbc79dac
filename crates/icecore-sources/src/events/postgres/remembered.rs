//! What the machine keeps for the next backup, and may lose: the newest events where these are told
//! by their transactions, and the statements that make the tables.

use super::census::Count;
use super::dump::Dump;
use icecore_format::record::Record;
use serde::{Deserialize, Serialize};

/// What is kept on the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Remembered {
    /// The identities of recent events.
    pub(super) recent: Vec<i64>,
    /// What makes the tables, if that is known.
    pub(super) dump: Option<Dump>,
}

impl Record for Remembered {
    const NAME: &'static str = "what is kept of a PostgreSQL store";
    const VERSION: u8 = 1;
}

impl Remembered {
    /// What is kept in these bytes; nothing if they are not ours, or were lost.
    pub(super) fn read(bytes: &[u8]) -> Self {
        Self::decode(bytes).unwrap_or_default()
    }

    /// The recent events, if they are those that were counted.
    pub(super) fn recent(&self, counted: Count) -> Option<&[i64]> {
        (Count::of(&self.recent) == counted).then_some(&self.recent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_events_that_were_counted_are_taken() {
        let remembered = Remembered { recent: vec![5, -9, i64::MIN], dump: None };
        let back = Remembered::read(&remembered.encode());
        assert_eq!(back, remembered);
        assert_eq!(back.recent(Count::of(&[5, -9, i64::MIN])), Some(&[5, -9, i64::MIN][..]));
        assert_eq!(back.recent(Count::of(&[5, -9])), None);
    }

    #[test]
    fn what_was_lost_is_nothing_and_that_is_enough_where_nothing_is_recent() {
        for bytes in [&[][..], b"something else"] {
            let remembered = Remembered::read(bytes);
            assert_eq!(remembered, Remembered::default());
            assert_eq!(remembered.recent(Count::default()), Some(&[][..]));
            assert_eq!(remembered.recent(Count::of(&[5])), None);
        }
    }
}
