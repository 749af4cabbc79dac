//! Tables whose bytes are not those that were written: never a wrong answer.

use super::*;
use crate::index::merge::{Input, merge};
use crate::index::table::{Table, TableBytes, TableWriter};
use std::io::Cursor;

/// A table's bytes.
fn bytes(world: &World, nonce: u8) -> Vec<u8> {
    let inputs: Vec<Input> =
        world.runs.iter().map(|(id, run)| Input::run(*id, run.clone())).collect();
    let writer = TableWriter::new(Cursor::new(Vec::new()), &key(), [nonce; 16]).unwrap();
    merge(&inputs, |_| false, writer).unwrap().into_inner()
}

/// Several pages of chunks, with a filter.
fn world() -> World {
    let mut world = World::default();
    for first in (0..300).step_by(100) {
        world.add_chunks(first..first + 100);
    }
    world
}

/// Opens `bytes`, if they are a table, and looks everything up; whether damage was seen.
fn shows_damage(world: &World, bytes: Vec<u8>) -> bool {
    let Ok(table) = Table::open(TableBytes::Held(bytes), &key()) else { return true };
    let mut is_damaged = false;
    for number in 0..320 {
        match table.find(&id(number), |_, _| true) {
            Ok(found) => {
                let places = world.places(id(number));
                assert!(found.map_or(places.is_empty(), |found| places.contains(&found)));
            }
            Err(_) => is_damaged = true,
        }
    }
    assert_eq!(table.is_damaged(), is_damaged);
    is_damaged
}

#[test]
fn no_flipped_bit_anywhere_makes_a_wrong_answer() {
    let world = world();
    let whole = bytes(&world, 1);
    assert!(!shows_damage(&world, whole.clone()));
    let pages = whole.len() / 4096;
    let mut seen = vec![0; pages];
    for page in 0..pages {
        // The beginning of a page, where its rows are, and its code.
        for at in (0..200).step_by(3).chain((200..4080).step_by(151)).chain(4080..4096) {
            let mut bytes = whole.clone();
            bytes[page * 4096 + at] ^= 1 << (at % 8);
            seen[page] += usize::from(shows_damage(&world, bytes));
        }
    }
    // Of the pages of a filter the end is unused.
    assert!(seen.iter().all(|seen| *seen > 60), "{seen:?}");
    assert_eq!(seen.iter().filter(|count| **count == seen[0]).count(), pages - 1, "{seen:?}");
}

#[test]
fn tables_that_were_cut_off_emptied_or_filled_with_zeros_are_not_used() {
    let world = world();
    let whole = bytes(&world, 1);
    for length in (0..whole.len()).step_by(509).chain([whole.len() - 1]) {
        assert!(Table::open(TableBytes::Held(whole[..length].to_vec()), &key()).is_err());
    }
    let longer = [whole.as_slice(), &[0; 4096]].concat();
    assert!(Table::open(TableBytes::Held(longer), &key()).is_err());
    for page in 0..whole.len() / 4096 {
        let mut bytes = whole.clone();
        bytes[page * 4096..(page + 1) * 4096].fill(0);
        assert!(shows_damage(&world, bytes), "page {page}");
    }
}

#[test]
fn pages_that_changed_places_or_are_those_of_another_table_are_not_used() {
    let world = world();
    let (whole, other) = (bytes(&world, 1), bytes(&world, 2));
    let pages = whole.len() / 4096;
    for page in 0..pages {
        let range = page * 4096..(page + 1) * 4096;
        let mut mixed = whole.clone();
        mixed[range.clone()].copy_from_slice(&other[range.clone()]);
        // Fingerprints are the same in both.
        assert!(shows_damage(&world, mixed) || whole[range.clone()] == other[range.clone()]);
        let next = (page + 1) % pages * 4096;
        let mut moved = whole.clone();
        moved.copy_within(next..next + 4096, range.start);
        assert!(shows_damage(&world, moved), "page {page}");
    }
}

#[test]
fn a_table_made_under_another_key_is_not_used() {
    let whole = bytes(&world(), 1);
    assert!(Table::open(TableBytes::Held(whole), &TableKey::new(&[8; 32])).is_err());
}
