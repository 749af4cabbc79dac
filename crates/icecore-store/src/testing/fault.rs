//! Faults, and the script that says when they strike.
//!
//! Every fault strikes once. Requests are counted from the moment the fault was added, so a test
//! can set up in peace, then say "the second put below `ledger/` from now on".

use crate::{Operation, StoreErrorKind};

/// Which request a fault strikes: the `nth` of an operation below a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matcher {
    operation: Operation,
    prefix: String,
    nth: u64,
}

impl Matcher {
    /// The first request of `operation` whose name, or listed prefix, begins with `prefix`.
    pub fn first(operation: Operation, prefix: impl Into<String>) -> Self {
        Self::nth(1, operation, prefix)
    }

    /// The `nth` such request; 1 is the first.
    ///
    /// # Panics
    ///
    /// If `nth` is 0: such a fault would never strike.
    pub fn nth(nth: u64, operation: Operation, prefix: impl Into<String>) -> Self {
        assert!(nth > 0, "the first request has number 1");
        Self { operation, prefix: prefix.into(), nth }
    }

    fn matches(&self, operation: Operation, name: &str) -> bool {
        self.operation == operation && name.starts_with(&self.prefix)
    }
}

/// What a fault does to the request that it strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// The request fails so, and does nothing.
    Fail(StoreErrorKind),
    /// A put or delete happens, and the caller is told `Transient`.
    LoseAcknowledgement,
    /// The caller of a put is told `Transient`, and the object is not there yet. It lands, unless
    /// the name is taken by then, when
    /// [`FaultyStore::release_late`](super::FaultyStore::release_late) is called, or after so many
    /// further requests have finished.
    LandLate {
        /// How many further requests have to finish; `None`: only when released.
        after_requests: Option<u64>,
    },
    /// The storage breaks its promise: it keeps the first bytes of a put under the final name, and
    /// the caller is told `Transient`.
    Torn {
        /// How many bytes it keeps.
        keep: u64,
    },
    /// A read returns content with one bit inverted. Where the content is shorter, its last byte is
    /// hit; empty content stays empty.
    FlipBit {
        /// Which byte, counted from the first one returned.
        byte: u64,
        /// Which bit, 0 (the lowest) to 7.
        bit: u8,
    },
    /// A read returns only the first bytes of what it should.
    Truncate {
        /// How many bytes it returns.
        keep: u64,
    },
    /// This put and every later one fails with `NoSpace`, until
    /// [`FaultyStore::make_room`](super::FaultyStore::make_room) is called.
    FullDisk,
}

impl Effect {
    fn applies_to(&self, operation: Operation) -> bool {
        match self {
            Self::Fail(_) => true,
            Self::LoseAcknowledgement => {
                matches!(operation, Operation::PutNew | Operation::Delete)
            }
            Self::LandLate { .. } | Self::Torn { .. } | Self::FullDisk => {
                operation == Operation::PutNew
            }
            Self::FlipBit { .. } | Self::Truncate { .. } => {
                matches!(operation, Operation::Get | Operation::GetRange)
            }
        }
    }
}

/// The faults still to come, and those that have struck.
#[derive(Debug, Default)]
pub(super) struct Script {
    faults: Vec<Fault>,
}

#[derive(Debug)]
struct Fault {
    matcher: Matcher,
    effect: Effect,
    seen: u64,
    struck: bool,
}

impl Script {
    pub(super) fn add(&mut self, matcher: Matcher, effect: Effect) {
        assert!(
            effect.applies_to(matcher.operation),
            "{effect:?} cannot happen to {:?}",
            matcher.operation
        );
        self.faults.push(Fault { matcher, effect, seen: 0, struck: false });
    }

    /// Counts a request, and tells which fault strikes it. Where several are due, the one that was
    /// added first strikes, and the others the next request that matches.
    pub(super) fn strike(&mut self, operation: Operation, name: &str) -> Option<Effect> {
        let mut effect = None;
        for fault in &mut self.faults {
            if fault.struck || !fault.matcher.matches(operation, name) {
                continue;
            }
            fault.seen += 1;
            if fault.seen >= fault.matcher.nth && effect.is_none() {
                fault.struck = true;
                effect = Some(fault.effect.clone());
            }
        }
        effect
    }

    /// The faults that have not struck, as text for a message.
    pub(super) fn unexercised(&self) -> Vec<String> {
        let waiting = self.faults.iter().filter(|fault| !fault.struck);
        waiting
            .map(|fault| {
                let Fault { matcher, effect, seen, .. } = fault;
                format!("{effect:?} at {matcher:?}, which saw {seen} requests")
            })
            .collect()
    }
}
