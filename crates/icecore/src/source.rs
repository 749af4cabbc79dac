//! What can be backed up: the traits that a source of events implements.
//!
//! A source gives pieces of about a mebibyte, each still to be parsed: reading is done in order,
//! parsing on all cores. Nobody awaits once per event.

use crate::selection::StreamSelection;
use async_trait::async_trait;
use icecore_format::event::{Commit, Event, FormKind, Template};
use std::time::Duration;

/// Something that holds events.
#[async_trait]
pub trait Source: Send + Sync {
    /// What it is, as snapshots record it: `ndjson`, `sqlite`, `postgres`.
    fn kind(&self) -> &'static str;

    /// A name for it, without credentials, used unless the user gives one.
    fn default_name(&self) -> String;

    /// Whether it gives its events again when it is opened again; a pipe does not.
    fn gives_again(&self) -> bool {
        true
    }

    /// Starts reading: everything that follows shows one moment of the source.
    async fn open(&self, request: &SourceRequest) -> Result<Box<dyn EventReader>, SourceError>;

    /// Starts to follow it from what the request says is known, if it has a better way than being
    /// opened again and again.
    async fn follow(&self, _request: &SourceRequest) -> Result<Follow, SourceError> {
        Ok(Follow::ByOpening(None))
    }
}

/// How a source can be followed.
pub enum Follow {
    /// By being opened again and again; why so, where sources of this kind have a better way.
    ByOpening(Option<String>),
    /// By this.
    By(Box<dyn EventFollower>),
    /// What was known does not tell what is new: it is to be read whole.
    Lost(Whole),
}

/// Gives what a source gets, as it gets it.
#[async_trait]
pub trait EventFollower: Send {
    /// What tells what is new, in words that follow "new events come from".
    fn way(&self) -> String;

    /// What somebody should know that has come up since this was asked last.
    fn notices(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// What is new since the last call, as soon as there is something; `None` if there was nothing
    /// within `patience`.
    async fn next(&mut self, patience: Duration) -> Result<Option<Captured>, FollowError>;

    /// What was given up to this [`Captured::resume`] is durable, so the source need not keep it.
    async fn acknowledge(&mut self, resume: &[u8]) -> Result<(), FollowError>;
}

/// Events that a source got: whole transactions, in the order of their commits where the source
/// knows that.
#[derive(Debug, Default)]
pub struct Captured {
    /// The events.
    pub batches: Vec<UnparsedBatch>,
    /// Where the source can be gone on from after them: see [`SourceEnd::resume`].
    pub resume: Vec<u8>,
    /// See [`SourceEnd::kept`].
    pub kept: Vec<u8>,
    /// Whether the source can be gone on from only after what comes next: then there is no place
    /// here to go on from.
    pub more_follows: bool,
}

/// A source that cannot be followed further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// It could not be read; it may be tried again, from what is durable.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// What was known does not tell what is new any more.
    #[error("the source can no longer be gone on from")]
    Lost(Whole),
}

/// What is asked of a source.
#[derive(Clone, Debug, Default)]
pub struct SourceRequest {
    /// Which streams.
    pub streams: StreamSelection,
    /// What is wanted beside the events.
    pub files: WantedFiles,
    /// What an earlier backup knew, so that only what is new need be given.
    pub since: Option<Since>,
    /// Whether to give everything, even if what is new could be told.
    pub everything: bool,
    /// Whether to believe that what an earlier backup read has not changed where proving that means
    /// reading all of it: samples are compared then.
    pub trust_append: bool,
}

/// What is wanted of a source beside its events: see [`SourceEnd::files`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WantedFiles {
    /// Nothing.
    None,
    /// All that belongs to it and is not derived from its events.
    #[default]
    Usual,
    /// Saved states of aggregates and commands, too, where the source has them.
    WithState,
}

impl SourceRequest {
    /// What is known, if that is to be gone on from.
    pub fn known(&self) -> Option<&Since> {
        self.since.as_ref().filter(|_| !self.everything)
    }
}

/// What the newest backup before knew of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Since {
    /// Its [`SourceEnd::resume`].
    pub resume: Vec<u8>,
    /// Its [`SourceEnd::kept`]; empty if it was lost.
    pub kept: Vec<u8>,
    /// Events that it gave, with all that it continued.
    pub events: u64,
}

/// What a reader gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Everything, from the beginning.
    Whole(Whole),
    /// Exactly the events that [`SourceRequest::since`] did not know, by this proof: what it knew
    /// is there unchanged, before them, and nothing else is.
    Further(Proof),
}

/// Why everything is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whole {
    /// Nothing was known, or it was asked for.
    First,
    /// What was known does not tell what is new: says why, as the end of "everything was read,
    /// since ...".
    NotPossible(String),
    /// The source has less than it had: says what, as a sentence without its end.
    Shrank(String),
    /// What was known has changed: says what, as a sentence without its end.
    Changed(String),
}

/// How a reader knows that what was known has not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// All of it was hashed: so many bytes.
    Hashed {
        /// What was hashed, in bytes.
        bytes: u64,
    },
    /// Parts of it were compared, because that was asked for.
    Sampled {
        /// What was compared, in bytes.
        bytes: u64,
        /// What was known, in bytes.
        of: u64,
    },
    /// Each stream has as many events as it had and those that are given, up to its newest version.
    Counted {
        /// Streams.
        streams: u64,
        /// Events, those that are given among them.
        events: u64,
    },
    /// The events that were known are there by their identities, and all others are given.
    Identified {
        /// Events, those that are given among them.
        events: u64,
    },
    /// Positions are dealt in the order of commits and have no gap since the last that was known,
    /// where the event is the one that was there.
    Positions {
        /// Events, those that are given among them.
        events: u64,
    },
}

