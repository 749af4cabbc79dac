//! A store under a process that dies at a chosen write: for tests that cut everywhere.
//!
//! A test runs an operation once to count its writes, then once per write, cut there, and looks
//! each time at what a new process would find.

use std::ops::Range;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;

use super::lock;
use crate::{
    Content, MemoryStore, ObjectInfo, ObjectName, Operation, Store, StoreError, StoreErrorKind,
};

/// What became of the write during which the process died. Storage does it whole or not at all, and
/// the dead do not learn which, so a test tries both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupted {
    /// It happened.
    Landed,
    /// It did not happen.
    Vanished,
}

/// Passes everything on to a store in memory until the process dies; from then on, all fails.
///
/// Everything includes reads: a dead process gets no answers. They fail with `Permanent`, so that
/// nobody tries again.
#[derive(Debug)]
pub struct CrashingStore {
    inner: MemoryStore,
    crash: Option<(u64, Interrupted)>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    writes: u64,
    dead: bool,
}

impl CrashingStore {
    /// Never dies: for counting writes.
    pub fn counting(inner: MemoryStore) -> Self {
        Self { inner, crash: None, state: Mutex::default() }
    }

    /// Dies during write number `write`, counted from here on; 1 is the first.
    pub fn new(inner: MemoryStore, write: u64, interrupted: Interrupted) -> Self {
        Self { inner, crash: Some((write, interrupted)), state: Mutex::default() }
    }

    /// How many writes (puts and deletes) were begun while the process lived, the one it died in
    /// and those that failed included.
    pub fn writes(&self) -> u64 {
        lock(&self.state).writes
    }

    /// Whether the process has died.
    pub fn crashed(&self) -> bool {
        lock(&self.state).dead
    }

    /// What a new process finds: a copy.
    pub fn survivors(&self) -> MemoryStore {
        self.inner.snapshot()
    }

    /// Counts a write, and tells whether the process dies during it.
    fn begin_write(&self) -> Fate {
        let mut state = lock(&self.state);
        if state.dead {
            return Fate::Dead;
        }
        state.writes += 1;
        match self.crash {
            Some((write, interrupted)) if write == state.writes => {
                state.dead = true;
                Fate::Dies(interrupted)
            }
            _ => Fate::Lives,
        }
    }

    fn died(&self, operation: Operation, name: &ObjectName) -> StoreError {
        StoreError::of_object(StoreErrorKind::Permanent, operation, name, self.place())
            .with_source("the process has died")
    }

    fn check_alive(&self, operation: Operation, name: &ObjectName) -> Result<(), StoreError> {
        if self.crashed() { Err(self.died(operation, name)) } else { Ok(()) }
    }
}

enum Fate {
    Lives,
    Dies(Interrupted),
    Dead,
}

#[async_trait]
impl Store for CrashingStore {
    async fn put_new(&self, name: &ObjectName, content: Content) -> Result<(), StoreError> {
        match self.begin_write() {
            Fate::Lives => return self.inner.put_new(name, content).await,
            Fate::Dies(Interrupted::Landed) => drop(self.inner.put_new(name, content).await),
            Fate::Dies(Interrupted::Vanished) | Fate::Dead => {}
        }
        Err(self.died(Operation::PutNew, name))
    }

    async fn get(&self, name: &ObjectName, bytes_max: u64) -> Result<Bytes, StoreError> {
        self.check_alive(Operation::Get, name)?;
        self.inner.get(name, bytes_max).await
    }

    async fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.check_alive(Operation::GetRange, name)?;
        self.inner.get_range(name, range).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, StoreError> {
        if self.crashed() {
            let error = StoreError::of_listing(StoreErrorKind::Permanent, prefix, self.place());
            return Err(error.with_source("the process has died"));
        }
        self.inner.list(prefix).await
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        match self.begin_write() {
            Fate::Lives => return self.inner.delete(name).await,
            Fate::Dies(Interrupted::Landed) => drop(self.inner.delete(name).await),
            Fate::Dies(Interrupted::Vanished) | Fate::Dead => {}
        }
        Err(self.died(Operation::Delete, name))
    }

    fn place(&self) -> String {
        self.inner.place()
    }
}
