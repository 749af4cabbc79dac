//! Reading the objects of an epoch, and finding out how many there are.

use crate::environment::Environment;
use crate::error::ReadError;
use crate::layout::ObjectRole;
use crate::local::RepositoryState;
use crate::repository::Repository;
use crate::storage;
use bytes::Bytes;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use icecore_format::SessionId;
use icecore_format::checkpoint::EpochState;
use icecore_format::keys::KeySet;
use icecore_format::record::DecodeError;
use icecore_format::tail::{
    Flush, OBJECT_BYTES_MAX, TailObject, TailRecord, group_of, repeated_by,
};
use icecore_store::{ObjectName, Store, StoreErrorKind};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// Objects that are asked for at once.
const REQUESTS_MAX: usize = 32;

/// Reads the objects of one epoch.
#[derive(Clone)]
pub(crate) struct EpochReader {
    store: Arc<dyn Store>,
    keys: Arc<KeySet>,
    session: SessionId,
    /// How many objects count, if the ledger says so.
    end: Option<u64>,
    /// How many of the first are needed no more, and may be gone.
    trimmed: u64,
    environment: Environment,
    local: RepositoryState,
}

/// What is stored under a number.
#[derive(Debug)]
pub(crate) enum Found {
    /// Events.
    Flush(FoundFlush),
    /// The end of the epoch.
    Terminator,
    /// Nothing.
    Missing,
    /// Something that is no object of this epoch.
    Damaged(DecodeError),
}

/// A flush as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct FoundFlush {
    pub(crate) name: ObjectName,
    pub(crate) flush: Box<Flush>,
    /// The object as a whole.
    pub(crate) bytes: Bytes,
    /// Its blocks, which are as they were sealed.
    pub(crate) blocks: Bytes,
}

impl EpochReader {
    pub(crate) fn new(repository: &Repository, epoch: &EpochState) -> Self {
        Self {
            store: repository.store.clone(),
            keys: repository.keys.clone(),
            session: epoch.session,
            end: epoch.end,
            trimmed: epoch.trimmed,
            environment: repository.environment.clone(),
            local: repository.local.clone(),
        }
    }

    /// The number of the first object that is needed.
    pub(crate) fn first(&self) -> u64 {
        self.trimmed
    }

    /// What an object is called.
    pub(crate) fn name(&self, number: u64) -> ObjectName {
        ObjectRole::Tail(self.session, number).object_name()
    }

    /// What is stored under a number.
    pub(crate) async fn read(&self, number: u64) -> Result<Found, ReadError> {
        let name = self.name(number);
        let bytes = match storage::get(&*self.store, &name, OBJECT_BYTES_MAX).await {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == StoreErrorKind::NotFound => return Ok(Found::Missing),
            Err(error) => return Err(error.into()),
        };
        let opened = TailObject::open(&self.keys, name.as_str(), &bytes);
        Ok(match opened {
            Ok(TailObject { record: TailRecord::Flush(flush), blocks }) => {
                let blocks = bytes.slice_ref(blocks);
                Found::Flush(FoundFlush { name, flush, bytes, blocks })
            }
            Ok(TailObject { record: TailRecord::Terminator(_), .. }) => Found::Terminator,
            Err(error) => Found::Damaged(error),
        })
    }

    /// A flush that has to be there.
    pub(crate) async fn flush(&self, number: u64) -> Result<FoundFlush, ReadError> {
        let object = self.name(number);
        let malformed = |what| DecodeError::Malformed { record: "the tail's object", what };
        match self.read(number).await? {
            Found::Flush(found) => Ok(found),
            Found::Terminator => {
                Err(ReadError::Damaged { object, source: malformed("it is a terminator") })
            }
            Found::Missing => Err(ReadError::TailMissing { object }),
            Found::Damaged(source) => Err(ReadError::Damaged { object, source }),
        }
    }

    /// How many objects count: those before the first number that is free or a terminator. Of the newest
    /// this machine may know that it put them: while the epoch is open, nobody else does.
    pub(crate) async fn objects_remembered(&self) -> Result<u64, ReadError> {
        let objects = self.objects().await?;
        Ok(self.lost(objects).await.end)
    }

    /// Of the objects from `objects` on, of which there is none, those that this machine has put.
    pub(crate) async fn lost(&self, objects: u64) -> Range<u64> {
        if self.end.is_some() {
            return objects..objects;
        }
        let (local, session) = (self.local.clone(), self.session);
        let remembered = self.environment.compute(move || local.flushes_remembered(session)).await;
        objects..remembered.max(objects)
    }