/// Reads a source's events in its own stable order.
#[async_trait]
pub trait EventReader: Send {
    /// What this reader gives.
    fn reading(&self) -> &Reading;

    /// What was found where several kinds of stores may be, in words such as `EventCore, in schema
    /// public`.
    fn found(&self) -> Option<&str> {
        None
    }

    /// Whether all events that were known are there, where the source can tell: it may give them in
    /// another order than before, so that a comparison in order says nothing.
    fn has_all_known(&self) -> Option<bool> {
        None
    }

    /// The length of what is to be read, in bytes, where it is known beforehand.
    fn bytes_expected(&self) -> Option<u64>;

    /// The next piece; `None` after the last.
    async fn next(&mut self) -> Result<Option<UnparsedBatch>, SourceError>;

    /// What else belongs to the source, and is no event. Called once, after the last piece.
    async fn finish(self: Box<Self>) -> Result<SourceEnd, SourceError>;
}

/// A piece of a source before it is parsed: CPU work for the pool.
pub struct UnparsedBatch {
    bytes: u64,
    parse: Box<dyn FnOnce() -> Result<EventBatch, SourceError> + Send>,
}

impl UnparsedBatch {
    /// Work on `bytes` of the source that yields a batch.
    pub fn new(
        bytes: u64,
        parse: impl FnOnce() -> Result<EventBatch, SourceError> + Send + 'static,
    ) -> Self {
        Self { bytes, parse: Box::new(parse) }
    }

    /// What it holds of the source, in bytes: bounds how many are parsed at once.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Does the work.
    pub fn parse(self) -> Result<EventBatch, SourceError> {
        (self.parse)()
    }
}

impl std::fmt::Debug for UnparsedBatch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("UnparsedBatch(..)")
    }
}

/// Consecutive events.
#[derive(Debug, Default)]
pub struct EventBatch {
    /// Their records, one after the other, as [`icecore_format::event::Event::encode_into`] writes
    /// them. Payloads are inline, whatever their length.
    pub records: Vec<u8>,
    /// For each event, where its record ends in `records`, in bytes.
    pub record_ends: Vec<usize>,
    /// For each event, its global position; empty if the source has none.
    pub positions: Vec<Option<u64>>,
    /// How the source wrote them.
    pub forms: EventForms,
    /// What of the source this batch stands for, in bytes.
    pub source_bytes: u64,
    /// The transactions that wrote the events, in order; empty if none is known.
    pub commits: Vec<CommitRun>,
    /// Streams with an event that cannot be taken. Only those that the request names; the source
    /// can be opened again without them.
    pub defects: Vec<StreamDefect>,
}

impl EventBatch {
    /// Appends an event of a source that keeps no form of its own, and its global position if the source
    /// deals such.
    ///
    /// # Panics
    ///
    /// If the batch has a form: then each event has its own.
    pub fn push(&mut self, event: &Event<'_>, position: Option<u64>) {
        assert_eq!(self.forms.kind, FormKind::None, "events with a form are put together by hand");
        let before = self.records.len();
        event.encode_into(&mut self.records);
        self.source_bytes += (self.records.len() - before) as u64;
        // Positions are there for all events, or for none.
        if position.is_some() || !self.positions.is_empty() {
            self.positions.resize(self.record_ends.len(), None);
            self.positions.push(position);
        }
        self.record_ends.push(self.records.len());
    }
}

/// Consecutive events of a batch that one transaction wrote, or of which no transaction is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitRun {
    /// How many.
    pub events: u32,
    /// The transaction.
    pub commit: Option<Commit>,
}

/// A stream with an event that cannot be taken.
#[derive(Debug)]
pub struct StreamDefect {
    /// The stream.
    pub stream: String,
    /// Which event it is, and what is wrong with it.
    pub defect: SourceError,
}

/// How the source wrote the events of a batch.
#[derive(Debug, Default)]
pub struct EventForms {
    /// What the templates render.
    pub kind: FormKind,
    /// The templates.
    pub templates: Vec<Template>,
    /// For each event, its template's index; empty if the kind is `None`.
    pub template_of: Vec<u32>,
    /// The verbatim pieces of the events, one after the other.
    pub pieces: Vec<u8>,
    /// For each event, where its pieces end in `pieces`, in bytes; empty if the kind is `None`.
    pub piece_ends: Vec<usize>,
}

/// What a source has beyond its events.
#[derive(Debug, Default)]
pub struct SourceEnd {
    /// What follows the last event in a file.
    pub epilogue: Vec<u8>,
    /// Named contents, such as consumers' checkpoints.
    pub files: Vec<SourceFile>,
    /// Where the next backup can go on: stands in the snapshot, for every role to read, so it is
    /// short and has nothing of the events.
    pub resume: Vec<u8>,
    /// What else the next backup needs to go on; kept, sealed, on this machine alone, and may be
    /// lost.
    pub kept: Vec<u8>,
}

/// A named content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The name.
    pub name: String,
    /// The content.
    pub content: Vec<u8>,
}

/// A source that cannot be read, or does not hold what it should.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// What a caller may do about it.
    pub kind: SourceErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Kinds of [`SourceError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceErrorKind {
    /// There is no such source.
    Missing,
    /// It holds something that is no event.
    Invalid,
    /// It could not be read.
    Unreadable,
}

impl SourceError {
    /// An error that says which step failed on what, and not why: that is its source.
    pub fn new(kind: SourceErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The same with its cause.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(cause.into());
        self
    }
}
