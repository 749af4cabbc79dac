//! Reading the ledger forward, to the first number that is free.
//!
//! Nothing relies on listings: numbers are read in order, many at a time while there is more to read.
//!
//! Specification: docs/concurrency.md, "Reading forward".

use super::witness::{WitnessRead, read_witness};
use super::{Alarm, Ledger, LoggedContent, LoggedEntry, replay};
use crate::error::ReadError;
use crate::layout::ObjectRole;
use crate::local::SeenHead;
use crate::storage;
use bytes::Bytes;
use futures::future::join_all;
use icecore_format::checkpoint::KeyState;
use icecore_format::envelope::{self, EnvelopeKind};
use icecore_format::ledger::{Entry, LedgerObject, SignedEntry, chain};
use icecore_format::limits::LEDGER_OBJECT_BYTES_MAX;
use icecore_format::{DecodeError, Hash, Role};
use icecore_store::{Store, StoreErrorKind};

/// Objects that are asked for at once, at most and when the end is first looked for.
const READ_AHEAD_MAX: u64 = 32;

/// Bytes that stand in the chain for an object that is larger than any of ours: its first ones.
/// Everyone takes the same, so the chain is the same for all.
const OVERSIZED_BYTES_CHAINED: u64 = 4 << 10;

/// What is stored under a number.
pub(super) enum Found {
    /// Nothing.
    Free,
    /// An object.
    Object(Bytes),
    /// The first bytes of one that is larger than any of ours.
    Oversized(Bytes),
}

impl Ledger {
    /// Applies everything up to the first free number.
    ///
    /// `seen` is what this machine remembers; a ledger that ends before it, or is another one
    /// there, raises an alarm (rule 14).
    pub(crate) async fn read_forward(&mut self, seen: Option<SeenHead>) -> Result<(), ReadError> {
        if let Some(seen) = seen
            && seen.next < self.began.next
        {
            // The checkpoint that was opened says nothing about the chain before it, and may be of
            // a ledger that was rolled back and went on differently.
            let earlier = Self::open_before(self.context.clone(), seen.next).await?;
            let alarms = std::mem::replace(self, earlier).alarms;
            self.alarms = alarms;
        }
        self.read_to_end().await?;
        if let Some(seen) = seen {
            // What was foreseen may be older than what is remembered, if another process appended meanwhile.
            if self.head_before(seen.next).is_none() {
                self.read_to_end().await?;
            }
            match self.head_before(seen.next) {
                Some(head) if head == seen.head => {}
                Some(_) => self.alarm(Alarm::Replaced { number: seen.next }),
                None => {
                    let found = self.state.next;
                    self.alarm(Alarm::RolledBack { found, remembered: seen.next });
                }
            }
        }
        Ok(())
    }

