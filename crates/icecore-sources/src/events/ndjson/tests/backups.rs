//! Backups of a file that go on from each other.

use super::super::piece::Sizes;
use super::fixture::{self, Read};
use crate::events::ndjson::{MemberMap, NdjsonSource};
use icecore::selection::StreamSelection;
use icecore::source::{Reading, Since, Source, SourceEnd, SourceError, SourceRequest, Whole};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use tempfile::TempDir;

/// Bytes of a block in these tests.
pub(super) const BLOCK_BYTES: u64 = 64;

/// An event of 50 bytes.
pub(super) const EVENT: &str = "{\"stream_id\":\"a\",\"version\":1,\"type\":\"T\",\"data\":1}\n";

/// A file that is backed up, and what is known of it.
pub(super) struct Shop {
    directory: TempDir,
    pub(super) members: MemberMap,
    pub(super) request: SourceRequest,
    /// All that the backups gave, one after the other.
    pub(super) known: Read,
}

impl Shop {
    pub(super) fn new(content: impl AsRef<[u8]>) -> Self {
        let shop = Self {
            directory: tempfile::tempdir().expect("a directory"),
            members: MemberMap::default(),
            request: SourceRequest::default(),
            known: Read::default(),
        };
        shop.write(content);
        shop
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join("shop.ndjson")
    }

    pub(super) fn write(&self, content: impl AsRef<[u8]>) {
        fs::write(self.path(), content).expect("there is room");
    }

    /// Changes a byte where it stands.
    pub(super) fn change(&self, at: u64) {
        let file = File::options().read(true).write(true).open(self.path()).expect("the file");
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).expect("it is there");
        file.write_all_at(&[byte[0] ^ 1], at).expect("it is there");
    }

    pub(super) fn source(&self) -> NdjsonSource {
        let mut source = NdjsonSource::new(self.path(), self.members.clone());
        source.sizes = Sizes { piece_bytes: 100, block_bytes: BLOCK_BYTES, ..Sizes::default() };
        source
    }

    pub(super) fn choose(&mut self, pattern: &str) {
        self.request.streams = StreamSelection::new(vec![pattern.to_owned()]).expect("a pattern");
    }

    /// Backs up, and knows it from then on; what was read and why, and how many events that were.
    pub(super) fn back_up(&mut self) -> (Reading, usize) {
        let (reading, read, end) = self.read().expect("it is events");
        let events = read.batches.iter().map(|batch| batch.record_ends.len()).sum();
        match reading {
            Reading::Whole(_) => self.known = read,
            Reading::Further(_) => self.known.batches.extend(read.batches),
        }
        self.known.epilogue.clone_from(&end.epilogue);
        let SourceEnd { resume, kept, .. } = end;
        self.request.since = Some(Since { resume, kept, events: self.known_events() as u64 });
        (reading, events)
    }

    /// Reads what a backup would.
    pub(super) fn read(&self) -> Result<(Reading, Read, SourceEnd), SourceError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let mut reader = self.source().open(&self.request).await?;
            let reading = reader.reading().clone();
            let expected = reader.bytes_expected().expect("it is a file");
            let mut read = Read::default();
            while let Some(batch) = reader.next().await? {
                read.batches.push(batch.parse()?);
            }
            let end = reader.finish().await?;
            let bytes: u64 = read.batches.iter().map(|batch| batch.source_bytes).sum();
            assert_eq!(bytes + end.epilogue.len() as u64, expected);
            Ok((reading, read, end))
        })
    }

    pub(super) fn known_events(&self) -> usize {
        self.known.batches.iter().map(|batch| batch.record_ends.len()).sum()
    }

    /// The records of all events that are known.
    pub(super) fn known_records(&self) -> Vec<u8> {
        self.known.batches.iter().flat_map(|batch| batch.records.clone()).collect()
    }

    /// The file that a restore gives.
    pub(super) fn restored(&self) -> String {
        String::from_utf8_lossy(&fixture::write(&self.known)).into_owned()
    }

    #[track_caller]
    pub(super) fn assert_whole(&mut self, expected: &Whole) {
        let (reading, _) = self.back_up();
        assert_eq!(reading, Reading::Whole(expected.clone()));
        let content = fs::read(self.path()).expect("the file");
        assert_eq!(self.restored(), String::from_utf8_lossy(&content));
    }
}
