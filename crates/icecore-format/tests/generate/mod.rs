//! Arbitrary values of everything that is persisted.

#![allow(dead_code, reason = "each test file takes what it needs")]

pub(crate) mod blocks;
pub(crate) mod events;
pub(crate) mod json;

use icecore_format::checkpoint::{
    EpochState, KeyState, LedgerState, RecentEntry, SnapshotState, SnapshotStatus, TailState,
};
use icecore_format::cipher::Cipher;
use icecore_format::config::{ChunkBytes, Config};
use icecore_format::event::{self, EventDigest};
use icecore_format::event_log::{
    EventLogRoot, LogNode, NODE_CHILDREN, PageRef, Segment, SegmentChunk, Span, StreamEntry,
    StreamPage, Subtree,
};
use icecore_format::index_run::{IndexRun, RunPack};
use icecore_format::keys::Role;
use icecore_format::keys::signing::{SigningKey, VerifyingKey};
use icecore_format::ledger::body::{
    Abort, Commit, Condemn, DrillCheck, DrillPoint, Drilled, Follow, FollowedSource, Forget,
    KeyAdded, KeyRemoved, Protect, Reindex, Release, Repack, SessionRange, TailMark, TailStart,
    Trim, Unforget, Unprotect,
};
use icecore_format::ledger::{Entry, EntryBody, LedgerObject, Witness};
use icecore_format::pack::{Directory, DirectoryBlock, DirectoryChunk};
use icecore_format::snapshot::{Counts, Origin, Snapshot, Tag};
use icecore_format::tail::{Flush, Repeat, TailBlock, TailRecord};
use icecore_format::tree::{TreeContent, TreeEntry, TreeNode};
use icecore_format::{
    ChunkId, ChunkKind, Hash, KeyId, PackClass, PackId, RepositoryId, SessionId, SnapshotId,
    Timestamp,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::{option, sample};

/// This many cases of each property. One that fails is to be written down as a test of its own, so
/// seeds are not kept.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z0-9 -]{0,12}",
        1 => proptest::collection::vec(any::<char>(), 0..6)
            .prop_map(|characters| characters.into_iter().collect::<String>()),
    ]
}

pub(crate) fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..24)
}

pub(crate) fn repository_id() -> impl Strategy<Value = RepositoryId> {
    any::<[u8; 16]>().prop_map(RepositoryId)
}

pub(crate) fn snapshot_id() -> impl Strategy<Value = SnapshotId> {
    any::<[u8; 16]>().prop_map(SnapshotId)
}

pub(crate) fn key_id() -> impl Strategy<Value = KeyId> {
    any::<[u8; 16]>().prop_map(KeyId)
}

pub(crate) fn chunk_id() -> impl Strategy<Value = ChunkId> {
    any::<[u8; 32]>().prop_map(ChunkId)
}

pub(crate) fn hash() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash)
}

/// Small numbers and those around the ends of the type.
pub(crate) fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..300u64, any::<u64>(), u64::MAX - 2..=u64::MAX]
}

pub(crate) fn timestamp() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        any::<i64>(),
        Just(i64::MIN),
        Just(i64::MAX),
        1_600_000_000_000_000_000..1_900_000_000_000_000_000i64,
    ]
    .prop_map(Timestamp)
}

pub(crate) fn session_id() -> impl Strategy<Value = SessionId> {
    (number(), any::<[u8; 10]>()).prop_map(|(head, random)| SessionId { head, random })
}

pub(crate) fn pack_id() -> impl Strategy<Value = PackId> {
    (session_id(), any::<u32>()).prop_map(|(session, number)| PackId { session, number })
}

pub(crate) fn chunk_kind() -> impl Strategy<Value = ChunkKind> {
    sample::select(ChunkKind::ALL.to_vec())
}

pub(crate) fn pack_class() -> impl Strategy<Value = PackClass> {
    sample::select(PackClass::ALL.to_vec())
}

pub(crate) fn cipher() -> impl Strategy<Value = Cipher> {
    sample::select(vec![Cipher::Aes256Gcm, Cipher::ChaCha20Poly1305])
}

pub(crate) fn role() -> impl Strategy<Value = Role> {
    sample::select(vec![Role::Writer, Role::Reader, Role::Admin])
}

