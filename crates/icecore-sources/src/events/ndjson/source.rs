//! Reads events from a file or from standard input.
//!
//! A file is read up to the length that it has when it is opened. If that is within a line, and
//! the file has grown by the time it was read, that line is left out: it was being written. What
//! an earlier backup has read is not parsed again if it is what it was.

use super::batch::{self, Context};
use super::member_map::MemberMap;
use super::piece::{End, Input, Piece, PieceReader, Sizes};
use super::resume::Start;
use super::token::{Kept, ReadingId, ResumeToken};
use super::{KIND, STANDARD_STREAM};
use async_trait::async_trait;
use icecore::source::{
    EventReader, Reading, Source, SourceEnd, SourceError, SourceErrorKind, SourceRequest,
    UnparsedBatch, Whole,
};
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// A file of events, or standard input.
#[derive(Clone, Debug)]
pub struct NdjsonSource {
    path: PathBuf,
    members: MemberMap,
    pub(super) sizes: Sizes,
}

impl NdjsonSource {
    /// The file at `path`, or standard input for `-`, whose lines have the members that `members`
    /// says.
    pub fn new(path: impl Into<PathBuf>, members: MemberMap) -> Self {
        Self { path: path.into(), members, sizes: Sizes::default() }
    }

    fn is_standard_input(&self) -> bool {
        self.path == Path::new(STANDARD_STREAM)
    }

    /// Opens what is to be read. Blocks.
    fn input(&self) -> Result<Input, SourceError> {
        if self.is_standard_input() {
            return Ok(Input::Stream(Box::new(io::stdin())));
        }
        let path = self.path.display();
        let failed = |error: io::Error| {
            if error.kind() == io::ErrorKind::NotFound {
                SourceError::new(SourceErrorKind::Missing, format!("there is no file {path}"))
            } else {
                SourceError::new(SourceErrorKind::Unreadable, format!("cannot open {path}"))
                    .because(error)
            }
        };
        let file = File::open(&self.path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            let message = format!("{path} is a directory, not a file of events");
            return Err(SourceError::new(SourceErrorKind::Unreadable, message));
        }
        Ok(if metadata.is_file() {
            Input::File { file, length: metadata.len() }
        } else {
            Input::Stream(Box::new(file))
        })
    }
}

#[async_trait]
impl Source for NdjsonSource {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn default_name(&self) -> String {
        if self.is_standard_input() {
            return "stdin".to_owned();
        }
        let path = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        format!("{KIND}:{}", path.display())
    }

    fn gives_again(&self) -> bool {
        // What cannot be looked at is no pipe that was read.
        let is_file = |path: &Path| path.metadata().map_or(true, |metadata| metadata.is_file());
        !self.is_standard_input() && is_file(&self.path)
    }

    async fn open(&self, request: &SourceRequest) -> Result<Box<dyn EventReader>, SourceError> {
        let name = if self.is_standard_input() {
            "standard input".to_owned()
        } else {
            self.path.display().to_string()
        };
        let members = self.members.clone();
        let context = Arc::new(Context { name, members, streams: request.streams.clone() });
        let (source, request) = (self.clone(), request.clone());
        let open = move || {
            let mut input = source.input()?;
            let start = start(&mut input, &request, &context, source.sizes.block_bytes)?;
            Ok::<_, SourceError>((input, start, context))
        };
        let (input, start, context) = blocking(tokio::task::spawn_blocking(open)).await??;
        let bytes_expected = match &input {
            Input::File { length, .. } => Some(*length - start.offset),
            Input::Stream(_) => None,
        };
        let (reading, turn) = (start.reading.clone(), start.turn);
        let pieces = PieceReader::new(input, start, Arc::clone(&context), self.sizes);
        let state = State::reading(pieces);
        Ok(Box::new(NdjsonReader { context, reading, turn, bytes_expected, state }))
    }
}

/// Where to start reading, with `input` at that place. Blocks.
fn start(
    input: &mut Input,
    request: &SourceRequest,
    context: &Context,
    block_bytes: u64,
) -> Result<Start, SourceError> {
    match input {
        Input::Stream(_) => {
            let why = match request.known() {
                None => Whole::First,
                Some(_) => Whole::NotPossible("a pipe cannot be read from its middle".to_owned()),
            };
            Ok(Start::whole(why, block_bytes))
        }
        Input::File { file, length } => {
            let failed = |error: io::Error| match error.kind() {
                io::ErrorKind::UnexpectedEof => context.became_shorter(),
                _ => context.unreadable(error),
            };
            let start =
                Start::find(file, *length, request, context, block_bytes).map_err(failed)?;
            file.seek(SeekFrom::Start(start.offset)).map_err(failed)?;
            Ok(start)
        }
    }
}

struct NdjsonReader {
    context: Arc<Context>,
    reading: Reading,
    turn: u64,
    bytes_expected: Option<u64>,
    state: State,
}

enum State {
    /// The next piece is being read ahead.
    Reading(JoinHandle<Result<(PieceReader, Option<Piece>), SourceError>>),
    Ended(Box<PieceReader>),
    Failed,
}

impl State {
    fn reading(mut pieces: PieceReader) -> Self {
        Self::Reading(tokio::task::spawn_blocking(move || {
            let piece = pieces.next()?;
            Ok((pieces, piece))
        }))
    }
}

#[async_trait]
impl EventReader for NdjsonReader {
    fn reading(&self) -> &Reading {
        &self.reading
    }

    fn bytes_expected(&self) -> Option<u64> {
        self.bytes_expected
    }

    async fn next(&mut self) -> Result<Option<UnparsedBatch>, SourceError> {
        // Whoever stops waiting here can wait again, for the task is still in its place.
        let State::Reading(task) = &mut self.state else { return Ok(None) };
        let read = blocking(task).await;
        self.state = State::Failed;
        let (pieces, piece) = read??;
        let Some(piece) = piece else {
            self.state = State::Ended(Box::new(pieces));
            return Ok(None);
        };
        self.state = State::reading(pieces);
        let context = Arc::clone(&self.context);
        let bytes = piece.bytes.len() as u64;
        Ok(Some(UnparsedBatch::new(bytes, move || batch::parse(&piece, &context))))
    }

    async fn finish(self: Box<Self>) -> Result<SourceEnd, SourceError> {
        let State::Ended(pieces) = self.state else {
            let message = format!("{} was not read to its end", self.context.name);
            return Err(SourceError::new(SourceErrorKind::Unreadable, message));
        };
        Ok(end(pieces.finish(), self.turn, &self.context))
    }
}

fn end(end: End, turn: u64, context: &Context) -> SourceEnd {
    let End { epilogue, offset, lines, is_line_ended, prefix } = end;
    let (resume, kept) = prefix.map_or_else(Default::default, |prefix| {
        let (reading, hash) = (ReadingId::of(context), prefix.hash());
        let token = ResumeToken { reading, offset, lines, is_line_ended, hash };
        (token.encode(), Kept { turn, blocks: prefix.into_blocks() }.encode())
    });
    SourceEnd { epilogue, files: Vec::new(), resume, kept }
}

/// Waits for a blocking task; one that panicked is an error of the source.
async fn blocking<T>(
    task: impl Future<Output = Result<T, tokio::task::JoinError>>,
) -> Result<T, SourceError> {
    task.await.map_err(|error| {
        SourceError::new(SourceErrorKind::Unreadable, "reading was cut short").because(error)
    })
}
