//! Writes events to a file or to standard output.
//!
//! A file appears under its name only when it is complete, durable, and was read back and compared
//! with what was written (most of it while it was still being written). Until then nothing that was there is touched.

use super::encode::LineEncoder;
use super::unfinished::UnfinishedFile;
use super::verify::{Content, TrailingReader};
use super::{KIND, STANDARD_STREAM};
use async_trait::async_trait;
use icecore::source::SourceFile;
use icecore::target::{
    Encoded, EventEncoder, EventWriter, RestoreEnd, Target, TargetError, TargetErrorKind,
    TargetRequest, Verification, Written,
};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file to restore to, or standard output.
#[derive(Clone, Debug)]
pub struct NdjsonTarget {
    path: PathBuf,
    dump: Option<DumpFormat>,
}

/// How a dump has events: all alike, wherever they come from, and every value exactly as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpFormat {
    /// Lines of JSON, with base64 for what is none.
    JsonLines,
    /// Maps of MessagePack.
    MessagePack,
}

impl DumpFormat {
    /// What writes events so, for a place that is no file.
    pub fn encoder(self) -> Arc<dyn EventEncoder> {
        Arc::new(LineEncoder::new(Some(self)))
    }
}

impl NdjsonTarget {
    /// The file at `path`, or standard output for `-`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), dump: None }
    }

    /// The same for a dump.
    pub fn dump(path: impl Into<PathBuf>, format: DumpFormat) -> Self {
        Self { path: path.into(), dump: Some(format) }
    }
}

#[async_trait]
impl Target for NdjsonTarget {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn open(&self, request: &TargetRequest) -> Result<Box<dyn EventWriter>, TargetError> {
        let path = self.path.clone();
        let overwrite = request.overwrite;
        let place = blocking(move || {
            if path == Path::new(STANDARD_STREAM) {
                Ok(Place::StandardOutput)
            } else {
                let file = UnfinishedFile::create(&path, overwrite)?;
                let reader = TrailingReader::follow(file.reopen()?)
                    .map_err(|error| cannot_read_back(&file, error))?;
                Ok(Place::File(file, reader))
            }
        });
        let output = Output {
            place: place.await?,
            hasher: blake3::Hasher::new(),
            bytes: 0,
            events: 0,
            is_line_open: false,
            has_lines: self.dump != Some(DumpFormat::MessagePack),
        };
        let encoder = Arc::new(LineEncoder::new(self.dump));
        // What follows the events of a file is none.
        let whole = request.whole && self.dump.is_none();
        let what = if self.dump.is_some() { "a dump" } else { "NDJSON" };
        let notes = left_out(&request.files, what).into_iter().collect();
        let untouched = output.untouched();
        let output = Some(output);
        Ok(Box::new(NdjsonWriter { output, untouched, whole, encoder, notes }))
    }
}

struct NdjsonWriter {
    /// `None` after an error: the file is removed already.
    output: Option<Output>,
    /// What to say after giving up.
    untouched: String,
    whole: bool,
    encoder: Arc<LineEncoder>,
    notes: Vec<String>,
}

#[async_trait]
impl EventWriter for NdjsonWriter {
    fn encoder(&self) -> Arc<dyn EventEncoder> {
        Arc::<LineEncoder>::clone(&self.encoder)
    }

    async fn write(&mut self, encoded: Encoded) -> Result<(), TargetError> {
        let mut output = self.output.take().ok_or_else(after_error)?;
        let output = blocking(move || {
            output.write_events(&encoded)?;
            Ok(output)
        });
        self.output = Some(output.await?);
        Ok(())
    }

    async fn finish(mut self: Box<Self>, end: RestoreEnd) -> Result<Written, TargetError> {
        let mut output = self.output.take().ok_or_else(after_error)?;
        let epilogue = if self.whole { end.epilogue } else { Vec::new() };
        let mut notes = self.notes;
        notes.extend(self.encoder.notes());
        blocking(move || {
            output.write(&epilogue)?;
            output.finish(notes)
        })
        .await
    }

    async fn abandon(mut self: Box<Self>) -> String {
        // Dropping an unfinished file removes it.
        drop(self.output.take());
        self.untouched
    }
}

/// Where lines go, and what went there.
struct Output {
    place: Place,
    hasher: blake3::Hasher,
    bytes: u64,
    events: u64,
    /// Whether the last line has no end yet.
    is_line_open: bool,
    /// Whether each event is a line.
    has_lines: bool,
}

enum Place {
    File(UnfinishedFile, TrailingReader),
    StandardOutput,
}

impl Output {
    /// What giving up leaves.
    fn untouched(&self) -> String {
        match &self.place {
            Place::File(file, _) => format!("{} was not touched", file.path().display()),
            Place::StandardOutput => {
                "standard output has what was written until then, and is not complete".to_owned()
            }
        }
    }

    fn write_events(&mut self, encoded: &Encoded) -> Result<(), TargetError> {
        if self.has_lines && self.is_line_open && !encoded.bytes.is_empty() {
            self.write(b"\n")?;
        }
        self.write(&encoded.bytes)?;
        self.events += encoded.events;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), TargetError> {
        match &mut self.place {
            Place::File(file, reader) => {
                file.write(bytes)?;
                self.hasher.update(bytes);
                reader.note_written(self.bytes + bytes.len() as u64);
            }
            Place::StandardOutput => {
                io::stdout().lock().write_all(bytes).map_err(standard_output_failed)?;
            }
        }
        self.bytes += bytes.len() as u64;
        self.is_line_open = bytes.last().map_or(self.is_line_open, |last| *last != b'\n');
        Ok(())
    }

    fn finish(self, notes: Vec<String>) -> Result<Written, TargetError> {
        let Self { place, hasher, bytes, events, has_lines, .. } = self;
        let written = |verified| Written { events, bytes, verified, notes };
        let Place::File(file, reader) = place else {
            io::stdout().lock().flush().map_err(standard_output_failed)?;
            return Ok(written(None));
        };
        // 1. Durable, 2. compared, 3. named: whoever finds the name finds all of the file.
        file.sync()?;
        let content = reader.finish().map_err(|error| cannot_read_back(&file, error))?;
        let lines = if has_lines { events } else { content.lines };
        if content != (Content { bytes, lines, hash: hasher.finalize() }) {
            let path = file.path().display();
            let message = format!("what was read back of {path} is not what was written");
            return Err(TargetError::new(TargetErrorKind::Differs, message));
        }
        file.publish()?;
        Ok(written(Some(Verification::ReadBack)))
    }
}

/// A sentence about what a file of events, called `what`, has no place for.
fn left_out(files: &[SourceFile], what: &str) -> Option<String> {
    let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
    (!names.is_empty())
        .then(|| format!("left out, since {what} has events only: {}", names.join(", ")))
}

fn cannot_read_back(file: &UnfinishedFile, error: io::Error) -> TargetError {
    let message = format!("cannot read back {}", file.path().display());
    TargetError::new(TargetErrorKind::Unwritable, message).because(error)
}

fn standard_output_failed(error: io::Error) -> TargetError {
    let kind = match error.kind() {
        io::ErrorKind::BrokenPipe => TargetErrorKind::Closed,
        _ => TargetErrorKind::Unwritable,
    };
    TargetError::new(kind, "cannot write to standard output").because(error)
}

fn after_error() -> TargetError {
    TargetError::new(TargetErrorKind::Unwritable, "writing went on after an error")
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TargetError> + Send + 'static,
) -> Result<T, TargetError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        let message = "writing was cut short";
        Err(TargetError::new(TargetErrorKind::Unwritable, message).because(error))
    })
}