fn session_range() -> BoxedStrategy<SessionRange> {
    (session_id(), any::<u32>(), any::<u32>())
        .prop_map(|(session, first, end)| SessionRange { session, first, end })
        .boxed()
}

fn session_ranges() -> impl Strategy<Value = Vec<SessionRange>> {
    vec(session_range(), 0..3)
}

fn verifying_key() -> impl Strategy<Value = VerifyingKey> {
    any::<[u8; 32]>().prop_map(VerifyingKey)
}

pub(crate) fn signing_key() -> impl Strategy<Value = SigningKey> {
    any::<[u8; 32]>().prop_map(SigningKey::from_bytes)
}

fn chunk_bytes() -> impl Strategy<Value = ChunkBytes> {
    (1..1000u32, 1..100_000u32, 1..1_000_000u32).prop_map(|(min, more, most)| ChunkBytes {
        min,
        average: min + more,
        max: min + more + most,
    })
}

pub(crate) fn config() -> impl Strategy<Value = Config> {
    (repository_id(), cipher(), chunk_bytes(), chunk_bytes())
        .prop_map(|(repository, cipher, events, data)| Config { repository, cipher, events, data })
}

pub(crate) fn span() -> BoxedStrategy<Span> {
    (
        (number(), number(), number(), number(), number()),
        (option::of(number()), option::of(number())),
        (option::of(timestamp()), option::of(timestamp())),
        (option::of(timestamp()), option::of(timestamp()), number()),
    )
        .prop_map(|(counts, positions, times, commits)| Span {
            segments: counts.0,
            events: counts.1,
            record_bytes: counts.2,
            chunks: counts.3,
            streams_of_chunks: counts.4,
            first_position: positions.0,
            last_position: positions.1,
            first_time: times.0,
            last_time: times.1,
            first_commit: commits.0,
            last_commit: commits.1,
            commits_known: commits.2,
        })
        .boxed()
}

pub(crate) fn event_commit() -> impl Strategy<Value = Option<event::Commit>> {
    // Few, so that neighbours have the same.
    let commit = (0..3i64, 0..3u64)
        .prop_map(|(time, lsn)| event::Commit { time: Timestamp(time), lsn: lsn << 62 });
    option::of(commit)
}

/// A flush of a tail, but for its blocks.
pub(crate) fn flush() -> BoxedStrategy<Flush> {
    let known = (option::of(bytes()), option::of(bytes()));
    let repeat = (hash(), vec(segment_chunk(), 0..3), span())
        .prop_map(|(previous, chunks, span)| Repeat { previous, chunks, span });
    let beyond = (hash(), option::of(repeat), any::<u64>());
    (hash(), timestamp(), vec(segment_chunk(), 0..3), (span(), span()), known, beyond)
        .prop_map(|(previous, time, chunks, (span, total), (resume, kept), beyond)| Flush {
            previous,
            time,
            chunks,
            span,
            total,
            resume,
            kept,
            first_block: 0,
            blocks: Vec::new(),
            blocks_hash: beyond.0,
            repeat: beyond.1,
            unrepeated: beyond.2,
        })
        .boxed()
}

pub(crate) fn tail_record() -> BoxedStrategy<TailRecord> {
    let block = (chunk_kind(), chunk_id(), 0..1_000_000u32, 0..1_000_000u32).prop_map(
        |(kind, id, raw_bytes, stored_bytes)| TailBlock {
            kind: kind as u8,
            id,
            raw_bytes,
            stored_bytes,
        },
    );
    let flush =
        (flush(), 0..1_000_000u32, vec(block, 0..4)).prop_map(|(flush, first_block, blocks)| {
            TailRecord::Flush(Box::new(Flush { first_block, blocks, ..flush }))
        });
    prop_oneof![flush, session_id().prop_map(TailRecord::Terminator)].boxed()
}

fn subtree(height: impl Strategy<Value = u8>) -> impl Strategy<Value = Subtree> {
    (height, chunk_id(), span()).prop_map(|(height, id, span)| Subtree { height, id, span })
}

fn event_log_root() -> BoxedStrategy<EventLogRoot> {
    let rest = (vec(segment_chunk(), 0..3), span(), number());
    (vec(subtree(any::<u8>()), 0..3), vec(subtree(Just(0)), 0..3), rest, option::of(chunk_id()))
        .prop_map(|(peaks, open, (rest, rest_span, digest), epilogue)| {
            let digest = EventDigest(digest);
            EventLogRoot { peaks, open, rest, rest_span, digest, epilogue }
        })
        .boxed()
}

