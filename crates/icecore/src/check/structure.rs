//! The structure of snapshots: every node, segment and directory, and that every chunk they name is
//! in a usable pack. What snapshots share is followed once.

use super::{CheckError, CheckReport};
use crate::chunks::ChunkReader;
use crate::error::ReadError;
use crate::event_log::{LogReader, PartReader};
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::selection::StreamSelection;
use icecore_format::checkpoint::SnapshotState;
use icecore_format::event_log::{EventLogRoot, SegmentChunk, Span, Subtree};
use icecore_format::record::DecodeError;
use icecore_format::tree::{TreeContent, TreeNode};
use icecore_format::{ChunkId, ChunkKind, PackClass, PackId};
use std::collections::{BTreeSet, HashMap, HashSet};

/// What following the structure has found out.
#[derive(Debug, Default)]
pub(super) struct Structure {
    /// Whether the next two are wanted, which take some 60 bytes a chunk.
    counts_events: bool,
    /// For each chunk of events, the events that its segment says it has.
    pub(super) events: HashMap<ChunkId, u32>,
    /// For each chunk beside events, the events that it stands beside.
    pub(super) beside: HashMap<ChunkId, u32>,
    /// The packs that hold any of it.
    pub(super) packs: BTreeSet<PackId>,
    followed: HashSet<ChunkId>,
}

pub(super) async fn check(
    repository: &Repository,
    snapshots: impl Iterator<Item = &SnapshotState>,
    counts_events: bool,
    report: &mut CheckReport,
    monitor: &Monitor,
) -> Result<Structure, CheckError> {
    let mut structure = Structure { counts_events, ..Structure::default() };
    if repository.keys.private(PackClass::Metadata).is_none() {
        report.notes.push("this key cannot read the structure of snapshots".to_owned());
        return Ok(structure);
    }
    // An index run that cannot be read is a finding already; what it named is missing here.
    let chunks = match repository.chunks().await {
        Ok(chunks) => chunks,
        Err(error) if error.is_damage() => return Ok(structure),
        Err(error) => return Err(error.into()),
    };
    for found in snapshots {
        monitor.stop_point()?;
        report.snapshots += 1;
        let subject = format!("snapshot {}", found.snapshot.id);
        let mut walk = Walk { chunks: &chunks, structure: &mut structure, report, subject };
        if let Some(root) = &found.snapshot.event_log {
            if root.span().events != found.snapshot.counts.events {
                let subject = walk.subject.clone();
                walk.report.finding(&subject, &"its event log has another number of events");
            }
            walk.log(root, monitor).await?;
        }
        if let Some(tree) = found.snapshot.tree {
            walk.tree(tree).await?;
        }
    }
    Ok(structure)
}

struct Walk<'a> {
    chunks: &'a ChunkReader,
    structure: &'a mut Structure,
    report: &'a mut CheckReport,
    subject: String,
}

impl Walk<'_> {
    async fn log(&mut self, root: &EventLogRoot, monitor: &Monitor) -> Result<(), CheckError> {
        if let Some(epilogue) = root.epilogue {
            self.locate(epilogue).await?;
        }
        let reader = LogReader::new(self.chunks.clone());
        self.rest(root).await?;
        let mut pending: Vec<Subtree> = root.peaks.iter().chain(&root.open).copied().collect();
        while let Some(subtree) = pending.pop() {
            monitor.stop_point()?;
            if !self.structure.followed.insert(subtree.id) {
                continue;
            }
            self.locate(subtree.id).await?;
            if subtree.height == 0 {
                match reader.segment(subtree.id).await {
                    Ok(segment) => {
                        self.segment(&subtree, &segment).await?;
                        match segment.streams(&StreamSelection::default()).await {
                            Ok(streams) => {
                                let events = streams.iter().map(|stream| stream.events).sum();
                                self.compare("stream directory", events, &subtree.span);
                            }
                            Err(error) => self.failed(error)?,
                        }
                    }
                    Err(error) => self.failed(error)?,
                }
            } else {
                match reader.children(&subtree).await {
                    Ok(children) => {
                        let mut span = Span::default();
                        for child in &children {
                            span.add(&child.span);
                        }
                        self.compare("node", span.events, &subtree.span);
                        pending.extend(children);
                    }
                    Err(error) => self.failed(error)?,
                }
            }
        }
        Ok(())
    }

    async fn segment(&mut self, subtree: &Subtree, segment: &PartReader) -> Result<(), ReadError> {
        self.compare("segment", count(segment.chunks()), &subtree.span);
        self.event_chunks(segment.chunks()).await?;
        for page in segment.directory() {
            self.locate(page.page).await?;
        }
        Ok(())
    }

    async fn rest(&mut self, root: &EventLogRoot) -> Result<(), ReadError> {
        self.compare("rest", count(&root.rest), &root.rest_span);
        self.event_chunks(&root.rest).await
    }

    async fn event_chunks(&mut self, chunks: &[SegmentChunk]) -> Result<(), ReadError> {
        for chunk in chunks {
            self.locate(chunk.records).await?;
            if let Some(beside) = chunk.beside {
                self.locate(beside).await?;
            }
            if self.structure.counts_events {
                self.structure.events.insert(chunk.records, chunk.events);
                self.structure.beside.extend(chunk.beside.map(|beside| (beside, chunk.events)));
            }
        }
        Ok(())
    }

    async fn tree(&mut self, id: ChunkId) -> Result<(), CheckError> {
        if !self.structure.followed.insert(id) {
            return Ok(());
        }
        self.locate(id).await?;
        let node: TreeNode = match self.chunks.read_record(ChunkKind::Tree, id).await {
            Ok(node) => node,
            Err(error) => return Ok(self.failed(error)?),
        };
        for entry in node.entries {
            let TreeContent::File { chunks, .. } = entry.content else {
                let what = "an entry of an unknown kind";
                let source = DecodeError::Malformed { record: "the tree node", what };
                self.failed(ReadError::ChunkMalformed { id, source })?;
                continue;
            };
            for chunk in chunks {
                self.locate(chunk).await?;
            }
        }
        Ok(())
    }

    async fn locate(&mut self, id: ChunkId) -> Result<(), ReadError> {
        match self.chunks.locate(&id).await {
            Ok(location) => {
                self.structure.packs.insert(location.block.pack);
            }
            Err(error) => self.failed(error)?,
        }
        Ok(())
    }

    fn compare(&mut self, what: &str, events: u64, span: &Span) {
        if events != span.events {
            let expected = span.events;
            let problem = format!("a {what} has {events} events where {expected} belong");
            self.report.finding(&self.subject, &problem);
        }
    }

    fn failed(&mut self, error: ReadError) -> Result<(), ReadError> {
        self.report.failed_read(&self.subject, error)
    }
}

fn count(chunks: &[SegmentChunk]) -> u64 {
    chunks.iter().map(|chunk| u64::from(chunk.events)).sum()
}
