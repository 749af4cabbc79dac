//! Opening an epoch of a tail, which ends the one before.

use super::keys;
use super::reader::{EpochReader, Found};
use super::standing::{Standing, chain, complete, find};
use super::writer::TailWriter;
use crate::error::ReadError;
use crate::layout::ObjectRole;
use crate::ledger::{AppendError, Appended};
use crate::local::SessionLease;
use crate::repository::{ExclusiveError, Repository};
use crate::storage::{self, Put};
use icecore_format::checkpoint::{
    EpochState, LedgerState, SnapshotState, SnapshotStatus, TailState,
};
use icecore_format::event_log::Span;
use icecore_format::ledger::EntryBody;
use icecore_format::ledger::body::{Follow, FollowedSource, TailMark, TailStart};
use icecore_format::random::random_bytes;
use icecore_format::tail::{SealOptions, seal_terminator};
use icecore_format::{Role, SessionId, SnapshotId};
use icecore_store::{Content, ObjectName, StoreError};

/// What epoch is to be opened.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The source.
    pub(crate) source: FollowedSource,
    /// The host that follows.
    pub(crate) host: String,
    /// The snapshot that it starts at; where the tail stands, if there is one, if none is given.
    pub(crate) start: Option<SnapshotId>,
    /// Whether an epoch is ended whose follower may be alive.
    pub(crate) take_over: bool,
}

/// An epoch that was opened.
pub(crate) struct OpenedEpoch {
    pub(crate) writer: TailWriter,
    pub(crate) starts_at: StartsAt,
    /// Whether it ended another.
    pub(crate) ended_another: bool,
    /// Objects of that one that this machine had put and that are lost, the first of them first.
    pub(crate) lost: Vec<ObjectName>,
}

/// Where an epoch starts.
pub(crate) enum StartsAt {
    /// At this snapshot.
    Snapshot(SnapshotId),
    /// Where the tail stands.
    Tail(Standing),
}