pub(crate) fn log_node() -> BoxedStrategy<LogNode> {
    (0..15u8)
        .prop_flat_map(|below| {
            vec(subtree(Just(below)), NODE_CHILDREN)
                .prop_map(move |children| LogNode { height: below + 1, children })
        })
        .boxed()
}

fn segment_chunk() -> impl Strategy<Value = SegmentChunk> {
    (chunk_id(), option::of(chunk_id()), any::<[u32; 2]>(), number(), option::of(number()))
        .prop_map(|(records, beside, [events, record_bytes], payload_bytes, position)| {
            SegmentChunk { records, beside, events, record_bytes, payload_bytes, position }
        })
}

pub(crate) fn segment() -> BoxedStrategy<Segment> {
    let directory = btree_map(text(), chunk_id(), 0..4).prop_map(|pages| {
        let page = |(first_stream, page)| PageRef { first_stream, page };
        pages.into_iter().map(page).collect()
    });
    (vec(segment_chunk(), 0..5), directory)
        .prop_map(|(chunks, directory)| Segment { chunks, directory })
        .boxed()
}

pub(crate) fn stream_page() -> BoxedStrategy<StreamPage> {
    let entry = (number(), number(), number(), vec(any::<u32>(), 0..4));
    btree_map(text(), entry, 0..5)
        .prop_map(|streams| StreamPage {
            streams: streams
                .into_iter()
                .map(|(stream, (events, first_version, last_version, chunks))| StreamEntry {
                    stream,
                    events,
                    first_version,
                    last_version,
                    chunks,
                })
                .collect(),
        })
        .boxed()
}

pub(crate) fn tree_node() -> impl Strategy<Value = TreeNode> {
    let name = "[a-z.]{0,3}[a-z]".prop_map(String::into_bytes);
    btree_map(name, (number(), vec(chunk_id(), 0..3)), 0..5).prop_map(|entries| TreeNode {
        entries: entries
            .into_iter()
            .map(|(name, (bytes, chunks))| TreeEntry {
                name,
                content: TreeContent::File { bytes, chunks },
            })
            .collect(),
    })
}

fn counts() -> BoxedStrategy<Counts> {
    (span(), number(), number(), number(), number())
        .prop_map(|(span, streams, version_holes, version_repeats, times_backwards)| Counts {
            events: span.events,
            streams,
            first_position: span.first_position,
            last_position: span.last_position,
            first_time: span.first_time,
            last_time: span.last_time,
            version_holes,
            version_repeats,
            times_backwards,
        })
        .boxed()
}

pub(crate) fn snapshot() -> BoxedStrategy<Snapshot> {
    let tag = (text(), option::of(text())).prop_map(|(key, value)| Tag { key, value });
    let origin = (repository_id(), number(), hash())
        .prop_map(|(repository, number, head)| Origin { repository, number, head });
    (
        (snapshot_id(), text(), text(), text(), text(), number()),
        (timestamp(), timestamp(), option::of(timestamp())),
        (vec(tag, 0..3), option::of(text()), vec(text(), 0..3)),
        (counts(), number(), number(), bytes()),
        (
            option::of(origin),
            option::of(event_log_root()),
            option::of(tail_mark()),
            option::of(chunk_id()),
        ),
    )
        .prop_map(|(names, times, labels, sizes, roots)| Snapshot {
            id: names.0,
            source: names.1,
            source_kind: names.2,
            host: names.3,
            program: names.4,
            epoch: names.5,
            started: times.0,
            finished: times.1,
            tags: labels.0,
            description: labels.1,
            retain_until: times.2,
            selection: labels.2,
            counts: sizes.0,
            bytes_read: sizes.1,
            bytes_stored: sizes.2,
            resume: sizes.3,
            origin: roots.0,
            event_log: roots.1,
            tail: roots.2,
            tree: roots.3,
        })
        .boxed()
}

fn tail_mark() -> impl Strategy<Value = TailMark> {
    (session_id(), number()).prop_map(|(session, objects)| TailMark { session, objects })
}

