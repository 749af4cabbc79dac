//! How many bytes only some snapshots need, found by following all.
//!
//! The unit is the block: one that has a chunk which is needed stays, as it is or as a copy. What snapshots
//! share is followed once, and events are not read.

use crate::chunks::ChunkReader;
use crate::error::ReadError;
use crate::event_log::LogReader;
use crate::monitor::{Monitor, Stopped};
use crate::repository::Repository;
use crate::snapshots;
use icecore_format::event_log::{EventLogRoot, SegmentChunk, Subtree};
use icecore_format::snapshot::Snapshot;
use icecore_format::tree::{TreeContent, TreeNode};
use icecore_format::{ChunkId, ChunkKind, PackClass, PackId, SnapshotId};
use std::collections::{HashMap, HashSet};

/// It was not found out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BytesError {
    /// The key cannot read what snapshots consist of.
    #[error("this key cannot read what snapshots consist of")]
    NoKey,
    /// Something of it could not be read.
    #[error("cannot follow what snapshots consist of")]
    Read(#[from] ReadError),
    /// It was asked to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// What is freed when these snapshots are gone and all others that are not released stay, in bytes: sealed
/// blocks that nothing else needs.
pub async fn freed_bytes(
    repository: &Repository,
    removed: &[SnapshotId],
    monitor: &Monitor,
) -> Result<u64, BytesError> {
    if removed.is_empty() {
        return Ok(0);
    }
    if repository.keys.private(PackClass::Metadata).is_none() {
        return Err(BytesError::NoKey);
    }
    let _task = monitor.task("finding out what is needed");
    let state = repository.state().await;
    let kept = snapshots::kept(&state);
    let (going, staying): (Vec<_>, Vec<_>) =
        kept.into_iter().partition(|found| removed.contains(&found.snapshot.id));
    let mut walk = Walk {
        chunks: repository.chunks().await?,
        monitor,
        followed: HashSet::new(),
        blocks: HashMap::new(),
    };
    for found in staying {
        walk.snapshot(&found.snapshot).await?;
    }
    let needed = std::mem::take(&mut walk.blocks);
    for found in going {
        walk.snapshot(&found.snapshot).await?;
    }
    let freed = walk.blocks.iter().filter(|(block, _)| !needed.contains_key(block));
    Ok(freed.map(|(_, bytes)| bytes).sum())
}

struct Walk<'a> {
    chunks: ChunkReader,
    monitor: &'a Monitor,
    /// Nodes and segments that were followed.
    followed: HashSet<ChunkId>,
    /// The blocks that hold any of it, and their sealed lengths.
    blocks: HashMap<(PackId, u32), u64>,
}

impl Walk<'_> {
    async fn snapshot(&mut self, snapshot: &Snapshot) -> Result<(), BytesError> {
        if let Some(root) = &snapshot.event_log {
            self.log(root).await?;
        }
        if let Some(tree) = snapshot.tree {
            self.tree(tree).await?;
        }
        Ok(())
    }

    async fn log(&mut self, root: &EventLogRoot) -> Result<(), BytesError> {
        if let Some(epilogue) = root.epilogue {
            self.locate(epilogue).await?;
        }
        self.event_chunks(&root.rest).await?;
        let reader = LogReader::new(self.chunks.clone());
        let mut pending: Vec<Subtree> = root.peaks.iter().chain(&root.open).copied().collect();
        while let Some(subtree) = pending.pop() {
            self.monitor.stop_point()?;
            if !self.followed.insert(subtree.id) {
                continue;
            }
            self.locate(subtree.id).await?;
            if subtree.height > 0 {
                pending.extend(reader.children(&subtree).await?);
                continue;
            }
            let segment = reader.segment(subtree.id).await?;
            self.event_chunks(segment.chunks()).await?;
            for page in segment.directory() {
                self.locate(page.page).await?;
            }
        }
        Ok(())
    }

    async fn event_chunks(&mut self, chunks: &[SegmentChunk]) -> Result<(), ReadError> {
        for chunk in chunks {
            self.locate(chunk.records).await?;
            if let Some(beside) = chunk.beside {
                self.locate(beside).await?;
            }
        }
        Ok(())
    }

    async fn tree(&mut self, id: ChunkId) -> Result<(), BytesError> {
        if !self.followed.insert(id) {
            return Ok(());
        }
        self.locate(id).await?;
        let node: TreeNode = self.chunks.read_record(ChunkKind::Tree, id).await?;
        for entry in node.entries {
            if let TreeContent::File { chunks, .. } = entry.content {
                for chunk in chunks {
                    self.locate(chunk).await?;
                }
            }
        }
        Ok(())
    }

    async fn locate(&mut self, id: ChunkId) -> Result<(), ReadError> {
        let block = self.chunks.locate(&id).await?.block;
        self.blocks.insert((block.pack, block.number), u64::from(block.stored_bytes));
        Ok(())
    }
}
