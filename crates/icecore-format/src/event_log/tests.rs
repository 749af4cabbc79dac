use super::{EventLogRoot, HEIGHT_MAX, LogNode, NODE_CHILDREN, Span, StreamEntry, Subtree};
use crate::id::ChunkId;
use crate::record::Record as _;
use crate::time::Timestamp;

fn segment(number: u64) -> Subtree {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&number.to_le_bytes());
    let span = Span {
        segments: 1,
        chunks: 2 * number,
        streams_of_chunks: 3 * number,
        events: number + 1,
        record_bytes: 10 * number,
        first_position: Some(100 * number),
        last_position: Some(100 * number + 99),
        first_time: number.is_multiple_of(3).then_some(Timestamp(-(number as i64))),
        last_time: None,
        first_commit: None,
        last_commit: number.is_multiple_of(5).then_some(Timestamp(number as i64)),
        commits_known: number / 2,
    };
    Subtree { height: 0, id: ChunkId(id), span }
}

/// The root after this many segments, and every node that they completed.
fn grow(segments: u64) -> (EventLogRoot, Vec<(ChunkId, LogNode)>) {
    let (mut root, mut nodes) = (EventLogRoot::default(), Vec::new());
    for number in 0..segments {
        let make_node = |node: LogNode| {
            let id = ChunkId(*blake3::hash(&node.encode()).as_bytes());
            nodes.push((id, node));
            id
        };
        root.push(segment(number), make_node);
    }
    (root, nodes)
}

/// The ids of the segments below a peak, in order.
fn segments_below(peak: &Subtree, nodes: &[(ChunkId, LogNode)]) -> Vec<ChunkId> {
    if peak.height == 0 {
        return vec![peak.id];
    }
    let (_, node) = nodes.iter().find(|(id, _)| *id == peak.id).unwrap();
    node.children.iter().flat_map(|child| segments_below(child, nodes)).collect()
}

#[test]
fn heights_of_peaks_never_rise_and_there_are_fewer_than_a_group_of_each() {
    let children = NODE_CHILDREN as u64;
    for segments in [0, 1, 15, 16, 17, 255, 256, 257, 4095, 4096, 4200] {
        let (root, nodes) = grow(segments);
        assert!(root.peaks.is_sorted_by(|a, b| a.height >= b.height), "{segments}");
        let completed = segments / 16 + segments / 256 + segments / 4096;
        assert_eq!(nodes.len() as u64, completed, "{segments}");
        for height in 0..=3u8 {
            let peaks = root.peaks.iter().filter(|peak| peak.height == height).count() as u64;
            let expected = segments / children.pow(height.into()) % children;
            assert_eq!(peaks, expected, "of height {height} over {segments}");
        }
    }
}

#[test]
fn peaks_span_all_segments_in_order() {
    for segments in [1, 16, 300, 4097] {
        let (root, nodes) = grow(segments);
        let mut expected = Span::default();
        (0..segments).for_each(|number| expected.add(&segment(number).span));
        assert_eq!(root.span(), expected);
        assert_eq!(expected.segments, segments);
        assert_eq!(expected.first_position, Some(0));
        assert_eq!(expected.last_position, Some(100 * segments - 1));
        let found: Vec<_> =
            root.peaks.iter().flat_map(|peak| segments_below(peak, &nodes)).collect();
        let all: Vec<_> = (0..segments).map(|number| segment(number).id).collect();
        assert_eq!(found, all);
    }
}

#[test]
fn every_node_that_is_made_decodes() {
    let (_, nodes) = grow(4096);
    for (_, node) in nodes {
        assert_eq!(LogNode::decode(&node.encode()), Ok(node));
    }
}

#[test]
fn a_node_whose_children_are_not_one_level_below_it_is_refused() {
    let (_, nodes) = grow(16);
    let (_, good) = nodes.first().unwrap();
    let mut fewer = good.clone();
    fewer.children.pop();
    let mut higher = good.clone();
    higher.height = 2;
    let mut uneven = good.clone();
    uneven.children[3].height = 1;
    let mut highest = good.clone();
    highest.height = HEIGHT_MAX + 1;
    highest.children.iter_mut().for_each(|child| child.height = HEIGHT_MAX);
    for node in [fewer, higher, uneven, highest] {
        assert!(LogNode::decode(&node.encode()).is_err());
    }
}

#[test]
fn peaks_that_somebody_made_up_neither_overflow_nor_grow_without_end() {
    let huge = Span { segments: u64::MAX, events: u64::MAX, ..Span::default() };
    let peaks = (0..=u8::MAX).rev().flat_map(|height| {
        let peak = Subtree { height, id: ChunkId([0; 32]), span: huge };
        std::iter::repeat_n(peak, NODE_CHILDREN - 1)
    });
    let mut root = EventLogRoot { peaks: peaks.collect(), ..EventLogRoot::default() };
    assert_eq!(root.span().events, u64::MAX);
    let mut nodes = 0;
    root.push(segment(0), |_| {
        nodes += 1;
        ChunkId([0; 32])
    });
    assert_eq!(nodes, HEIGHT_MAX);
}

#[test]
fn chunks_of_a_stream_are_counted_from_one_to_the_next() {
    let entry = StreamEntry {
        stream: "a".to_owned(),
        events: 3,
        first_version: 1,
        last_version: 3,
        chunks: vec![4, 1, u32::MAX],
    };
    let indices: Vec<_> = entry.chunk_indices().collect();
    assert_eq!(indices, [4, 5, 5 + u64::from(u32::MAX)]);
}
