//! Marking: every chunk that a snapshot needs which was not released. What snapshots share is gone
//! through once.
//!
//! A node that cannot be read ends it: what hangs below would seem to be needed by nobody.
//!
//! Specification: docs/concurrency.md, rule 5; docs/prune.md, "Marking".

use crate::chunks::ChunkReader;
use crate::environment::Environment;
use crate::error::ReadError;
use crate::event_log::{LogReader, payloads_of};
use crate::index::{Marked, Marks, Use};
use crate::monitor::{Monitor, Stopped};
use crate::selection::StreamSelection;
use futures::stream::{FuturesUnordered, StreamExt as _};
use icecore_format::event_log::{EventLogRoot, SegmentChunk, Subtree};
use icecore_format::record::DecodeError;
use icecore_format::snapshot::Snapshot;
use icecore_format::tree::{TreeContent, TreeNode};
use icecore_format::{ChunkId, ChunkKind, SnapshotId};
use std::sync::Arc;

/// Nodes that are read at once: each is a request where storage is far away.
const READS_MAX: usize = 16;

/// Marking that did not come to its end.
#[derive(Debug)]
pub(super) enum MarkError {
    /// Something that a snapshot needs could not be read.
    Read {
        snapshot: SnapshotId,
        source: ReadError,
    },
    /// The cache is damaged: to be repaired, and gone through once more.
    TableDamaged,
    Stopped(Stopped),
}

/// What a walk comes to.
#[derive(Clone, Copy)]
enum Node<'a> {
    Snapshot(&'a Snapshot),
    Log(Subtree),
    Tree(ChunkId),
    /// A chunk of events some of whose payloads are chunks of their own.
    Events(ChunkId),
}

/// Why a node was not gone through.
enum NodeError {
    Read(ReadError),
    TableDamaged,
}

impl From<ReadError> for NodeError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

struct Walk {
    environment: Environment,
    chunks: ChunkReader,
    marks: Arc<Marks>,
}

/// Marks everything that these snapshots need.
pub(super) async fn mark<'a>(
    environment: &Environment,
    chunks: ChunkReader,
    marks: Arc<Marks>,
    snapshots: impl IntoIterator<Item = &'a Snapshot>,
    monitor: &Monitor,
) -> Result<(), MarkError> {
    let walk = Walk { environment: environment.clone(), chunks, marks };
    let roots = snapshots.into_iter().map(|snapshot| (snapshot.id, Node::Snapshot(snapshot)));
    let mut pending: Vec<(SnapshotId, Node<'_>)> = roots.collect();
    let mut running = FuturesUnordered::new();
    loop {
        monitor.stop_point().map_err(MarkError::Stopped)?;
        while running.len() < READS_MAX
            && let Some((snapshot, node)) = pending.pop()
        {
            let visit = walk.visit(node);
            running.push(async move { (snapshot, visit.await) });
        }
        match running.next().await {
            None => return Ok(()),
            Some((snapshot, Ok(below))) => {
                pending.extend(below.into_iter().map(|node| (snapshot, node)));
            }
            Some((snapshot, Err(NodeError::Read(source)))) => {
                return Err(MarkError::Read { snapshot, source });
            }
            Some((_, Err(NodeError::TableDamaged))) => return Err(MarkError::TableDamaged),
        }
    }
}

impl Walk {
    /// Marks what a node names; what of that is to be gone through itself.
    async fn visit<'a>(&self, node: Node<'a>) -> Result<Vec<Node<'a>>, NodeError> {
        let mut named = Named::default();
        match node {
            Node::Snapshot(snapshot) => {
                if let Some(root) = &snapshot.event_log {
                    named.root(root);
                }
                named.nodes.extend(snapshot.tree.map(|tree| (tree, Node::Tree(tree))));
            }
            Node::Log(subtree) if subtree.height > 0 => {
                let reader = LogReader::new(self.chunks.clone());
                named.subtrees(&reader.children(&subtree).await?);
            }
            Node::Log(subtree) => {
                let reader = LogReader::new(self.chunks.clone());
                let segment = reader.segment(subtree.id).await?;
                named.events(segment.chunks());
                named.leaves.extend(segment.directory().iter().map(|page| page.page));
            }
            Node::Tree(id) => {
                named.tree(id, self.chunks.read_record(ChunkKind::Tree, id).await?)?;
            }
            Node::Events(id) => {
                let records = self.chunks.read(ChunkKind::Events, id).await?;
                let payloads = payloads_of(&records, &StreamSelection::default());
                let malformed = |source| ReadError::ChunkMalformed { id, source };
                named.leaves.extend(payloads.map_err(malformed)?);
            }
        }
        let marks = self.marks.clone();
        let (ids, nodes): (Vec<ChunkId>, Vec<Node<'a>>) = named.nodes.into_iter().unzip();
        let leaves = named.leaves;
        let marked = self.environment.compute(move || {
            let mark = |id: &ChunkId, as_what| match marks.mark(id, as_what) {
                Ok(Marked::Nowhere) => Err(ReadError::ChunkMissing { id: *id }.into()),
                Ok(marked) => Ok(marked == Marked::Now),
                Err(_) => Err(NodeError::TableDamaged),
            };
            leaves.iter().try_for_each(|id| mark(id, Use::Leaf).map(drop))?;
            ids.iter().map(|id| mark(id, Use::Node)).collect::<Result<Vec<bool>, NodeError>>()
        });
        let is_new = marked.await?;
        Ok(nodes
            .into_iter()
            .zip(is_new)
            .filter(|(_, is_new)| *is_new)
            .map(|(node, _)| node)
            .collect())
    }
}

/// What a node names.
#[derive(Default)]
struct Named<'a> {
    /// What names nothing itself.
    leaves: Vec<ChunkId>,
    /// What does.
    nodes: Vec<(ChunkId, Node<'a>)>,
}

impl Named<'_> {
    fn root(&mut self, root: &EventLogRoot) {
        self.leaves.extend(root.epilogue);
        self.events(&root.rest);
        self.subtrees(&root.peaks);
        self.subtrees(&root.open);
    }

    fn subtrees(&mut self, subtrees: &[Subtree]) {
        self.nodes.extend(subtrees.iter().map(|subtree| (subtree.id, Node::Log(*subtree))));
    }

    fn events(&mut self, chunks: &[SegmentChunk]) {
        for chunk in chunks {
            self.leaves.extend(chunk.beside);
            if chunk.payload_bytes > 0 {
                self.nodes.push((chunk.records, Node::Events(chunk.records)));
            } else {
                self.leaves.push(chunk.records);
            }
        }
    }

    fn tree(&mut self, id: ChunkId, node: TreeNode) -> Result<(), ReadError> {
        for entry in node.entries {
            let TreeContent::File { chunks, .. } = entry.content else {
                let what = "an entry of an unknown kind";
                let source = DecodeError::Malformed { record: "the tree node", what };
                return Err(ReadError::ChunkMalformed { id, source });
            };
            self.leaves.extend(chunks);
        }
        Ok(())
    }
}
