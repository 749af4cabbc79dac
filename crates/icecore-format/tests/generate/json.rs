//! JSON that is hard to take apart: every spelling of every kind of value, and what only looks so.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Strings without their quotation marks, each on the edge of some kind of value.
const STRINGS: [&str; 56] = [
    "",
    " ",
    "0",
    "00012",
    "-0",
    "+7",
    "1e5",
    "12a",
    "a12",
    "a012",
    "999999999999999999",
    "1000000000000000000",
    "184467440737095516159999",
    "8024111547606601",
    "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "3F2504E0-4F89-41D3-9A0C-0305E82C3301",
    "3f2504e0-4f89-41D3-9a0c-0305e82c3301",
    "018df74f-897a-76d6-af47-184b86186fa4",
    "018df74f-897a-76d6-2f47-184b86186fa4",
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "order-3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "order3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "3f2504e0-4f89-41d3-9a0c-0305e82c3301-order",
    "3f2504e0-4f89-41d3-9a0c-0305e82c330",
    "3f2504e04f8941d39a0c0305e82c3301",
    "3F2504E04F8941D39A0C0305E82C3301",
    "00-18bae5b30d334bd0a26113c9f026ec16-af47184b86186fa4-01",
    "deadbeefdeadbee",
    "2024-03-01T00:00:01Z",
    "2024-03-01T00:00:01.402465Z",
    "2024-03-01T00:00:01.402465123Z",
    "2024-03-01 00:00:01.4+00:00",
    "2024-03-01T00:00:01.4+02:00",
    "2016-12-31T23:59:60Z",
    "2024-02-30T00:00:00Z",
    "1677-09-21T00:12:43.145224193Z",
    "2262-04-11T23:47:16.854775807Z",
    "9999-12-31T23:59:59Z",
    "2024-03-01",
    "1.2.3.4",
    "255.255.255.255",
    "256.1.1.1",
    "01.2.3.4",
    "1.2.3.4.5",
    "shop-web/4.18.3.103",
    "\\\"",
    "\\\\",
    "a\\\"b\\\\",
    "\\u00e9\\ud83d\\ude00",
    "\u{e9}\u{1f600}",
    "dGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZw==",
    "a text of more than sixty-four bytes, which is too long to be given a code of its own",
    "----------------------------------------7",
    "\\",
    "\u{0}",
];

/// Values that are no strings.
const BARE: [&str; 30] = [
    "0",
    "-0",
    "7",
    "-42",
    "1.0",
    "1.00",
    "0.1",
    "01",
    "00",
    "00012",
    "1e5",
    "1E+5",
    "-1.5e-7",
    "1e400",
    "12345678901234567890",
    "999999999999999999",
    "1000000000000000000",
    "3.141592653589793238462643",
    "123456789012345678.5",
    "0.00000000000000001",
    "1.",
    ".5",
    "true",
    "false",
    "null",
    "[]",
    "{}",
    "[ ]",
    "nul",
    "NaN",
];

const NAMES: [&str; 10] = [
    "a",
    "id",
    "name",
    "",
    "7",
    "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "\u{e9}",
    "a b",
    "\\u0061",
    "\\\"",
];

const SPACES: [&str; 5] = ["", "", "", " ", "\r\n\t "];

fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => select(STRINGS.as_slice()).prop_map(str::to_owned),
        2 => "[0-9]{0,20}",
        1 => "[0-9a-f]{14,20}",
        1 => "[a-z]{1,8}[-./ ][0-9]{1,4}",
        1 => "[ -~]{0,40}",
    ]
}

fn value() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        3 => string().prop_map(|text| format!("\"{text}\"")),
        2 => select(BARE.as_slice()).prop_map(str::to_owned),
        1 => (0..1_000_000u64).prop_map(|number| number.to_string()),
    ];
    let space = || select(SPACES.as_slice());
    leaf.prop_recursive(6, 40, 6, move |inner| {
        let member = (select(NAMES.as_slice()), space(), inner.clone());
        let object = (vec(member, 0..6), space()).prop_map(|(members, space)| {
            let members = members
                .into_iter()
                .map(|(name, between, value)| format!("\"{name}\"{between}:{between}{value}"));
            format!("{{{space}{}}}", members.collect::<Vec<_>>().join(","))
        });
        let list = (vec(inner, 0..6), space())
            .prop_map(|(values, space)| format!("[{}{space}]", values.join(",")));
        prop_oneof![2 => object, 1 => list]
    })
    .boxed()
}

/// JSON, and what is nearly JSON.
pub(crate) fn document() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![
        12 => value().prop_map(String::into_bytes),
        1 => string().prop_map(String::into_bytes),
        1 => (value(), any::<prop::sample::Index>())
            .prop_map(|(text, at)| text.as_bytes()[..at.index(text.len() + 1)].to_vec()),
        1 => vec(any::<u8>(), 0..40),
        1 => (1..300usize).prop_map(|depth| [vec![b'['; depth], vec![b']'; depth]].concat()),
    ]
    .boxed()
}
