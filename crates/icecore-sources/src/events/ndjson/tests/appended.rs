//! A file that is backed up again and again while it grows.

use super::backups::{BLOCK_BYTES, EVENT, Shop};
use super::spellings::file;
use icecore::source::{Proof, Reading, Whole};
use proptest::prelude::*;
use std::fs;

/// Where a writer may have stopped: after a line, or before its end.
fn stops(file: &[u8]) -> Vec<usize> {
    let ends = memchr::memchr_iter(b'\n', file).flat_map(|newline| [newline, newline + 1]);
    [0].into_iter().chain(ends).chain([file.len()]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn backups_of_a_growing_file_together_have_what_one_of_all_of_it_has(
        file in file(),
        chosen in proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 1..5),
        only_a in any::<bool>(),
    ) {
        let stops = stops(&file);
        let mut chosen: Vec<_> = chosen
            .into_iter()
            .map(|(stop, trust)| (stops[stop.index(stops.len())], trust))
            .collect();
        chosen.sort_unstable();
        chosen.push((file.len(), false));
        let mut shop = Shop::new("");
        let mut at_once = Shop::new(&file);
        if only_a {
            shop.choose("a-*");
            at_once.choose("a-*");
        }
        at_once.back_up();
        for (stop, trust) in chosen {
            shop.write(&file[..stop]);
            shop.request.trust_append = trust;
            let known = shop.known_events();
            let (reading, events) = shop.back_up();
            if matches!(reading, Reading::Further(_)) {
                prop_assert_eq!(shop.known_events(), known + events);
            }
        }
        prop_assert_eq!(shop.known_records(), at_once.known_records());
        prop_assert_eq!(shop.restored(), at_once.restored());
        if !only_a {
            prop_assert_eq!(shop.restored(), String::from_utf8(file).expect("text"));
        }
        let (resumed, whole) = (shop.request.since.unwrap(), at_once.request.since.unwrap());
        prop_assert_eq!(resumed.resume, whole.resume);
        prop_assert_eq!(&resumed.kept[2..], &whole.kept[2..]);
    }
}

#[test]
fn what_precedes_is_hashed_and_only_what_follows_is_given() {
    let mut shop = Shop::new(EVENT.repeat(100) + "\n");
    assert_eq!(shop.back_up(), (Reading::Whole(Whole::First), 100));
    assert_eq!(shop.known.epilogue, b"\n");
    shop.write(EVENT.repeat(100) + "\n\n" + EVENT);
    let bytes = 100 * EVENT.len() as u64;
    assert_eq!(shop.back_up(), (Reading::Further(Proof::Hashed { bytes }), 1));
    assert_eq!(shop.restored(), EVENT.repeat(100) + "\n\n" + EVENT);
}

#[test]
fn an_unchanged_file_has_nothing_new_even_if_its_last_line_has_no_end() {
    for content in [EVENT.repeat(3), EVENT.repeat(3) + " \n", EVENT.repeat(3).trim_end().into()] {
        let mut shop = Shop::new(&content);
        shop.back_up();
        for _ in 0..2 {
            assert!(matches!(shop.back_up(), (Reading::Further(Proof::Hashed { .. }), 0)));
            assert_eq!(shop.restored(), content);
        }
    }
}

#[test]
fn a_file_is_read_whole_once_its_last_line_gets_an_end() {
    let mut shop = Shop::new(EVENT.trim_end());
    shop.back_up();
    shop.write(EVENT);
    let why = "the last line had no line end before".to_owned();
    shop.assert_whole(&Whole::NotPossible(why));
    shop.write(EVENT.repeat(2));
    assert!(matches!(shop.back_up(), (Reading::Further(_), 1)));
}

#[test]
fn a_file_without_events_is_gone_on_from_too() {
    for content in ["", "\n", "\u{feff}\n"] {
        let mut shop = Shop::new(content);
        shop.back_up();
        shop.write(format!("\u{feff}\n{EVENT}"));
        assert_eq!(shop.back_up(), (Reading::Further(Proof::Hashed { bytes: 0 }), 1));
        assert_eq!(shop.restored(), format!("\u{feff}\n{EVENT}"));
    }
}

#[test]
fn lines_are_counted_from_the_beginning_of_the_file() {
    let mut shop = Shop::new(EVENT.repeat(100));
    shop.back_up();
    shop.write(EVENT.repeat(101) + "x\n");
    let error = shop.read().expect_err("it is no event");
    let expected = format!(
        "line 102 of {} is no event: not JSON at byte 1: expected a value",
        shop.path().display()
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn trusting_that_a_file_was_appended_to_compares_some_of_it() {
    let mut shop = Shop::new(EVENT.repeat(100));
    shop.back_up();
    shop.write(EVENT.repeat(101));
    shop.request.trust_append = true;
    // The first of each sixteenth at first, the last, and what follows it.
    let (reading, events) = shop.back_up();
    let of = 100 * EVENT.len() as u64;
    let bytes = 17 * BLOCK_BYTES + of % BLOCK_BYTES;
    assert_eq!((reading, events), (Reading::Further(Proof::Sampled { bytes, of }), 1));
    // What was not read is still compared by whoever reads all of it.
    shop.request.trust_append = false;
    let bytes = 101 * EVENT.len() as u64;
    assert_eq!(shop.back_up(), (Reading::Further(Proof::Hashed { bytes }), 0));
}

#[test]
fn a_file_of_few_blocks_or_one_whose_blocks_nobody_remembers_is_hashed_even_if_it_is_trusted() {
    for (events, forget) in [(20, false), (100, true)] {
        let mut shop = Shop::new(EVENT.repeat(events));
        shop.back_up();
        if forget {
            shop.request.since.as_mut().unwrap().kept.clear();
        }
        shop.request.trust_append = true;
        let bytes = (events * EVENT.len()) as u64;
        assert_eq!(shop.back_up(), (Reading::Further(Proof::Hashed { bytes }), 0));
    }
}

#[test]
fn a_file_that_was_replaced_by_a_longer_one_with_the_same_beginning_is_gone_on_from() {
    let mut shop = Shop::new(EVENT.repeat(100));
    shop.back_up();
    let other = shop.path().with_extension("new");
    fs::write(&other, EVENT.repeat(103)).expect("there is room");
    fs::rename(other, shop.path()).expect("it can be replaced");
    assert!(matches!(shop.back_up(), (Reading::Further(Proof::Hashed { .. }), 3)));
}