    /// Whether another object, of those that count, repeats the one with this number.
    pub(crate) async fn is_repeated(&self, number: u64, objects: u64) -> Result<bool, ReadError> {
        let by = repeated_by(number);
        if by == number || by >= objects {
            return Ok(false);
        }
        let found = self.read(by).await?;
        Ok(matches!(found, Found::Flush(found) if found.flush.repeat.is_some()))
    }

    /// How many objects count, as far as the storage tells.
    pub(crate) async fn objects(&self) -> Result<u64, ReadError> {
        if let Some(end) = self.end {
            return Ok(end);
        }
        let repeats = self.listed(&ObjectRole::repeats_prefix(self.session)).await?;
        // Below that a name that is free tells nothing.
        let mut next = repeats.last().map_or(0, |last| last + 1).max(self.trimmed);
        let mut group = group_of(next);
        while let Some(last) = self.listed_group(group).await?.last() {
            next = next.max(last + 1);
            group += 1;
        }
        // A listing may be stale.
        self.first_free(next).await
    }

    /// Of the first `objects` objects, those that are not there. All names are listed.
    pub(crate) async fn missing(&self, objects: u64) -> Result<Vec<u64>, ReadError> {
        let prefix = format!("{}{}/", ObjectRole::TAIL_PREFIX, self.session);
        let listed = self.listed(&prefix).await?;
        let needed = self.trimmed..objects;
        self.not_there(needed.filter(|number| !listed.contains(number))).await
    }

    /// Of the first `objects` objects, those that are not there and that no other repeats. What stands
    /// for a group of them is all that is looked for, if every group has that.
    pub(crate) async fn missing_unrepeated(&self, objects: u64) -> Result<Vec<u64>, ReadError> {
        let Some(last) = objects.checked_sub(1) else { return Ok(Vec::new()) };
        let repeats = match self.read(last).await? {
            Found::Flush(found) if found.flush.unrepeated == 0 => {
                self.listed(&ObjectRole::repeats_prefix(self.session)).await?
            }
            // Objects stand for themselves alone, or nothing is known of that.
            _ => return self.missing(objects).await,
        };
        let is_repeated = |number: u64| {
            let by = repeated_by(number);
            by < objects && repeats.contains(&by)
        };
        let mut unlisted: BTreeSet<u64> =
            (self.trimmed..objects).filter(|number| !is_repeated(*number)).collect();
        let groups: BTreeSet<u64> = unlisted.iter().copied().map(group_of).collect();
        let mut listed =
            stream::iter(groups).map(|group| self.listed_group(group)).buffered(REQUESTS_MAX);
        while let Some(there) = listed.try_next().await? {
            unlisted.retain(|number| !there.contains(number));
        }
        self.not_there(unlisted.into_iter()).await
    }

    /// Of these objects, those that are not there. A listing may be stale, so what it lacks is asked for.
    async fn not_there(
        &self,
        unlisted: impl Iterator<Item = u64> + Send,
    ) -> Result<Vec<u64>, ReadError> {
        stream::iter(unlisted)
            .map(|number| async move {
                let is_missing = matches!(self.read(number).await?, Found::Missing);
                Ok::<_, ReadError>(is_missing.then_some(number))
            })
            .buffered(REQUESTS_MAX)
            .try_filter_map(async |number| Ok(number))
            .try_collect()
            .await
    }

    /// The objects of a group that listings show, but for the one that may repeat them.
    async fn listed_group(&self, group: u64) -> Result<BTreeSet<u64>, ReadError> {
        self.listed(&ObjectRole::group_prefix(self.session, group)).await
    }

    async fn listed(&self, prefix: &str) -> Result<BTreeSet<u64>, ReadError> {
        let listed = storage::list(&*self.store, prefix).await?;
        let numbers = listed.iter().filter_map(|object| match ObjectRole::of(&object.name) {
            Some(ObjectRole::Tail(session, number)) if session == self.session => Some(number),
            _ => None,
        });
        Ok(numbers.collect())
    }

    /// The first number from `from` on that is free, or the one of the terminator before.
    async fn first_free(&self, from: u64) -> Result<u64, ReadError> {
        let mut next = from;
        while let Found::Flush(_) | Found::Damaged(_) = self.read(next).await? {
            next += 1;
        }
        match next.checked_sub(1) {
            Some(last) if matches!(self.read(last).await?, Found::Terminator) => Ok(last),
            _ => Ok(next),
        }
    }
}
