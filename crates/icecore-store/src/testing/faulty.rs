//! A store that fails as scripted: for tests of what storage does on a bad day.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;

use super::fault::Script;
use super::{Effect, Matcher, lock};
use crate::{Content, ObjectInfo, ObjectName, Operation, Store, StoreError, StoreErrorKind};

/// Passes everything on to another store, except where a fault strikes.
#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    script: Script,
    late: Vec<LatePut>,
    full: bool,
}

/// A put that the storage has taken in, and not carried out yet.
#[derive(Debug)]
struct LatePut {
    name: ObjectName,
    content: Content,
    /// How many requests have to finish before it lands; `None`: it waits to be released.
    requests_left: Option<u64>,
}

impl FaultyStore {
    /// Without faults so far.
    pub fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { inner, state: Mutex::default() })
    }

    /// Adds a fault; requests are counted from here on.
    ///
    /// # Panics
    ///
    /// If the effect cannot happen to the operation, e.g. a flipped bit to a delete.
    pub fn add(&self, matcher: Matcher, effect: Effect) {
        lock(&self.state).script.add(matcher, effect);
    }

    /// Ends a full disk: puts succeed again.
    pub fn make_room(&self) {
        lock(&self.state).full = false;
    }

    /// Carries out all late puts, oldest first. Gives the names of those that landed: the others
    /// found their names taken.
    pub async fn release_late(&self) -> Vec<ObjectName> {
        let late = std::mem::take(&mut lock(&self.state).late);
        self.land(late).await
    }

    /// # Panics
    ///
    /// If a fault has not struck: then the test has not shown what it says.
    #[track_caller]
    pub fn assert_all_exercised(&self) {
        let waiting = lock(&self.state).script.unexercised();
        assert!(waiting.is_empty(), "these faults never struck: {waiting:#?}");
    }

    fn strike(&self, operation: Operation, name: &str) -> Option<Effect> {
        let mut state = lock(&self.state);
        let effect = state.script.strike(operation, name);
        if effect == Some(Effect::FullDisk) {
            state.full = true;
        }
        if state.full && operation == Operation::PutNew {
            return Some(effect.unwrap_or(Effect::FullDisk));
        }
        effect
    }

    /// Counts a finished request, and carries out the late puts that it makes due.
    async fn finish(&self) {
        let due = {
            let mut state = lock(&self.state);
            for late in &mut state.late {
                late.requests_left = late.requests_left.map(|left| left.saturating_sub(1));
            }
            state.late.extract_if(.., |late| late.requests_left == Some(0)).collect()
        };
        self.land(due).await;
    }

    async fn land(&self, late: Vec<LatePut>) -> Vec<ObjectName> {
        let mut landed = Vec::new();
        for LatePut { name, content, .. } in late {
            // Nobody waits for the answer any more, so a failure is nobody's.
            if self.inner.put_new(&name, content).await.is_ok() {
                landed.push(name);
            }
        }
        landed
    }

    fn failed(&self, kind: StoreErrorKind, operation: Operation, name: &ObjectName) -> StoreError {
        StoreError::of_object(kind, operation, name, self.place()).with_source("a scripted fault")
    }

    async fn put_as(
        &self,
        effect: Effect,
        name: &ObjectName,
        content: Content,
    ) -> Result<(), StoreError> {
        let kind = match effect {
            Effect::Fail(kind) => kind,
            Effect::FullDisk => StoreErrorKind::NoSpace,
            Effect::LandLate { after_requests } => {
                // This request is the first that finishes from here on.
                let requests_left = after_requests.map(|requests| requests.saturating_add(1));
                lock(&self.state).late.push(LatePut { name: name.clone(), content, requests_left });
                StoreErrorKind::Transient
            }
            Effect::Torn { keep } => {
                let kept = truncate(&content.to_bytes(), keep);
                self.inner.put_new(name, kept.into()).await?;
                StoreErrorKind::Transient
            }
            _ => {
                self.inner.put_new(name, content).await?;
                StoreErrorKind::Transient
            }
        };
        Err(self.failed(kind, Operation::PutNew, name))
    }

    /// The content of a read as its fault leaves it.
    fn read_as(
        &self,
        effect: Option<&Effect>,
        operation: Operation,
        name: &ObjectName,
        content: Result<Bytes, StoreError>,
    ) -> Result<Bytes, StoreError> {
        match effect {
            Some(Effect::Fail(kind)) => Err(self.failed(*kind, operation, name)),
            Some(Effect::FlipBit { byte, bit }) => Ok(flip_bit(&content?, *byte, *bit)),
            Some(Effect::Truncate { keep }) => Ok(truncate(&content?, *keep)),
            _ => content,
        }
    }
}

fn truncate(content: &Bytes, keep: u64) -> Bytes {
    content.slice(..content.len().min(usize::try_from(keep).unwrap_or(usize::MAX)))
}

fn flip_bit(content: &Bytes, byte: u64, bit: u8) -> Bytes {
    let mut content = content.to_vec();
    let last = content.len().saturating_sub(1);
    let byte = usize::try_from(byte).unwrap_or(usize::MAX).min(last);
    if let Some(byte) = content.get_mut(byte) {
        *byte ^= 1 << (bit % 8);
    }
    content.into()
}

#[async_trait]
impl Store for FaultyStore {
    async fn put_new(&self, name: &ObjectName, content: Content) -> Result<(), StoreError> {
        let result = match self.strike(Operation::PutNew, name.as_str()) {
            None => self.inner.put_new(name, content).await,
            Some(effect) => self.put_as(effect, name, content).await,
        };
        self.finish().await;
        result
    }

    async fn get(&self, name: &ObjectName, bytes_max: u64) -> Result<Bytes, StoreError> {
        let effect = self.strike(Operation::Get, name.as_str());
        let content = self.inner.get(name, bytes_max).await;
        self.finish().await;
        self.read_as(effect.as_ref(), Operation::Get, name, content)
    }

    async fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes, StoreError> {
        let effect = self.strike(Operation::GetRange, name.as_str());
        let content = self.inner.get_range(name, range).await;
        self.finish().await;
        self.read_as(effect.as_ref(), Operation::GetRange, name, content)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, StoreError> {
        let effect = self.strike(Operation::List, prefix);
        let objects = self.inner.list(prefix).await;
        self.finish().await;
        match effect {
            Some(Effect::Fail(kind)) => {
                Err(StoreError::of_listing(kind, prefix, self.place())
                    .with_source("a scripted fault"))
            }
            _ => objects,
        }
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        let result = match self.strike(Operation::Delete, name.as_str()) {
            Some(Effect::Fail(kind)) => Err(self.failed(kind, Operation::Delete, name)),
            Some(_) => match self.inner.delete(name).await {
                Ok(()) => Err(self.failed(StoreErrorKind::Transient, Operation::Delete, name)),
                failed => failed,
            },
            None => self.inner.delete(name).await,
        };
        self.finish().await;
        result
    }

    fn place(&self) -> String {
        self.inner.place()
    }
}