fn tail_start() -> impl Strategy<Value = TailStart> {
    prop_oneof![snapshot_id().prop_map(TailStart::Snapshot), Just(TailStart::Before)]
}

fn followed_source() -> impl Strategy<Value = FollowedSource> {
    (text(), text(), vec(text(), 0..3)).prop_map(|(name, kind, selection)| FollowedSource {
        name,
        kind,
        selection,
    })
}

fn follow() -> impl Strategy<Value = Follow> {
    let opened = (text(), session_id(), bytes());
    (followed_source(), opened, tail_start(), option::of(tail_mark())).prop_map(
        |(source, (host, session, header), start, ends)| Follow {
            source,
            host,
            session,
            header,
            start,
            ends,
        },
    )
}

fn drill_point() -> impl Strategy<Value = DrillPoint> {
    prop_oneof![
        Just(DrillPoint::Latest),
        timestamp().prop_map(DrillPoint::Time),
        timestamp().prop_map(DrillPoint::CommitTime),
        number().prop_map(DrillPoint::Position),
        Just(DrillPoint::Event),
        Just(DrillPoint::Version),
    ]
}

fn drilled() -> impl Strategy<Value = Drilled> {
    let check = (text(), any::<bool>()).prop_map(|(name, passed)| DrillCheck { name, passed });
    (
        (text(), text(), text(), text()),
        (timestamp(), drill_point(), option::of(timestamp()), option::of(number())),
        (option::of(snapshot_id()), any::<bool>(), number(), number()),
        (vec(check, 0..4), number(), number()),
    )
        .prop_map(|(names, points, state, shown)| Drilled {
            source: names.0,
            source_kind: names.1,
            host: names.2,
            target_kind: names.3,
            started: points.0,
            point: points.1,
            reached_time: points.2,
            reached_position: points.3,
            snapshot: state.0,
            has_tail: state.1,
            events: state.2,
            streams: state.3,
            checks: shown.0,
            nanoseconds_taken: shown.1,
            nanoseconds_distance: shown.2,
        })
}

fn trim() -> impl Strategy<Value = Trim> {
    let mark =
        (session_id(), number()).prop_map(|(session, objects)| TailMark { session, objects });
    (followed_source(), vec(mark, 0..3)).prop_map(|(source, below)| Trim { source, below })
}

fn tail_state() -> impl Strategy<Value = TailState> {
    let opened = (number(), key_id(), text(), session_id(), bytes());
    let ends = (option::of(number()), number());
    let epoch = (opened, tail_start(), ends).prop_map(
        |((number, author, host, session, header), start, (end, trimmed))| EpochState {
            number,
            author,
            host,
            session,
            header,
            start,
            end,
            trimmed,
        },
    );
    (followed_source(), vec(epoch, 0..3)).prop_map(|(source, epochs)| TailState { source, epochs })
}

fn condemn() -> BoxedStrategy<Condemn> {
    (any::<[u8; 16]>(), number(), session_ranges())
        .prop_map(|(plan, marked_at, packs)| Condemn { plan, marked_at, packs })
        .boxed()
}

fn commit() -> BoxedStrategy<Commit> {
    (
        (session_id(), vec(session_id(), 0..3)),
        (session_ranges(), session_ranges(), session_ranges()),
        vec(snapshot_id(), 0..3),
        snapshot(),
    )
        .prop_map(|((session, adopted), (packs, runs, leans), bases, snapshot)| Commit {
            session,
            adopted,
            packs,
            runs,
            leans,
            bases,
            snapshot,
        })
        .boxed()
}

