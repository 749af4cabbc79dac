use std::collections::HashMap;

use serde_json::Value;

use super::*;

/// FNV-1a, 64 bits.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[test]
fn the_lines_of_a_seed_never_change() {
    let found: Vec<(&str, u64)> = Shape::ALL
        .iter()
        .map(|(name, shape)| (*name, fingerprint(&Generator::lines(*shape, 1, 500))))
        .collect();
    assert_eq!(
        found,
        [
            ("orders", 11_565_025_165_567_151_675),
            ("small", 16_934_699_709_639_166_245),
            ("large", 16_924_711_406_530_661_234),
            ("nested", 3_432_264_021_000_437_460),
            ("unicode", 2_841_205_183_454_933_447),
            ("base64", 17_308_708_586_522_954_321),
            ("metadata-heavy", 11_756_485_131_628_257_316),
            ("many-types", 1_671_332_186_798_475_762),
        ]
    );
}

#[test]
fn every_line_of_every_shape_is_an_event_in_json() {
    for (name, shape) in Shape::ALL {
        let lines = String::from_utf8(Generator::lines(shape, 7, 300)).expect("UTF-8");
        for (number, line) in lines.lines().enumerate() {
            if shape == Shape::Nested {
                // serde_json has no number for 1e400; the grammar is what counts here.
                serde_json::from_str::<serde::de::IgnoredAny>(line).expect(name);
                continue;
            }
            let event: Value = serde_json::from_str(line).expect(name);
            assert_eq!(event["position"], number as u64 + 1, "{name}");
            assert!(event["data"].is_object() && event["metadata"].is_object(), "{name}");
        }
    }
}

#[test]
fn versions_count_from_1_and_no_stream_has_more_than_one_event_in_a_hundred() {
    let lines = Generator::lines(Shape::Orders, 3, 60_000);
    let mut versions: HashMap<String, u64> = HashMap::new();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let event: Value = serde_json::from_slice(line).expect("JSON");
        let newest = versions.entry(event["stream_id"].to_string()).or_default();
        *newest += 1;
        assert_eq!(event["version"], *newest);
    }
    assert!((2_700..3_300).contains(&versions.len()), "{} streams", versions.len());
    let hottest = versions.values().max().expect("streams");
    assert!(*hottest <= 600, "{hottest} events in one stream");
}

#[test]
fn a_shorter_run_is_the_beginning_of_a_longer_one() {
    let short = Generator::lines(Shape::Orders, 5, 100);
    assert!(Generator::lines(Shape::Orders, 5, 120).starts_with(&short));
}
