use super::{BLOCK_ROW_BYTES, CHUNK_ROW_BYTES, IndexRun, PACK_ROW_BYTES, RunPack};
use crate::id::{ChunkId, ChunkKind, Hash, PackClass, PackId, SessionId};
use crate::limits::{BLOCK_BYTES_MAX, BLOCK_STORED_BYTES_MAX};
use crate::pack::{Directory, DirectoryBlock, DirectoryChunk};

fn pack(number: u32) -> RunPack {
    let session = SessionId { head: 1, random: [2; 10] };
    RunPack {
        id: PackId { session, number },
        class: PackClass::Data,
        bytes: 5000,
        hash: Hash([3; 32]),
    }
}

fn directory(chunks: &[&[u8]]) -> Directory {
    let blocks = chunks.iter().enumerate().map(|(number, ids)| DirectoryBlock {
        kind: ChunkKind::Data,
        offset: 1000 * number as u32,
        stored_bytes: 900,
        raw_bytes: 10 * ids.len() as u32,
        chunks: ids.iter().map(|id| DirectoryChunk { id: ChunkId([*id; 32]), bytes: 10 }).collect(),
    });
    Directory { blocks: blocks.collect() }
}

fn run() -> IndexRun {
    let mut run = IndexRun::default();
    run.add(pack(0), &directory(&[&[9, 2, 7], &[2]]));
    run.add(pack(1), &directory(&[&[], &[7, 1, 7]]));
    run.sort();
    run
}

#[test]
fn every_copy_of_a_chunk_is_found_and_says_where_it_is() {
    let run = run();
    let places = |id: u8| -> Vec<_> {
        run.find_all(&ChunkId([id; 32]))
            .map(|chunk| {
                assert_eq!(chunk.bytes, 10);
                let block = run.blocks[chunk.block as usize];
                (run.packs[block.pack as usize].id.number, block.number, chunk.offset)
            })
            .collect()
    };
    assert_eq!(places(1), [(1, 1, 10)]);
    assert_eq!(places(2), [(0, 0, 10), (0, 1, 0)]);
    assert_eq!(places(7), [(0, 0, 20), (1, 1, 0), (1, 1, 20)]);
    assert_eq!(places(9), [(0, 0, 0)]);
    for absent in [0, 3, 8, 10, 255] {
        assert_eq!(places(absent), []);
    }
    assert_eq!(IndexRun::default().find_all(&ChunkId([0; 32])).count(), 0);
}

#[test]
fn a_run_is_its_rows_and_thirteen_bytes() {
    let run = run();
    let rows = 2 * PACK_ROW_BYTES + 4 * BLOCK_ROW_BYTES + 7 * CHUNK_ROW_BYTES;
    let bytes = run.encode();
    assert_eq!(bytes.len(), 13 + rows);
    assert_eq!(IndexRun::decode(&bytes), Ok(run));
}

#[test]
fn a_row_that_points_at_nothing_or_too_far_is_refused() {
    let break_with = |spoil: fn(&mut IndexRun)| {
        let mut run = run();
        spoil(&mut run);
        IndexRun::decode(&run.encode())
    };
    assert!(break_with(|_| {}).is_ok());
    assert!(break_with(|run| run.blocks[0].pack = 2).is_err());
    assert!(break_with(|run| run.chunks[0].block = 4).is_err());
    assert!(break_with(|run| run.chunks[0].offset = 21).is_err());
    assert!(break_with(|run| run.chunks[0].offset = u32::MAX).is_err());
    assert!(break_with(|run| run.chunks[0].bytes = u32::MAX).is_err());
    assert!(break_with(|run| run.chunks.reverse()).is_err());
    assert!(
        break_with(|run| run.blocks[0].stored_bytes = BLOCK_STORED_BYTES_MAX as u32 + 1).is_err()
    );
    assert!(break_with(|run| run.blocks[0].raw_bytes = BLOCK_BYTES_MAX as u32 + 1).is_err());
}

#[test]
fn rows_that_do_not_fill_a_run_are_refused_before_they_are_read() {
    let mut bytes = run().encode();
    for at in [1, 5, 9] {
        let mut wrong = bytes.clone();
        wrong[at] ^= 1;
        assert!(IndexRun::decode(&wrong).is_err());
        wrong[at..at + 4].copy_from_slice(&[0xff; 4]);
        assert!(IndexRun::decode(&wrong).is_err());
    }
    bytes.push(0);
    assert!(IndexRun::decode(&bytes).is_err());
}
