//! Recovery keys on paper: a random secret as ten groups of six digits, which a tired person can type.
//!
//! The sixth digit of a group checks the five before it and the group's place, so a digit that is wrong, two
//! neighbours that are swapped, and a group in another's place are each told by the group's number.
//!
//! Format: docs/format.md, "Recovery keys". Source of the check digit: H. M. Damm, 2004.

use crate::random::{Random, random_bytes};
use zeroize::Zeroizing;

/// Bytes of the secret.
pub const SECRET_BYTES: usize = 20;
/// Groups of digits.
pub const GROUPS: usize = 10;
/// Digits of a group, its check digit included.
pub const GROUP_DIGITS: usize = 6;

/// What five digits can say.
const GROUP_VALUES: u32 = 100_000;

/// Of so many groups that check out, what was typed is a recovery key with mistakes, and no other password.
const GROUPS_RIGHT_MIN: usize = 6;

/// Damm's quasigroup of order 10.
const DAMM: [[u8; 10]; 10] = [
    [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
    [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
    [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
    [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
    [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
    [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
    [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
    [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
    [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
    [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
];

/// What was typed is a recovery key, and not quite.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the recovery key has a mistake in {}", list(groups))]
pub struct Mistyped {
    /// The groups that do not check out, from 1.
    pub groups: Vec<usize>,
}

fn list(groups: &[usize]) -> String {
    let numbers = groups.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    if groups.len() == 1 { format!("group {numbers}") } else { format!("groups {numbers}") }
}

/// A new recovery key, as it is printed and as it is the password of its slot: groups with a dash between.
pub fn generate(random: &dyn Random) -> Zeroizing<String> {
    encode(&Zeroizing::new(random_bytes(random)))
}

/// The recovery key of a secret.
pub fn encode(secret: &[u8; SECRET_BYTES]) -> Zeroizing<String> {
    let mut rest = Zeroizing::new(*secret);
    let mut values = Zeroizing::new([0_u32; GROUPS]);
    // The last group has the lowest digits: 160 bits have 49, and there is room for 50.
    for value in values.iter_mut().rev() {
        *value = divide(&mut rest);
    }
    // All the room at once: growing would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(GROUPS * (GROUP_DIGITS + 1)));
    for (place, value) in values.iter().enumerate() {
        if place > 0 {
            text.push('-');
        }
        let digits = digits(*value);
        for digit in digits.into_iter().chain([check(place, &digits)]) {
            text.push(char::from(b'0' + digit));
        }
    }
    text
}

/// The recovery key that somebody typed, as it is the password of its slot; `None` if it is none. Whatever is
/// between digits does not matter, as long as it is no letter.
pub fn recognise(typed: &[u8]) -> Result<Option<Zeroizing<String>>, Mistyped> {
    let is_between = |byte: &u8| matches!(byte, b' ' | b'-' | b'.' | b',' | b'\t' | b'\r' | b'\n');
    let mut digits = Zeroizing::new(Vec::with_capacity(GROUPS * GROUP_DIGITS + 1));
    for byte in typed.iter().filter(|byte| !is_between(byte)) {
        if !byte.is_ascii_digit() || digits.len() == GROUPS * GROUP_DIGITS {
            return Ok(None);
        }
        digits.push(byte - b'0');
    }
    if digits.len() != GROUPS * GROUP_DIGITS {
        return Ok(None);
    }
    let groups = digits.chunks_exact(GROUP_DIGITS).enumerate();
    let is_wrong = |(place, group): (usize, &[u8])| {
        let (found, digits) = group.split_last()?;
        (check(place, digits) != *found).then_some(place + 1)
    };
    let wrong: Vec<usize> = groups.filter_map(is_wrong).collect();
    if wrong.len() > GROUPS - GROUPS_RIGHT_MIN {
        return Ok(None);
    }
    if !wrong.is_empty() {
        return Err(Mistyped { groups: wrong });
    }
    let mut text = Zeroizing::new(String::with_capacity(GROUPS * (GROUP_DIGITS + 1)));
    for (place, group) in digits.chunks_exact(GROUP_DIGITS).enumerate() {
        if place > 0 {
            text.push('-');
        }
        text.extend(group.iter().map(|digit| char::from(b'0' + digit)));
    }
    Ok(Some(text))
}

/// Divides a number, highest byte first; the remainder.
fn divide(number: &mut [u8; SECRET_BYTES]) -> u32 {
    let mut remainder = 0_u32;
    for byte in number {
        let value = remainder << 8 | u32::from(*byte);
        // Below 256, since the remainder is below the divisor.
        *byte = (value / GROUP_VALUES) as u8;
        remainder = value % GROUP_VALUES;
    }
    remainder
}

fn digits(value: u32) -> [u8; GROUP_DIGITS - 1] {
    let mut rest = value;
    let mut digits = [0; GROUP_DIGITS - 1];
    for digit in digits.iter_mut().rev() {
        *digit = (rest % 10) as u8;
        rest /= 10;
    }
    digits
}

/// The check digit of a group at this place.
fn check(place: usize, digits: &[u8]) -> u8 {
    let start = (place % 10) as u8;
    std::iter::once(&start).chain(digits).fold(0, |interim, digit| {
        let row = DAMM.get(usize::from(interim));
        row.and_then(|row| row.get(usize::from(*digit))).copied().unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digits_of(text: &str) -> Vec<u8> {
        text.bytes().filter(u8::is_ascii_digit).collect()
    }

    #[test]
    fn the_largest_secret_has_room_and_the_smallest_is_zeros() {
        let zeros = encode(&[0; SECRET_BYTES]);
        assert!(zeros.starts_with("000000-"), "{}", *zeros);
        let largest = encode(&[0xff; SECRET_BYTES]);
        // 2^160 - 1, five digits a group.
        let number: String =
            largest.split('-').map(|group| &group[..5]).collect::<Vec<_>>().concat();
        assert_eq!(number, format!("0{}", "1461501637330902918203684832716283019655932542975"));
    }

    #[test]
    fn every_digit_of_the_table_is_in_each_row_and_column_once() {
        for line in 0..10 {
            let mut row = DAMM[line];
            let mut column = DAMM.map(|row| row[line]);
            row.sort_unstable();
            column.sort_unstable();
            assert_eq!(
                (row, column),
                ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
            );
        }
    }

    #[test]
    fn what_is_no_recovery_key_is_a_password_like_any() {
        for typed in
            ["", "correct horse", "123456", &"1".repeat(60), &"7".repeat(59), &"0".repeat(61)]
        {
            assert_eq!(recognise(typed.as_bytes()), Ok(None), "{typed}");
        }
    }

    proptest! {
        #[test]
        fn a_recovery_key_is_recognised_however_it_is_typed(secret: [u8; SECRET_BYTES], with in "[ .,\n-]{0,2}") {
            let text = encode(&secret);
            let typed: String =
                text.split('-').flat_map(|group| [group, with.as_str()]).collect();
            prop_assert_eq!(recognise(typed.as_bytes()), Ok(Some(text)));
        }

        #[test]
        fn another_secret_has_another_key(one: [u8; SECRET_BYTES], other: [u8; SECRET_BYTES]) {
            prop_assert_eq!(one == other, encode(&one) == encode(&other));
        }

        #[test]
        fn one_wrong_digit_is_told_by_its_group(secret: [u8; SECRET_BYTES], at in 0..60_usize, by in 1..10_u8) {
            let mut typed = digits_of(&encode(&secret));
            typed[at] = b'0' + (typed[at] - b'0' + by) % 10;
            let groups = vec![at / GROUP_DIGITS + 1];
            prop_assert_eq!(recognise(&typed), Err(Mistyped { groups }));
        }

        #[test]
        fn two_neighbours_that_are_swapped_are_told(secret: [u8; SECRET_BYTES], at in 0..59_usize) {
            let mut typed = digits_of(&encode(&secret));
            prop_assume!(typed[at] != typed[at + 1]);
            typed.swap(at, at + 1);
            let told = recognise(&typed).unwrap_err();
            prop_assert!(told.groups.contains(&(at / GROUP_DIGITS + 1)), "{told}");
        }

        #[test]
        fn groups_in_each_others_places_are_told(secret: [u8; SECRET_BYTES], one in 0..10_usize, other in 0..10_usize) {
            let text = encode(&secret);
            let mut groups: Vec<_> = text.split('-').collect();
            prop_assume!(one != other);
            groups.swap(one, other);
            let told = recognise(groups.concat().as_bytes()).unwrap_err();
            prop_assert_eq!(told.groups, vec![one.min(other) + 1, one.max(other) + 1]);
        }
    }
}