/// An epoch that was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The role of the key cannot add anything.
    #[error("a {} key cannot follow a source", .0.name())]
    NotAllowed(Role),
    /// Somebody follows the source.
    #[error("{name} is followed on the host {host} already")]
    Followed {
        /// The source's name.
        name: String,
        /// The host.
        host: String,
        /// Whether that is this host, where a process was found to be alive.
        is_here: bool,
    },
    /// The storage is not to be written to.
    #[error(transparent)]
    Exclusive(#[from] ExclusiveError),
    /// Something of the repository could not be read.
    #[error("cannot read the tail of the source")]
    Read(#[from] ReadError),
    /// The storage did not take the object that ends the epoch before.
    #[error("cannot end the epoch of the follower before")]
    Write(#[from] StoreError),
    /// The ledger did not take the epoch.
    #[error("cannot open an epoch of the source's tail")]
    Append(#[from] AppendError),
}

/// Opens an epoch; `None` if it is to go on from where the tail stands, and there is none.
pub(crate) async fn open(
    repository: &Repository,
    request: &Request,
) -> Result<Option<OpenedEpoch>, OpenError> {
    let role = repository.keys.role;
    if role == Role::Reader {
        return Err(OpenError::NotAllowed(role));
    }
    repository.prove_exclusive().await?;
    loop {
        let state = repository.ledger().await.prefix(None).await?.state().clone();
        let tail = find(&state, &request.source);
        let newest = tail.and_then(|tail| tail.epochs.last());
        if newest.is_none() && request.start.is_none() {
            return Ok(None);
        }
        let session =
            SessionId { head: state.next, random: random_bytes(&*repository.environment.random) };
        let (mut ends, mut lost) = (None, Vec::new());
        if let Some(epoch) = newest {
            let alive = is_alive(repository, epoch).await;
            let is_here = epoch.host == request.host;
            if !request.take_over && (!is_here || alive != Some(false)) {
                let (name, host) = (request.source.name.clone(), epoch.host.clone());
                return Err(OpenError::Followed { name, host, is_here });
            }
            let mark = end(repository, epoch, session).await?;
            let reader = EpochReader::new(repository, epoch);
            let numbers = reader.lost(reader.objects().await?).await;
            lost.extend(numbers.map(|number| reader.name(number)));
            ends = Some(mark);
        }
        // A snapshot that has all of the tail, and maybe more, is gone on from.
        let absorbed = match (request.start, tail, ends) {
            (None, Some(tail), Some(ends)) => absorbing(&state, tail, ends),
            _ => None,
        };
        let starts_at = match (request.start.or(absorbed), tail, ends) {
            (Some(snapshot), ..) => StartsAt::Snapshot(snapshot),
            (None, Some(tail), Some(ends)) => {
                match Standing::of(repository, tail, ends.objects).await? {
                    Some(standing) => StartsAt::Tail(standing),
                    None => return Ok(None),
                }
            }
            (None, ..) => return Ok(None),
        };
        let (start, total) = match &starts_at {
            StartsAt::Snapshot(snapshot) => (TailStart::Snapshot(*snapshot), Span::default()),
            StartsAt::Tail(standing) => (TailStart::Before, standing.total),
        };
        let key = keys::make(repository, session).await;
        let follow = Follow {
            source: request.source.clone(),
            host: request.host.clone(),
            session,
            header: key.header().to_vec(),
            start,
            ends,
        };
        // Before anybody can see the epoch, so that nobody finds it without.
        let lease = lease(repository, session).await;
        if append(repository, follow, &state).await? {
            keys::forget_old(repository, &repository.state().await).await;
            let writer = TailWriter::new(repository, session, key, total, lease);
            let ended_another = ends.is_some();
            return Ok(Some(OpenedEpoch { writer, starts_at, ended_another, lost }));
        }
    }
}

/// The newest snapshot that has everything of a tail, of which `ends` is the end.
fn absorbing(state: &LedgerState, tail: &TailState, ends: TailMark) -> Option<SnapshotId> {
    let (_, epochs) = chain(tail)?;
    let newest = newest_marked(state, tail)?;
    let mark = newest.snapshot.tail?;
    let mut after = epochs.iter().skip_while(|epoch| epoch.session != mark.session).peekable();
    after.peek()?;
    let is_empty = |epoch: &EpochState| {
        let first = if epoch.session == mark.session { mark.objects } else { 0 };
        let end = if epoch.session == ends.session { Some(ends.objects) } else { epoch.end };
        end.unwrap_or(0) <= first
    };
    after.all(is_empty).then_some(newest.snapshot.id)
}

/// The newest snapshot that says up to which place it has a tail.
fn newest_marked<'a>(state: &'a LedgerState, tail: &TailState) -> Option<&'a SnapshotState> {
    let is_of_it = |it: &&SnapshotState| {
        it.status != SnapshotStatus::Released
            && it.snapshot.tail.is_some()
            && it.snapshot.followed() == tail.source
    };
    state.snapshots.values().filter(is_of_it).max_by_key(|it| it.number)
}

/// Whether the follower of an epoch is alive on this machine; `None` if that cannot be told.
pub(super) async fn is_alive(repository: &Repository, epoch: &EpochState) -> Option<bool> {
    let (local, session) = (repository.local.clone(), epoch.session);
    repository.environment.compute(move || local.is_leased(session)).await
}

async fn lease(repository: &Repository, session: SessionId) -> Option<SessionLease> {
    let local = repository.local.clone();
    repository.environment.compute(move || local.lease(session).ok().flatten()).await
}

/// Puts the object that ends an epoch under the first free number; which of its objects count.
pub(super) async fn end(
    repository: &Repository,
    epoch: &EpochState,
    next: SessionId,
) -> Result<TailMark, OpenError> {
    let reader = EpochReader::new(repository, epoch);
    let mut number = reader.objects().await?;
    loop {
        let name = ObjectRole::Tail(epoch.session, number).object_name();
        let (keys, cipher) = (repository.keys.clone(), repository.config.cipher);
        let (random, own_name) = (repository.environment.random.clone(), name.clone());
        let sealing = repository.environment.compute(move || {
            let compression = icecore_format::block::Compression::default();
            let options = SealOptions { keys: &keys, cipher, compression, random: &*random };
            seal_terminator(own_name.as_str(), next, &options)
        });
        match storage::put(&*repository.store, &name, &Content::from(sealing.await)).await? {
            Put::Done => break,
            Put::Taken(_) => match reader.read(number).await? {
                Found::Terminator => break,
                // A last flush of whoever is about to be ended.
                Found::Flush(_) | Found::Damaged(_) => number += 1,
                Found::Missing => {}
            },
        }
    }
    let objects = complete(&reader, number).await?;
    Ok(TailMark { session: epoch.session, objects })
}

/// Appends the entry; whether it stands. If not, something that it was decided by has changed.
async fn append(
    repository: &Repository,
    follow: Follow,
    decided_by: &LedgerState,
) -> Result<bool, AppendError> {
    let mut ledger = repository.ledger().await;
    let prefix = ledger.prefix(None).await?;
    let seen = |state: &LedgerState| {
        let tail = find(state, &follow.source)?;
        let marked = newest_marked(state, tail).map(|found| found.snapshot.id);
        let newest = tail.epochs.last().map(|epoch| (epoch.session, epoch.end, epoch.trimmed));
        Some((newest, marked))
    };
    if seen(prefix.state()) != seen(decided_by) {
        return Ok(false);
    }
    Ok(matches!(prefix.append(EntryBody::from(follow)).await?, Appended::At(_)))
}

impl std::fmt::Debug for OpenedEpoch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "OpenedEpoch({})", self.writer.session())
    }
}
