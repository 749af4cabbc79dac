//! Tables against a map, under random operations.

use super::*;
use crate::index::merge::ranges;
use proptest::prelude::*;

/// Chunks that there are; a few more are looked up.
const CHUNKS: u64 = 400;

#[derive(Clone, Debug)]
enum Step {
    /// Another backup: packs of blocks of chunks.
    Add(Vec<Vec<Vec<u64>>>),
    /// The ledger drops a run.
    DropRun(prop::sample::Index),
    /// A pack becomes unusable.
    Condemn(prop::sample::Index),
    /// One of two processes follows.
    Follow(bool),
    /// One of them begins anew.
    Restart(bool),
    /// A file of the cache is lost.
    Lose(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    let block = prop::collection::vec(0..CHUNKS, 0..20);
    let packs = prop::collection::vec(prop::collection::vec(block, 0..4), 1..4);
    prop_oneof![
        8 => packs.prop_map(Step::Add),
        1 => any::<prop::sample::Index>().prop_map(Step::DropRun),
        1 => any::<prop::sample::Index>().prop_map(Step::Condemn),
        6 => any::<bool>().prop_map(Step::Follow),
        1 => any::<bool>().prop_map(Step::Restart),
        1 => any::<prop::sample::Index>().prop_map(Step::Lose),
    ]
}

fn check(steps: Vec<Step>, path: Option<&Path>) {
    let mut world = World::default();
    let mut processes = [tables(path), tables(path)];
    for step in steps {
        match step {
            Step::Add(packs) => drop(world.add(&packs)),
            Step::DropRun(which) if !world.runs.is_empty() => {
                let run = *which.get(&world.runs.keys().collect::<Vec<_>>());
                world.scope.runs.remove(&one(run.session, 0));
            }
            Step::Condemn(which) if !world.scope.packs.is_empty() => {
                let pack = *which.get(&world.scope.packs.iter().collect::<Vec<_>>());
                let pack = *pack;
                world.scope.packs.remove(&pack);
            }
            Step::Follow(which) => {
                let tables = &mut processes[usize::from(which)];
                world.follow(tables);
                world.assert_agrees(tables, 0..CHUNKS + 20);
            }
            Step::Restart(which) => processes[usize::from(which)] = tables(path),
            Step::Lose(which) => {
                let files = path.map(super::cache::files).unwrap_or_default();
                if !files.is_empty() {
                    std::fs::remove_file(which.get(&files)).unwrap();
                }
            }
            Step::DropRun(_) | Step::Condemn(_) => {}
        }
    }
    for tables in &mut processes {
        world.follow(tables);
        world.assert_agrees(tables, 0..CHUNKS + 20);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn tables_in_a_cache_say_what_a_map_says(steps in prop::collection::vec(step(), 1..60)) {
        check(steps, Some(tempfile::tempdir().unwrap().path()));
    }

    #[test]
    fn tables_in_memory_say_what_a_map_says(steps in prop::collection::vec(step(), 1..60)) {
        check(steps, None);
    }
}

#[test]
fn a_chunk_is_found_in_whichever_of_its_packs_is_usable() {
    for usable in 0..20 {
        let mut world = World::default();
        let runs: Vec<RunId> = (0..20).map(|_| world.add_chunks([1, 2, 3])).collect();
        let mut tables = tables(None);
        world.follow(&mut tables);
        world.scope.packs.retain(|range| range.session == runs[usable].session);
        let found = tables.find(&id(2), &world.scope).unwrap().unwrap();
        assert_eq!(found.block.pack.session, runs[usable].session);
    }
}

#[test]
fn what_only_a_dropped_run_says_is_not_found_even_where_its_pack_is_usable() {
    let mut world = World::default();
    let wrong = world.add_chunks([1]);
    let mut tables = tables(None);
    world.follow(&mut tables);
    world.scope.runs.remove(&one(wrong.session, 0));
    assert_eq!(tables.find(&id(1), &world.scope), Ok(None));
}

#[test]
fn blocks_that_do_not_stand_in_the_order_of_their_packs_are_found() {
    let mut world = World::default();
    let packs = [vec![vec![1, 2]], vec![vec![3], vec![4]], vec![vec![5]]];
    let run_id = world.add(&packs);
    let mut run = IndexRun::clone(&world.runs[&run_id]);
    // As some other program may write it.
    let last = run.blocks.len() as u32 - 1;
    run.blocks.reverse();
    run.chunks.iter_mut().for_each(|chunk| chunk.block = last - chunk.block);
    run.sort();
    world.runs.insert(run_id, Arc::new(run));
    world.add_chunks(10..20);
    let mut tables = tables(None);
    world.follow(&mut tables);
    world.assert_agrees(&mut tables, 0..20);
}

#[test]
fn chunks_of_more_than_one_filter_are_found() {
    let mut world = World::default();
    let chunks = 600_000;
    for first in (0..chunks).step_by(200_000) {
        world.add_chunks(first..first + 200_000);
    }
    let directory = tempfile::tempdir().unwrap();
    let mut tables = tables(Some(directory.path()));
    world.follow(&mut tables);
    world.assert_agrees(&mut tables, (0..chunks).step_by(101).chain(chunks..chunks + 10_000));
}

#[test]
fn ids_that_begin_alike_are_told_apart() {
    let mut world = World::default();
    let alike = |last: u8| ChunkId(std::array::from_fn(|at| if at == 31 { last } else { 9 }));
    let run_id = world.add_chunks(0..250);
    let mut run = IndexRun::clone(&world.runs[&run_id]);
    // Every other one, on several pages.
    for (number, chunk) in run.chunks.iter_mut().enumerate() {
        chunk.id = alike(number as u8 & !1);
    }
    run.sort();
    world.runs.insert(run_id, Arc::new(run));
    let mut tables = tables(None);
    world.follow(&mut tables);
    for last in 0..250u8 {
        let found = tables.find(&alike(last), &world.scope).unwrap();
        assert_eq!(found.is_some(), last % 2 == 0, "{last}");
        assert!(found.is_none_or(|found| world.places(alike(last)).contains(&found)));
    }
}

#[test]
fn runs_are_named_by_the_fewest_ranges() {
    let run = |session_number, number| RunId { session: session(session_number), number };
    let runs = [run(1, 0), run(1, 1), run(1, 3), run(2, 4)];
    let range = |number, first, end| SessionRange { session: session(number), first, end };
    let expected = [range(1, 0, 2), range(1, 3, 4), range(2, 4, 5)];
    assert!(ranges(runs).into_iter().eq(expected));
}
