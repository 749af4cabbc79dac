//! A file that is not what it was when it is backed up again, and what is said about it.

use super::backups::{BLOCK_BYTES, EVENT, Shop};
use crate::events::ndjson::MemberMap;
use icecore::source::{Reading, Since, Whole};
use proptest::prelude::*;
use std::fs;

const EVENTS: usize = 100;
const BYTES: u64 = (EVENTS * EVENT.len()) as u64;

fn shop() -> Shop {
    let mut shop = Shop::new(EVENT.repeat(EVENTS));
    shop.back_up();
    shop
}

/// Whether it is read whole because the first bytes differ.
fn is_changed(reading: &Reading) -> bool {
    matches!(reading, Reading::Whole(Whole::Changed(_)))
}

#[test]
fn a_file_that_became_shorter_is_read_whole_with_or_without_trust() {
    for trust_append in [false, true] {
        let mut shop = shop();
        shop.request.trust_append = trust_append;
        shop.write(EVENT.repeat(2));
        let what = "it has 100 bytes, and its events had 5000".to_owned();
        shop.assert_whole(&Whole::Shrank(what));
        assert!(matches!(shop.back_up(), (Reading::Further(_), 0)));
    }
}

#[test]
fn blank_lines_at_the_end_may_come_and_go() {
    for (before, after) in [("\n\n", ""), ("", "\n\n"), (" \n", "\n")] {
        let mut shop = Shop::new(EVENT.repeat(EVENTS) + before);
        shop.back_up();
        shop.write(EVENT.repeat(EVENTS) + after);
        assert!(matches!(shop.back_up(), (Reading::Further(_), 0)));
        assert_eq!(shop.restored(), EVENT.repeat(EVENTS) + after);
    }
}

#[test]
fn a_byte_that_changed_anywhere_before_the_end_is_noticed_and_its_block_named() {
    // In the first, a middle and the last whole block, and after them.
    let data = EVENT.rfind('1').expect("data") as u64;
    for event in [0, 50, 98, 99] {
        let mut shop = shop();
        let at = event * EVENT.len() as u64 + data;
        shop.change(at);
        let block = at / BLOCK_BYTES;
        let what = if block == BYTES / BLOCK_BYTES {
            format!("its first {BYTES} bytes are not what they were")
        } else {
            let (start, end) = (block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES);
            format!("bytes {start} to {end} are not what they were")
        };
        shop.assert_whole(&Whole::Changed(what));
    }
}

#[test]
fn a_change_is_noticed_without_the_hashes_of_blocks_and_with_those_of_another_file() {
    let other = Shop::new(EVENT.repeat(EVENTS).replace("\"T\"", "\"U\""));
    let (_, _, other) = other.read().expect("it is events");
    for kept in [Vec::new(), vec![9; 99], other.kept] {
        let mut shop = shop();
        shop.request.since.as_mut().unwrap().kept.clone_from(&kept);
        let (reading, events) = shop.back_up();
        assert!(matches!(reading, Reading::Further(_)), "{reading:?}");
        assert_eq!(events, 0);
        shop.change(EVENT.find('1').expect("a version") as u64);
        shop.request.since.as_mut().unwrap().kept.clone_from(&kept);
        let what = format!("its first {BYTES} bytes are not what they were");
        shop.assert_whole(&Whole::Changed(what));
    }
}

#[test]
fn trust_still_notices_another_file_and_changes_at_the_beginning_and_at_the_end() {
    let (version, data) = (EVENT.find('1'), EVENT.rfind('1'));
    let [version, data] = [version, data].map(|at| at.expect("a number") as u64);
    for at in [version, 99 * EVENT.len() as u64 + version, 99 * EVENT.len() as u64 + data] {
        let mut shop = shop();
        shop.request.trust_append = true;
        shop.change(at);
        assert!(is_changed(&shop.back_up().0));
    }
    let mut shop = shop();
    shop.request.trust_append = true;
    shop.write(EVENT.repeat(2 * EVENTS).replace("\"T\"", "\"U\""));
    assert!(is_changed(&shop.back_up().0));
}

#[test]
fn trust_notices_any_change_after_some_backups() {
    let version = EVENT.find('1').expect("a version") as u64;
    let blocks = BYTES / BLOCK_BYTES;
    for event in 0..EVENTS as u64 {
        let mut shop = shop();
        shop.request.trust_append = true;
        shop.change(event * EVENT.len() as u64 + version);
        let turns = blocks.div_ceil(16);
        assert!((0..turns).any(|_| is_changed(&shop.back_up().0)), "event {event}");
    }
}

#[test]
fn a_change_that_trust_did_not_notice_is_noticed_by_whoever_hashes_all() {
    let version = EVENT.find('1').expect("a version") as u64;
    let mut shop = shop();
    shop.request.trust_append = true;
    // Its block has its turn after the first one.
    shop.change(2 * EVENT.len() as u64 + version);
    shop.write(fs::read_to_string(shop.path()).expect("the file") + EVENT);
    assert!(matches!(shop.back_up(), (Reading::Further(_), 1)));
    shop.request.trust_append = false;
    assert!(is_changed(&shop.back_up().0));
}

#[test]
fn lines_that_are_read_another_way_are_all_read_again() {
    let why = Whole::NotPossible("other members or other streams were read before".to_owned());
    let mut shop = shop();
    shop.members = MemberMap::new([("metadata", "meta")]).expect("a map");
    shop.assert_whole(&why);
    shop.choose("*");
    shop.assert_whole(&why);
    assert!(matches!(shop.back_up(), (Reading::Further(_), 0)));
}

#[test]
fn a_token_that_is_none_or_of_a_later_version_is_as_good_as_none() {
    let why = "the backup before noted nothing that can be gone on from";
    let shop = shop();
    let token = shop.request.since.clone().expect("a backup was made").resume;
    let mut later = token.clone();
    later[0] = 2;
    for resume in [Vec::new(), later, [&token[..], &[0]].concat(), token[..20].to_vec()] {
        let mut shop = self::shop();
        shop.request.since = Some(Since { resume, ..Since::default() });
        shop.assert_whole(&Whole::NotPossible(why.to_owned()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn garbage_in_place_of_what_was_known_never_makes_anything_but_all_of_the_file(
        resume in proptest::collection::vec(any::<u8>(), 0..100),
        kept in proptest::collection::vec(any::<u8>(), 0..100),
        damage in proptest::option::of((any::<prop::sample::Index>(), 1..=255u8)),
        trust_append in any::<bool>(),
    ) {
        let mut shop = shop();
        let mut since = shop.request.since.take().unwrap();
        since.kept = kept;
        match damage {
            None => since.resume = resume,
            Some((at, change)) => {
                let at = at.index(since.resume.len());
                since.resume[at] ^= change;
            }
        }
        shop.request.since = Some(since);
        shop.request.trust_append = trust_append;
        let Ok((reading, _, _)) = shop.read() else { return Ok(()) };
        // A token has nothing that tells a wrong number of lines; only messages have it.
        if let Reading::Further(_) = reading {
            let (_, events) = shop.back_up();
            prop_assert_eq!(events, 0);
        }
    }

    #[test]
    fn garbage_in_place_of_a_token_is_never_gone_on_from(
        version in 0..3u8,
        rest in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut shop = shop();
        let resume = [&[version], rest.as_slice()].concat();
        shop.request.since = Some(Since { resume, ..Since::default() });
        let (reading, events) = shop.back_up();
        prop_assert!(matches!(reading, Reading::Whole(Whole::NotPossible(_))), "{:?}", reading);
        prop_assert_eq!(events, EVENTS);
    }
}
