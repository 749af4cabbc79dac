//! Tables in the cache: several processes, files that go away, and places that take nothing.

use super::*;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;

/// The files of the tables below `path`.
pub(super) fn files(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path.join("index-tables-1")).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// A world of `runs` runs of ten chunks.
fn world(runs: u64) -> World {
    let mut world = World::default();
    for run in 0..runs {
        world.add_chunks(run * 10..run * 10 + 10);
    }
    world
}

#[test]
fn ten_thousand_runs_are_in_few_tables_and_a_new_process_reads_none_of_them() {
    let world = world(10_000);
    let directory = tempfile::tempdir().unwrap();
    let mut first = tables(Some(directory.path()));
    let all: Vec<RunId> = world.runs.keys().copied().collect();
    for batch in all.chunks(20) {
        let runs = batch.iter().map(|id| (*id, world.runs[id].clone())).collect();
        first.add(runs, &world.scope);
    }
    assert!(files(directory.path()).len() <= 11, "{:?}", files(directory.path()));
    let mut second = tables(Some(directory.path()));
    second.look_into_cache(&world.scope);
    assert_eq!(second.missing(&world.scope), []);
    for number in (0..100_100).step_by(7) {
        let found = second.find(&id(number), &world.scope).unwrap();
        let expected = (number < 100_000).then_some(session(number / 10));
        assert_eq!(found.map(|found| found.block.pack.session), expected);
    }
}

#[test]
fn processes_that_fill_one_cache_at_once_all_answer_right() {
    let directory = tempfile::tempdir().unwrap();
    let worlds: Vec<World> = (1..=60).map(world).collect();
    let barrier = std::sync::Barrier::new(4);
    std::thread::scope(|scope| {
        for process in 0..4 {
            let (worlds, barrier, path) = (&worlds, &barrier, directory.path());
            scope.spawn(move || {
                let mut tables = tables(Some(path));
                // Each has seen the ledger at other moments.
                for world in worlds.iter().skip(process).step_by(4) {
                    barrier.wait();
                    world.follow(&mut tables);
                    world.assert_agrees(&mut tables, 0..620);
                }
            });
        }
    });
    let world = worlds.last().unwrap();
    let mut last = tables(Some(directory.path()));
    last.look_into_cache(&world.scope);
    assert!(last.missing(&world.scope).len() <= 3);
    world.follow(&mut last);
    world.assert_agrees(&mut last, 0..620);
}

#[test]
fn what_others_merged_away_is_removed_once_and_only_by_what_has_all_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let world = world(5);
    let (mut one, mut other) = (tables(Some(directory.path())), tables(Some(directory.path())));
    // Neither sees what the other writes.
    for (id, run) in &world.runs {
        one.add(vec![(*id, run.clone())], &world.scope);
    }
    let all = world.runs.iter().map(|(id, run)| (*id, run.clone())).collect();
    other.add(all, &world.scope);
    assert_eq!(files(directory.path()).len(), 6);
    for _ in 0..2 {
        let mut third = tables(Some(directory.path()));
        third.look_into_cache(&world.scope);
        assert_eq!(third.missing(&world.scope), []);
        assert_eq!(files(directory.path()).len(), 1);
    }
    // Both still have what they mapped.
    world.assert_agrees(&mut one, 0..60);
    world.assert_agrees(&mut other, 0..60);
}

#[test]
fn tables_of_a_session_that_has_not_ended_are_left_to_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut own = world(1);
    let others = own.clone();
    let run = own.add_chunks(100..110);
    // It is adopted by one process: for the others the ledger does not name it, nor its end.
    own.scope.ended.remove(&run.session);
    own.follow(&mut tables(Some(directory.path())));
    let before = files(directory.path());
    let mut other = tables(Some(directory.path()));
    other.look_into_cache(&others.scope);
    assert_eq!(files(directory.path()), before);
    assert_eq!(other.find(&id(100), &others.scope), Ok(None));
}

