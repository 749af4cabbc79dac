//! Marks: what is needed of packs is what a list of the marked chunks says, however tables overlap.

use super::*;
use crate::index::marks::{Marked, Marks, Use};
use icecore_format::index_run::{RunBlock, RunChunk};
use proptest::prelude::*;
use std::collections::BTreeSet;
use tempfile::TempDir;

/// What is needed of each usable pack, by the runs alone: chunks, those that are marked, and the bytes of blocks.
fn expected(world: &World, marked: &BTreeSet<u64>) -> BTreeMap<PackId, (u64, u64, u64)> {
    let is_marked: BTreeSet<ChunkId> = marked.iter().map(|number| id(*number)).collect();
    let mut packs = BTreeMap::new();
    for (run_id, run) in &world.runs {
        if !has(&world.scope.runs, run_id.session, run_id.number) {
            continue;
        }
        for chunk in &run.chunks {
            let pack = run.packs[run.blocks[chunk.block as usize].pack as usize].id;
            if world.scope.has_pack(pack) {
                let found: &mut (u64, u64, u64) = packs.entry(pack).or_default();
                found.0 += 1;
                found.1 += u64::from(is_marked.contains(&chunk.id));
            }
        }
        for block in &run.blocks {
            let pack = run.packs[block.pack as usize].id;
            if world.scope.has_pack(pack) {
                packs.entry(pack).or_default().2 += u64::from(block.stored_bytes);
            }
        }
    }
    packs
}

fn usage(marks: &Marks) -> BTreeMap<PackId, (u64, u64, u64)> {
    let packs = marks.usage().unwrap().into_iter();
    packs.map(|pack| (pack.id, (pack.chunks, pack.needed_chunks, pack.stored_bytes))).collect()
}

proptest! {
    #[test]
    fn what_is_needed_of_packs_is_what_was_marked_of_them(
        sessions in prop::collection::vec(
            prop::collection::vec(
                prop::collection::vec(prop::collection::vec(0u64..60, 1..6), 1..4), 1..4), 1..8),
        marked in prop::collection::btree_set(0u64..80, 0..40),
        retired in prop::collection::vec(any::<bool>(), 8),
    ) {
        let directory = TempDir::new().unwrap();
        let mut world = World::default();
        // Two processes fill one cache, so tables overlap.
        let mut processes = [tables(Some(directory.path())), tables(Some(directory.path()))];
        for (number, packs) in sessions.iter().enumerate() {
            world.add(packs);
            world.follow(&mut processes[number % 2]);
        }
        for (number, is_retired) in (0..sessions.len() as u64).zip(retired) {
            if is_retired {
                world.scope.packs.remove(&one(session(number), 0));
            }
        }
        let mut reader = tables(Some(directory.path()));
        world.follow(&mut reader);
        for own in processes.iter().chain([&reader]) {
            let marks = Marks::new(own.open(), &world.scope).unwrap();
            for number in &marked {
                let places = world.places(id(*number));
                let first = marks.mark(&id(*number), Use::Leaf).unwrap();
                let again = marks.mark(&id(*number), Use::Leaf).unwrap();
                let is_known = own.find(&id(*number), &world.scope).unwrap().is_some();
                prop_assert_eq!(first != Marked::Nowhere, is_known);
                let once = if is_known { Marked::Before } else { Marked::Nowhere };
                prop_assert_eq!(again, once);
                prop_assert!(!is_known || !places.is_empty());
                prop_assert_eq!(marks.is_needed(&id(*number)).unwrap(), is_known);
            }
            if own.missing_of(&world.scope) == 0 {
                prop_assert_eq!(usage(&marks), expected(&world, &marked));
            }
        }
    }
}

/// Somebody's snapshot names a node of another as if it were a file's content.
#[test]
fn a_chunk_that_is_needed_as_a_leaf_is_followed_all_the_same_when_it_is_a_node() {
    let mut world = World::default();
    world.add_chunks(0..10);
    let mut held = tables(None);
    world.follow(&mut held);
    let marks = Marks::new(held.open(), &world.scope).unwrap();
    assert_eq!(marks.mark(&id(3), Use::Leaf), Ok(Marked::Now));
    assert_eq!(marks.mark(&id(3), Use::Leaf), Ok(Marked::Before));
    assert_eq!(marks.mark(&id(3), Use::Node), Ok(Marked::Now));
    assert_eq!(marks.mark(&id(3), Use::Node), Ok(Marked::Before));
    assert_eq!(marks.mark(&id(4), Use::Node), Ok(Marked::Now));
    assert_eq!(marks.mark(&id(4), Use::Leaf), Ok(Marked::Before));
    assert_eq!(marks.mark(&id(99), Use::Leaf), Ok(Marked::Nowhere));
    let [pack] = marks.usage().unwrap().try_into().unwrap();
    assert_eq!((pack.chunks, pack.needed_chunks, pack.stored_bytes), (10, 2, 1000));
    assert_eq!((pack.needed_bytes, pack.unused_bytes()), (200, 800));
}

/// One that a stolen key could have written: it says that a pack of another session holds nothing, and its own
/// what that one holds.
#[test]
fn a_run_that_denies_what_is_in_anothers_pack_does_not_make_that_needless() {
    for is_merged in [false, true] {
        let mut world = World::default();
        let honest = world.add_chunks(0..10);
        let denying = world.add_chunks(0..10);
        let pack = world.runs[&honest].packs[0];
        let mut run = IndexRun::clone(&world.runs[&denying]);
        run.packs.insert(0, pack);
        run.blocks.iter_mut().for_each(|block| block.pack += 1);
        if is_merged {
            // As if both were one, the denial first.
            let own = world.runs.remove(&honest).unwrap();
            world.scope.runs.remove(&one(honest.session, 0));
            let (packs, blocks) = (run.packs.len() as u32, run.blocks.len() as u32);
            run.packs.extend(&own.packs);
            run.blocks
                .extend(own.blocks.iter().map(|it| RunBlock { pack: it.pack + packs, ..*it }));
            let chunks = own.chunks.iter();
            run.chunks.extend(chunks.map(|it| RunChunk { block: it.block + blocks, ..*it }));
            run.sort();
        }
        world.runs.insert(denying, Arc::new(run));
        let mut held = tables(None);
        world.follow(&mut held);
        let marks = Marks::new(held.open(), &world.scope).unwrap();
        marks.mark(&id(7), Use::Leaf).unwrap();
        let usage = marks.usage().unwrap();
        let found = usage.iter().find(|found| found.id == pack.id).unwrap();
        assert!(!found.is_needless(), "{found:?}");
    }
}

/// One that a stolen key could have written: it says that its pack holds what others hold.
#[test]
fn a_chunk_that_two_packs_hold_is_needed_in_both() {
    let mut world = World::default();
    world.add_chunks(0..10);
    world.add_chunks(5..15);
    let mut held = tables(None);
    world.follow(&mut held);
    let marks = Marks::new(held.open(), &world.scope).unwrap();
    marks.mark(&id(7), Use::Leaf).unwrap();
    assert!(marks.usage().unwrap().iter().all(|pack| !pack.is_needless()));
}
