//! What this machine keeps of a source's newest event log, sealed, so that the next backup can go on
//! from it: a writer's key cannot read back what the repository holds.
//!
//! All of it may be lost, or belong to an older snapshot: then the source is read whole.

use super::heads::KeptHeads;
use super::rest::KeptChunk;
use super::segment::ReadySegment;
use crate::repository::Repository;
use crate::session::NewChunk;
use icecore_format::envelope::{self, EnvelopeKind};
use icecore_format::event_log::{EventLogRoot, Segment, Span, StreamEntry, StreamPage, Subtree};
use icecore_format::keys::KeySet;
use icecore_format::record::{DecodeError, Record};
use icecore_format::snapshot::Snapshot;
use icecore_format::{ChunkKind, SnapshotId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What is kept of a log.
#[derive(Debug, Default)]
pub(crate) struct KeptLog {
    pub(super) heads: KeptHeads,
    pub(super) rest: Vec<KeptChunk>,
    pub(super) open: Vec<KeptSegment>,
    /// What the source asked to keep.
    pub(crate) source: Vec<u8>,
}

/// An open segment, to be merged.
#[derive(Clone, Debug)]
pub(super) struct KeptSegment {
    pub(super) subtree: Subtree,
    plaintexts: Arc<SegmentPlaintexts>,
    /// Whether it is new, so that no file has it yet.
    is_new: bool,
}

/// The file of a segment.
#[derive(Debug, Serialize, Deserialize)]
struct SegmentPlaintexts {
    segment: Vec<u8>,
    pages: Vec<Vec<u8>>,
}

impl Record for SegmentPlaintexts {
    const NAME: &'static str = "the segment that this machine kept";
    const VERSION: u8 = 1;
}

/// The file of everything else.
#[derive(Debug, Serialize, Deserialize)]
struct LogFile {
    snapshot: SnapshotId,
    heads: KeptHeads,
    rest: Vec<KeptChunk>,
    source: Vec<u8>,
}

impl Record for LogFile {
    const NAME: &'static str = "the event log that this machine kept";
    const VERSION: u8 = 2;
}

impl KeptSegment {
    pub(super) fn new(ready: &ReadySegment) -> Self {
        let pages = ready.pages.iter().map(|page| page.plaintext.clone()).collect();
        let segment = ready.segment.plaintext.clone();
        let plaintexts = Arc::new(SegmentPlaintexts { segment, pages });
        Self { subtree: ready.subtree, plaintexts, is_new: true }
    }

    pub(super) fn span(&self) -> &Span {
        &self.subtree.span
    }

    /// The segment, and the entries of its directory.
    pub(super) fn decode(&self) -> Result<(Segment, Vec<StreamEntry>), DecodeError> {
        let segment = Segment::decode(&self.plaintexts.segment)?;
        let mut entries = Vec::new();
        for page in &self.plaintexts.pages {
            entries.extend(StreamPage::decode(page)?.streams);
        }
        Ok((segment, entries))
    }

    /// Whether it is what was stored under its ids.
    fn is_genuine(&self, keys: &KeySet) -> bool {
        let SegmentPlaintexts { segment, pages } = &*self.plaintexts;
        let Ok(decoded) = Segment::decode(segment) else { return false };
        let ids = pages.iter().map(|page| keys.chunk_id(ChunkKind::StreamPage, page));
        keys.chunk_id(ChunkKind::Segment, segment) == self.subtree.id
            && ids.eq(decoded.directory.iter().map(|page| page.page))
    }
}

impl KeptLog {
    /// What is kept of the log of `snapshot`; `None` if not all of it is.
    pub(crate) async fn load(repository: &Repository, snapshot: &Snapshot) -> Option<Self> {
        let files = Files::of(repository, snapshot);
        let (id, root) = (snapshot.id, snapshot.event_log.clone()?);
        repository.environment.compute(move || files.load(id, &root)).await
    }

    /// Keeps this as the log of `snapshot`, and nothing else of its source.
    pub(crate) async fn save(self, repository: &Repository, snapshot: &Snapshot) {
        let (files, id) = (Files::of(repository, snapshot), snapshot.id);
        repository.environment.compute(move || files.save(id, self)).await;
    }
}

/// Where a source's files are.
struct Files {
    local: crate::local::RepositoryState,
    keys: Arc<KeySet>,
    cipher: icecore_format::cipher::Cipher,
    random: Arc<dyn icecore_format::Random>,
    directory: String,
}

const LOG: &str = "log";

impl Files {
    fn of(repository: &Repository, snapshot: &Snapshot) -> Self {
        // The source's name is for who holds the keys alone.
        let mut hasher = blake3::Hasher::new_keyed(&repository.keys.boundary_key());
        let names = [&snapshot.source, &snapshot.source_kind, &snapshot.host];
        for name in names.into_iter().chain(&snapshot.selection) {
            hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
        }
        let hash = hasher.finalize().to_hex();
        Self {
            local: repository.local.clone(),
            keys: repository.keys.clone(),
            cipher: repository.config.cipher,
            random: repository.environment.random.clone(),
            directory: format!("sources/{}", &hash[..32]),
        }
    }

    fn load(&self, id: SnapshotId, root: &EventLogRoot) -> Option<KeptLog> {
        let LogFile { snapshot, heads, rest, source } = self.read(LOG)?;
        let is_whole = snapshot == id
            && rest.iter().map(|kept| &kept.entry).eq(&root.rest)
            && rest.iter().all(|kept| kept.is_genuine(&self.keys));
        if !is_whole {
            return None;
        }
        let open = root.open.iter().map(|subtree| {
            let plaintexts = Arc::new(self.read(&subtree.id.to_string())?);
            let kept = KeptSegment { subtree: *subtree, plaintexts, is_new: false };
            kept.is_genuine(&self.keys).then_some(kept)
        });
        Some(KeptLog { heads, rest, open: open.collect::<Option<_>>()?, source })
    }

    fn save(&self, snapshot: SnapshotId, kept: KeptLog) {
        let KeptLog { heads, rest, open, source } = kept;
        for segment in open.iter().filter(|segment| segment.is_new) {
            self.write(&segment.subtree.id.to_string(), &segment.plaintexts.encode());
        }
        // Of a million streams this is much, and not needed in both forms at once.
        let file = LogFile { snapshot, heads, rest, source };
        let plaintext = file.encode();
        drop(file);
        self.write(LOG, &plaintext);
        let names = open.iter().map(|segment| segment.subtree.id.to_string());
        self.local.keep_only(&self.directory, &names.chain([LOG.to_owned()]).collect());
    }

    fn read<R: Record>(&self, name: &str) -> Option<R> {
        let name = format!("{}/{name}", self.directory);
        let sealed = self.local.cached(&name)?;
        let key = &self.keys.ledger_key;
        let read = envelope::open(EnvelopeKind::Local, key, &name, &sealed)
            .and_then(|plaintext| R::decode(&plaintext));
        read.inspect_err(|error| tracing::info!(%error, name, "what was kept is not used")).ok()
    }

    fn write(&self, name: &str, plaintext: &[u8]) {
        let name = format!("{}/{name}", self.directory);
        let (kind, key) = (EnvelopeKind::Local, &self.keys.ledger_key);
        let sealed = envelope::seal(kind, self.cipher, key, &name, plaintext, &*self.random);
        self.local.cache(&name, &sealed);
    }
}

/// The chunks of a segment, the segment itself first: whoever reads it gets its pack's header with
/// the same request.
pub(super) fn chunks_of(ready: ReadySegment) -> impl Iterator<Item = NewChunk> {
    std::iter::once(ready.segment).chain(ready.pages)
}
