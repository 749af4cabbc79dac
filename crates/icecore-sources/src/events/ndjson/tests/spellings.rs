//! Strategies for JSON in every spelling that its grammar allows.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// White space, mostly none.
pub(super) fn space() -> impl Strategy<Value = String> {
    prop_oneof![8 => Just(String::new()), 2 => Just(" ".to_owned()), 1 => "[ \t\r]{0,5}"]
}

/// A number.
pub(super) fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        select(vec![
            "0",
            "-0",
            "-0.0",
            "1E+2",
            "1e400",
            "-1e-400",
            "0.10",
            "10.0e-1",
            "18446744073709551616",
            "99999999999999999999999999",
            "3.141592653589793238462643383279",
        ])
        .prop_map(str::to_owned),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,4})?",
    ]
}

/// What a string may have between its quotation marks, and is text.
fn text_part() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z0-9 :/{}\\[\\],_-]{1,12}",
        1 => any::<char>().prop_filter_map("needs an escape", |character| {
            (character >= ' ' && !matches!(character, '"' | '\\')).then(|| character.to_string())
        }),
        1 => select(vec![
            "\\n", "\\\"", "\\\\", "\\/", "\\b", "\\f", "\\r", "\\t", "\\u0000", "\\u0041", "\\u001f",
            "\\u001F", "\\u00e9", "\\uFFFF", "\\ud83d\\ude00", "\\uD83D\\uDE00", "\u{7f}", "é", "😀",
        ])
        .prop_map(str::to_owned),
    ]
}

/// A string that is text.
pub(super) fn text() -> impl Strategy<Value = String> {
    vec(text_part(), 0..4).prop_map(|parts| format!("\"{}\"", parts.concat()))
}

/// A string that may have half of a surrogate pair in it.
fn string() -> impl Strategy<Value = String> {
    let halves = select(vec!["\\ud800", "\\uDFFF", "\\ud83dx", "\\ude00\\ud83d"]);
    prop_oneof![9 => text(), 1 => halves.prop_map(|half| format!("\"{half}\""))]
}

/// A value.
pub(super) fn value() -> impl Strategy<Value = String> {
    let word = select(vec!["true", "false", "null"]).prop_map(str::to_owned);
    prop_oneof![number(), string(), word].prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec((space(), inner.clone(), space()), 0..5).prop_map(|items| {
                let items: Vec<_> = items
                    .into_iter()
                    .map(|(before, item, after)| before + &item + &after)
                    .collect();
                format!("[{}]", items.join(","))
            }),
            object(vec((string(), inner), 0..5)),
        ]
    })
}

/// An object with these members.
pub(super) fn object(
    members: impl Strategy<Value = Vec<(String, String)>>,
) -> impl Strategy<Value = String> {
    (members, vec(space(), 24)).prop_map(|(members, spaces)| {
        let mut spaces = spaces.iter().cycle();
        let mut next = || spaces.next().map_or("", String::as_str).to_owned();
        let members: Vec<_> = members
            .into_iter()
            .map(|(name, value)| next() + &name + &next() + ":" + &next() + &value + &next())
            .collect();
        format!("{{{}{}}}", next(), members.join(","))
    })
}

/// One of several spellings of a name.
fn name(spellings: &[&'static str]) -> impl Strategy<Value = String> + use<> {
    let spellings = spellings.to_vec();
    let plain = spellings.first().copied().unwrap_or_default().to_owned();
    prop_oneof![6 => Just(plain), 1 => select(spellings).prop_map(str::to_owned)]
}

/// A line without its end that is an event.
pub(super) fn event() -> impl Strategy<Value = String> {
    let stream = prop_oneof![
        3 => "\"[a-d]-[0-9]\"",
        1 => (text_part(), text()).prop_map(|(first, rest)| format!("\"{first}{}", &rest[1..])),
    ];
    let version = prop_oneof![
        4 => any::<u64>().prop_map(|version| version.to_string()),
        1 => select(vec!["1.0", "-0", "1e2", "120e-1", "0E-99999999999999999999"])
            .prop_map(str::to_owned),
    ];
    let id = prop_oneof![
        "\"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\"",
        "\"[0-9A-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\"",
        value(),
    ];
    let time = prop_oneof![
        "\"20[0-9]{2}-0[1-9]-[0-2][0-9][T ]1[0-9]:[0-6][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|\\+00:00|)\"",
        value(),
    ];
    let position = prop_oneof![any::<u64>().prop_map(|position| position.to_string()), value()];
    let required = (
        (name(&["\"stream_id\"", "\"stream\\u005fid\"", "\"\\u0073tream_id\""]), stream),
        (name(&["\"version\""]), version),
        (name(&["\"type\"", "\"\\u0074ype\""]), text()),
        (name(&["\"data\""]), value()),
    );
    let optional = prop_oneof![
        (name(&["\"position\""]), position),
        (name(&["\"event_id\"", "\"event_\\u0069d\""]), id),
        (name(&["\"recorded_at\""]), time),
        (name(&["\"metadata\""]), value()),
        (string(), value()),
        (Just("\"tenant\"".to_owned()), value()),
    ];
    let members = (required, vec(optional, 0..6)).prop_map(|((a, b, c, d), optional)| {
        [a, b, c, d].into_iter().chain(optional).collect::<Vec<_>>()
    });
    (space(), object(members.prop_shuffle()), space())
        .prop_map(|(before, object, after)| before + &object + &after)
}

/// A file of events.
pub(super) fn file() -> impl Strategy<Value = Vec<u8>> {
    let blank = prop_oneof![Just(String::new()), "[ \t\r]{0,3}", " {250,300}"];
    let end = prop_oneof![3 => Just("\n"), 1 => Just("\r\n")];
    let line = prop_oneof![
        4 => event(),
        1 => blank.clone(),
    ];
    let mark = prop_oneof![4 => Just(""), 1 => Just("\u{feff}")];
    let last = prop_oneof![Just(String::new()), event(), blank];
    (mark, vec((line, end), 0..8), last).prop_map(|(mark, lines, last)| {
        let lines: String = lines.into_iter().map(|(line, end)| line + end).collect();
        format!("{mark}{lines}{last}").into_bytes()
    })
}

/// Texts with some characters replaced, removed or put in.
pub(super) fn mutated(texts: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let character =
        select("\"\\{}[]:,.+-eEu09aftn \t\r\n\u{0}\u{1f}é/x".chars().collect::<Vec<_>>());
    let mutation = (any::<Index>(), character, 0usize..3, 0usize..2);
    let mutations = vec(mutation, 1..4);
    (texts, mutations).prop_map(|(text, mutations)| {
        let mut characters: Vec<char> = text.chars().collect();
        for (index, character, removed, inserted) in mutations {
            let start = index.index(characters.len() + 1);
            let end = (start + removed).min(characters.len());
            characters.splice(start..end, std::iter::repeat_n(character, inserted));
        }
        characters.into_iter().collect()
    })
}
