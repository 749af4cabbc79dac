//! The skimmer accepts what `serde_json` accepts, and nothing else.

use super::spellings::{event, mutated, value};
use crate::events::ndjson::number::{NotWhole, exact};
use crate::events::ndjson::skim::Skimmer;
use crate::events::ndjson::string::unquote;
use proptest::prelude::*;

fn is_json(text: &str) -> bool {
    Skimmer::default().skim(text, drop).is_ok()
}

fn is_json_to_the_oracle(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn what_the_grammar_allows_is_json(text in value()) {
        prop_assert!(is_json(&text));
        prop_assert!(is_json_to_the_oracle(&text));
    }

    #[test]
    fn mutated_json_is_json_if_the_oracle_says_so(text in mutated(prop_oneof![event(), value()])) {
        prop_assert_eq!(is_json(&text), is_json_to_the_oracle(&text), "{}", text);
    }

    #[test]
    fn strings_say_what_they_say_to_the_oracle(text in super::spellings::text()) {
        let expected: String = serde_json::from_str(&text).expect("a string");
        let found = unquote(&text);
        prop_assert_eq!(found.as_deref(), Some(expected.as_str()));
    }

    #[test]
    fn whole_numbers_have_the_same_value_in_every_notation(
        number: u64, zeros in 0usize..30, scale in 0usize..30,
    ) {
        let digits = number.to_string();
        let point = digits.len().saturating_sub(scale).max(1);
        let (whole, fraction) = digits.split_at(point);
        let exponent = fraction.len();
        let zeros = "0".repeat(zeros);
        prop_assert_eq!(exact(&format!("{whole}.{fraction}0{zeros}e{exponent}")), Ok(number));
        prop_assert_eq!(exact(&format!("{digits}.0{zeros}")), Ok(number));
        prop_assert_eq!(exact(&format!("{digits}{zeros}E-{}", zeros.len())), Ok(number));
    }
}

#[test]
fn numbers_that_are_not_whole_say_why() {
    for (number, expected) in [
        ("-0", Ok(0)),
        ("0e-999999999999999999999", Ok(0)),
        ("1e19", Ok(10_000_000_000_000_000_000)),
        ("18446744073709551615", Ok(u64::MAX)),
        ("18446744073709551616", Err(NotWhole::TooLarge)),
        ("2e19", Err(NotWhole::TooLarge)),
        ("1e999999999999999999999", Err(NotWhole::TooLarge)),
        ("1e-999999999999999999999", Err(NotWhole::Fraction)),
        ("1.5", Err(NotWhole::Fraction)),
        ("10e-2", Err(NotWhole::Fraction)),
        ("-1", Err(NotWhole::Negative)),
        ("-0.5", Err(NotWhole::Negative)),
    ] {
        assert_eq!(exact(number), expected, "{number}");
    }
}

#[test]
fn nesting_is_as_deep_as_a_line_is_long() {
    let depth = 1_000_000;
    let arrays = "[".repeat(depth) + &"]".repeat(depth);
    assert!(is_json(&arrays));
    let mixed = "[{\"a\":".repeat(depth) + "1" + &"}]".repeat(depth);
    assert!(is_json(&mixed));
    assert!(!is_json(&mixed.replacen("}]", "]}", 1)));
    assert!(!is_json(&arrays[1..]));
    assert!(!is_json(&arrays[..arrays.len() - 1]));
}

#[test]
fn half_of_a_surrogate_pair_is_json_and_no_text() {
    for half in
        ["\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800x\"", "\"\\udc00\\ud800\""]
    {
        assert!(is_json(half));
        assert_eq!(unquote(half), None);
    }
}