    async fn read_to_end(&mut self) -> Result<(), ReadError> {
        // An entry that was lost looks like the end. So the first time that the end is found, one
        // number beyond it is asked for too: true entries there mean that it is none.
        let ahead_min = if self.is_end_probed { 1 } else { 2 };
        // What was foreseen counts for this reading alone: later there may be more.
        let mut foreseen = std::mem::take(&mut self.foreseen);
        let mut ahead = (foreseen.len() as u64).max(ahead_min);
        'more: loop {
            // Objects with several entries are rare, so the next numbers are guessed to be objects
            // of one entry; a wrong guess costs a request and is not used.
            let numbers = self.state.next..self.state.next + ahead;
            let fetched = numbers.clone().map(|number| (number, foreseen.remove(&number)));
            let fetched: Vec<_> = fetched.collect();
            let fetched =
                join_all(fetched.into_iter().map(async |(number, foreseen)| match foreseen {
                    Some(found) => found,
                    None => self.fetch(number).await,
                }));
            let fetched = fetched.await;
            let mut objects = numbers.zip(fetched);
            while let Some((number, found)) = objects.next() {
                if number != self.state.next {
                    ahead = ahead_min;
                    continue 'more;
                }
                let found = found?;
                if !matches!(found, Found::Free) {
                    self.apply(found).await?;
                    continue;
                }
                let beyond: Vec<_> = objects.collect();
                if beyond.is_empty() && !self.is_end_probed {
                    ahead = ahead_min;
                    continue 'more;
                }
                if beyond.iter().any(|(number, found)| self.is_true(*number, found.as_ref().ok())) {
                    // Its author had read the entry before it, unless that was written since.
                    if !matches!(self.fetch(number).await?, Found::Free) {
                        continue 'more;
                    }
                    self.alarm(Alarm::Missing { number });
                }
                self.is_end_probed = true;
                return Ok(());
            }
            ahead = (ahead * 4).min(READ_AHEAD_MAX);
        }
    }

    pub(super) async fn fetch(&self, number: u64) -> Result<Found, ReadError> {
        fetch(&*self.context.store, number).await
    }

    /// Applies one object: its items, or the object itself as one void item if it is not ours.
    pub(super) async fn apply(&mut self, found: Found) -> Result<(), ReadError> {
        let bytes = match found {
            Found::Free => return Ok(()),
            Found::Oversized(bytes) => return self.apply_unreadable(&bytes).await,
            Found::Object(bytes) => bytes,
        };
        self.since_checkpoint.bytes += bytes.len() as u64;
        let Ok(plaintext) = self.open_object(self.state.next, &bytes) else {
            return self.apply_unreadable(&bytes).await;
        };
        match LedgerObject::open(&plaintext) {
            Ok(object) => object.items.iter().for_each(|item| self.apply_item(item)),
            Err(error) => {
                self.note_newer(&error);
                self.apply_unreadable(&bytes).await?;
            }
        }
        Ok(())
    }

    fn open_object(&self, number: u64, bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let name = ObjectRole::Ledger(number).object_name();
        let key = &self.context.keys.ledger_key;
        envelope::open(EnvelopeKind::Ledger, key, name.as_str(), bytes)
    }

    fn apply_item(&mut self, item: &[u8]) {
        let (content, previous) = match SignedEntry::from_bytes(item) {
            Ok(signed) => self.judge_entry(&signed),
            Err(error) => {
                self.note_newer(&error);
                (void("it is no entry that this program knows", None), self.state.head)
            }
        };
        self.advance(content, chain(&previous, item));
    }

    /// Applies an entry if it counts. Also the chain's hash that it goes on from.
    fn judge_entry(&mut self, signed: &SignedEntry) -> (LoggedContent, Hash) {
        let (entry, head, number) = (signed.entry(), self.state.head, self.state.next);
        let Some(author) = self.author(signed) else {
            return (void("its signature is nobody's", Some(entry)), head);
        };
        if entry.number != number {
            return (void("it belongs under another number", Some(entry)), head);
        }
        if entry.previous != head {
            if !may_add(author) {
                return (void("it follows another ledger", Some(entry)), head);
            }
            // Whoever wrote this had another ledger before them. What it says is read, since it
            // may be all that is left; but nothing is built on it.
            self.alarm(Alarm::Fork { number });
        }
        let content = match replay::apply(&mut self.state, entry) {
            Ok(()) => LoggedContent::Valid(Box::new(entry.clone())),
            Err(reason) => void(reason, Some(entry)),
        };
        (content, entry.previous)
    }

    /// The key that signed, if the ledger so far knows it.
    fn author(&self, signed: &SignedEntry) -> Option<&KeyState> {
        let author = self.state.keys.get(&signed.entry().author)?;
        signed.is_signed_by(&self.context.keys.repository, &author.key).then_some(author)
    }

    /// Whether what is stored under `number` begins with an entry for it, by someone who may add
    /// entries.
    fn is_true(&self, number: u64, found: Option<&Found>) -> bool {
        let Some(Found::Object(bytes)) = found else { return false };
        let signed = self
            .open_object(number, bytes)
            .and_then(|plaintext| LedgerObject::open(&plaintext))
            .and_then(|object| SignedEntry::from_bytes(object.items.first().map_or(&[], |i| i)));
        signed.is_ok_and(|signed| {
            signed.entry().number == number && self.author(&signed).is_some_and(may_add)
        })
    }

    /// What someone with the ledger key wrote in a later version of the format may say anything, as
    /// an entry of an unknown kind.
    fn note_newer(&mut self, error: &DecodeError) {
        if matches!(error, DecodeError::Version { .. }) {
            self.state.unknown.get_or_insert(self.state.next);
        }
    }

    /// An object that nobody with the ledger key wrote, or that was damaged since: its witness
    /// tells which.
    async fn apply_unreadable(&mut self, bytes: &[u8]) -> Result<(), ReadError> {
        let number = self.state.next;
        let mut head = chain(&self.state.head, bytes);
        if let WitnessRead::Of(witnessed) = read_witness(&self.context, number).await?
            && witnessed != head
        {
            self.alarm(Alarm::Damaged { number });
            head = witnessed;
        }
        self.advance(void("it is unreadable", None), head);
        Ok(())
    }

    fn advance(&mut self, content: LoggedContent, head: Hash) {
        self.log.push(LoggedEntry { number: self.state.next, content, head });
        self.state.next += 1;
        self.state.head = head;
        self.since_checkpoint.entries += 1;
    }
}

/// What is stored under a number.
pub(super) async fn fetch(store: &dyn Store, number: u64) -> Result<Found, ReadError> {
    let name = ObjectRole::Ledger(number).object_name();
    match storage::get(store, &name, LEDGER_OBJECT_BYTES_MAX as u64).await {
        Ok(bytes) => Ok(Found::Object(bytes)),
        Err(error) => match error.kind() {
            StoreErrorKind::NotFound => Ok(Found::Free),
            StoreErrorKind::TooLarge => {
                let range = 0..OVERSIZED_BYTES_CHAINED;
                Ok(Found::Oversized(storage::get_range(store, &name, range).await?))
            }
            _ => Err(error.into()),
        },
    }
}

fn may_add(author: &KeyState) -> bool {
    !author.removed && author.role != Role::Reader
}

fn void(reason: &'static str, entry: Option<&Entry>) -> LoggedContent {
    LoggedContent::Void { reason, entry: entry.cloned().map(Box::new) }
}