#[test]
fn a_cache_that_is_deleted_while_it_is_in_use_goes_on_to_answer_and_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut world = world(12);
    let mut tables = tables(Some(directory.path()));
    world.follow(&mut tables);
    std::fs::remove_dir_all(directory.path()).unwrap();
    world.assert_agrees(&mut tables, 0..130);
    world.add_chunks(200..210);
    world.follow(&mut tables);
    world.assert_agrees(&mut tables, 0..220);
    assert_eq!(files(directory.path()).len(), 1);
}

#[test]
fn a_table_that_was_damaged_is_made_again() {
    for at in [0, 5000, 9000] {
        let directory = tempfile::tempdir().unwrap();
        let world = world(20);
        world.follow(&mut tables(Some(directory.path())));
        for path in files(directory.path()) {
            let mut bytes = std::fs::read(&path).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= 1;
            std::fs::write(path, bytes).unwrap();
        }
        let mut again = tables(Some(directory.path()));
        world.follow(&mut again);
        world.assert_agrees(&mut again, 0..220);
        // What was damaged is gone.
        let mut last = tables(Some(directory.path()));
        world.follow(&mut last);
        world.assert_agrees(&mut last, 0..220);
        assert!(!last.are_damaged());
    }
}

#[test]
fn a_cache_that_damages_everything_is_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let mut world = World::default();
    let mut tables = tables(Some(directory.path()));
    let mut damaged = BTreeSet::new();
    for run in 0..30 {
        world.add_chunks(run * 10..run * 10 + 10);
        world.follow(&mut tables);
        for path in files(directory.path()) {
            // In place, as a failing disk does, where nothing was read yet.
            if !damaged.insert(path.clone()) {
                continue;
            }
            let file = File::options().write(true).open(path).unwrap();
            std::os::unix::fs::FileExt::write_all_at(&file, &[9; 64], 4096).unwrap();
        }
        world.assert_agrees(&mut tables, 0..run * 10 + 10);
        damaged.extend(files(directory.path()));
    }
    // Two were damaged; what came after that is in memory.
    assert_eq!(damaged.len(), 3);
}

#[test]
fn a_place_that_takes_nothing_leaves_everything_in_memory() {
    let directory = tempfile::tempdir().unwrap();
    let blocked = directory.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let world = world(50);
    let mut tables = tables(Some(&blocked));
    world.follow(&mut tables);
    world.assert_agrees(&mut tables, 0..520);
}

#[test]
fn a_cache_that_takes_no_more_is_still_read() {
    let directory = tempfile::tempdir().unwrap();
    let mut world = world(5);
    let mut tables = tables(Some(directory.path()));
    world.follow(&mut tables);
    let own = directory.path().join("index-tables-1");
    std::fs::rename(&own, directory.path().join("elsewhere")).unwrap();
    std::fs::write(&own, "").unwrap();
    for run in 5..30 {
        world.add_chunks(run * 10..run * 10 + 10);
        world.follow(&mut tables);
    }
    world.assert_agrees(&mut tables, 0..320);
}

#[test]
fn what_a_process_left_that_died_is_removed_and_what_one_is_writing_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let world = world(3);
    world.follow(&mut tables(Some(directory.path())));
    let own = directory.path().join("index-tables-1");
    let (left, written) = (own.join("left.new"), own.join("written.new"));
    File::create(&left).unwrap();
    let file = File::create(&written).unwrap();
    file.try_lock().unwrap();
    tables(Some(directory.path())).look_into_cache(&world.scope);
    assert!(!left.exists());
    assert!(written.exists());
}

#[test]
fn copies_of_runs_that_are_in_a_table_are_removed() {
    let directory = tempfile::tempdir().unwrap();
    let mut world = world(3);
    let copies = directory.path().join("index");
    std::fs::create_dir(&copies).unwrap();
    let mut tables = tables(Some(directory.path()));
    world.follow(&mut tables);
    let open = world.add_chunks([50]);
    for run in world.runs.keys() {
        std::fs::write(copies.join(run.to_string()), "").unwrap();
    }
    tables.remove_copies(&world.scope);
    let left: Vec<_> =
        std::fs::read_dir(&copies).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [open.to_string().as_str()]);
}