/// A body of any kind, also of one that is not known.
pub(crate) fn entry_body() -> BoxedStrategy<EntryBody> {
    let snapshots = || vec(snapshot_id(), 0..3);
    prop_oneof![
        commit().prop_map(EntryBody::from),
        snapshots().prop_map(|snapshots| Forget { snapshots }.into()),
        snapshots().prop_map(|snapshots| Unforget { snapshots }.into()),
        snapshots().prop_map(|snapshots| Release { snapshots }.into()),
        condemn().prop_map(EntryBody::from),
        (condemn(), session_id(), session_ranges(), session_ranges()).prop_map(
            |(condemn, session, packs, runs)| Repack { condemn, session, packs, runs }.into()
        ),
        (session_id(), session_ranges(), session_ranges())
            .prop_map(|(session, old, new)| Reindex { session, old, new }.into()),
        (vec(session_id(), 0..3), number())
            .prop_map(|(sessions, floor)| Abort { sessions, floor }.into()),
        (verifying_key(), role()).prop_map(|(key, role)| KeyAdded { key, role }.into()),
        key_id().prop_map(|key| KeyRemoved { key }.into()),
        follow().prop_map(EntryBody::from),
        drilled().prop_map(EntryBody::from),
        snapshots().prop_map(|snapshots| Protect { snapshots }.into()),
        snapshots().prop_map(|snapshots| Unprotect { snapshots }.into()),
        trim().prop_map(EntryBody::from),
        (23..=u8::MAX, bytes()).prop_map(|(kind, bytes)| EntryBody::Unknown { kind, bytes }),
    ]
    .boxed()
}

/// An entry by the owner of a key.
pub(crate) fn entry(author: KeyId) -> impl Strategy<Value = Entry> {
    (number(), hash(), any::<[u8; 16]>(), timestamp(), entry_body()).prop_map(
        move |(number, previous, nonce, time, body)| Entry {
            number,
            previous,
            author,
            nonce,
            time,
            body,
        },
    )
}

pub(crate) fn ledger_object() -> impl Strategy<Value = LedgerObject> {
    vec(bytes(), 1..5).prop_map(|items| LedgerObject { items })
}

pub(crate) fn witness() -> impl Strategy<Value = Witness> {
    (number(), hash()).prop_map(|(number, head)| Witness { number, head })
}

pub(crate) fn ledger_state() -> BoxedStrategy<LedgerState> {
    let key = (verifying_key(), role(), any::<bool>()).prop_map(|(key, role, removed)| KeyState {
        key,
        role,
        removed,
    });
    let status = sample::select(vec![
        SnapshotStatus::Live,
        SnapshotStatus::Forgotten,
        SnapshotStatus::Released,
    ]);
    let snapshot =
        (number(), key_id(), status, snapshot()).prop_map(|(number, author, status, snapshot)| {
            SnapshotState { number, author, status, snapshot }
        });
    let recent = (number(), option::of(any::<[u8; 16]>()), session_ranges())
        .prop_map(|(number, plan, leans)| RecentEntry { number, plan, leans });
    (
        (number(), hash()),
        (
            btree_map(key_id(), key, 0..3),
            btree_map(snapshot_id(), snapshot, 0..3),
            btree_set(snapshot_id(), 0..3),
        ),
        (btree_set(session_range(), 0..3), btree_set(session_range(), 0..3)),
        (
            (btree_set(session_id(), 0..3), vec(tail_state(), 0..3)),
            number(),
            vec(recent, 0..3),
            option::of(number()),
        ),
    )
        .prop_map(|((next, head), (keys, snapshots, protected), (packs, runs), rest)| LedgerState {
            next,
            head,
            keys,
            snapshots,
            protected,
            packs,
            runs,
            ended: rest.0.0,
            tails: rest.0.1,
            floor: rest.1,
            recent: rest.2,
            unknown: rest.3,
        })
        .boxed()
}

pub(crate) fn directory() -> impl Strategy<Value = Directory> {
    let chunk = (chunk_id(), 0..1_000_000u32).prop_map(|(id, bytes)| DirectoryChunk { id, bytes });
    let block = (chunk_kind(), any::<u32>(), 0..1_000_000u32, vec(chunk, 0..5)).prop_map(
        |(kind, offset, stored_bytes, chunks)| DirectoryBlock {
            kind,
            offset,
            stored_bytes,
            raw_bytes: chunks.iter().map(|chunk| chunk.bytes).sum(),
            chunks,
        },
    );
    vec(block, 0..5).prop_map(|blocks| Directory { blocks })
}

pub(crate) fn index_run() -> impl Strategy<Value = IndexRun> {
    let pack = (pack_id(), pack_class(), number(), hash())
        .prop_map(|(id, class, bytes, hash)| RunPack { id, class, bytes, hash });
    vec((pack, directory()), 0..4).prop_map(|packs| {
        let mut run = IndexRun::default();
        for (pack, directory) in packs {
            run.add(pack, &directory);
        }
        run.sort();
        run
    })
}
