//! Tests of which packs are repacked.

use super::*;
use icecore_format::PackClass;
use proptest::prelude::*;

fn pack(number: u32, stored_bytes: u64, needed_bytes: u64) -> PackUsage {
    let session = SessionId { head: 0, random: [0; 10] };
    let needed_chunks = u64::from(needed_bytes > 0);
    let (id, class) = (PackId { session, number }, PackClass::Data);
    PackUsage { id, class, stored_bytes, needed_bytes, chunks: 1, needed_chunks }
}

/// The numbers of the packs that are chosen.
fn chosen(packs: &[(u64, u64)], unused_max: f64, repack_bytes_max: u64) -> Vec<u32> {
    let packs = (0..).zip(packs).map(|(number, (stored, needed))| pack(number, *stored, *needed));
    let options = PruneOptions { unused_max, repack_bytes_max, ..PruneOptions::default() };
    choose(&packs.collect::<Vec<_>>(), &options).iter().map(|pack| pack.id.number).collect()
}

#[test]
fn the_worst_packs_come_first_until_little_is_unused() {
    let packs = [(100, 90), (100, 10), (100, 40), (1000, 1000)];
    assert_eq!(chosen(&packs, 0.0, u64::MAX), [1, 2, 0]);
    assert_eq!(chosen(&packs, 0.07, u64::MAX), [1]);
    assert_eq!(chosen(&packs, 0.2, u64::MAX), [0; 0]);
}

#[test]
fn packs_of_which_nothing_is_needed_are_not_repacked_nor_do_they_count() {
    assert_eq!(chosen(&[(1000, 0), (100, 100)], 0.0, u64::MAX), [0; 0]);
}

#[test]
fn no_more_is_moved_than_was_said() {
    let packs = [(100, 20), (100, 30)];
    assert_eq!(chosen(&packs, 0.0, 49), [0]);
    assert_eq!(chosen(&packs, 0.0, 50), [0, 1]);
    assert_eq!(chosen(&packs, 0.0, 0), [0; 0]);
}

proptest! {
    #[test]
    fn what_is_moved_is_never_more_than_what_is_freed(
        packs in prop::collection::vec((1u64..1000, 0.0f64..=1.0), 0..40),
        unused_max in 0.0f64..=1.0,
        most in prop_oneof![Just(u64::MAX), 0u64..5000],
    ) {
        let packs: Vec<(u64, u64)> =
            packs.into_iter().map(|(stored, part)| (stored, (stored as f64 * part) as u64)).collect();
        let chosen = chosen(&packs, unused_max, most);
        let of = |number: &u32| packs[*number as usize];
        let moved: u64 = chosen.iter().map(|number| of(number).1).sum();
        let freed: u64 = chosen.iter().map(|number| of(number).0 - of(number).1).sum();
        prop_assert!(moved <= freed && moved <= most);
        prop_assert!(chosen.iter().all(|number| of(number).1 > 0));
    }
}
