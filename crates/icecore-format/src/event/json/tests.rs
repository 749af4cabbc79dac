use super::{needs_escape, parse_uuid, put_number, put_string, put_uuid};
use proptest::prelude::*;

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes);
    String::from_utf8(bytes).unwrap()
}

#[test]
fn every_ascii_character_is_escaped_as_serde_json_escapes_it() {
    for byte in 0..128u8 {
        let text = char::from(byte).to_string();
        let expected = serde_json::to_string(&text).unwrap();
        assert_eq!(written(|bytes| put_string(bytes, &text)), expected);
        assert_eq!(needs_escape(byte), expected.len() > 3);
    }
}

#[test]
fn a_uuid_in_any_other_spelling_is_no_uuid() {
    let text = b"0123e4ab-0011-4fff-8fff-000000000001";
    let uuid = parse_uuid(text).unwrap();
    assert_eq!(written(|bytes| put_uuid(bytes, &uuid)).as_bytes(), text);
    for wrong in [
        "0123E4AB-0011-4FFF-8FFF-000000000001",
        "0123e4ab00114fff8fff000000000001",
        "{0123e4ab-0011-4fff-8fff-000000000001}",
        "0123e4ab-0011-4fff-8fff-00000000000",
        "0123e4ab-0011-4fff-8fff-0000000000012",
        "0123e4ab-0011-4fff-8fff0-00000000001",
        "0123e4ag-0011-4fff-8fff-000000000001",
        "",
    ] {
        assert_eq!(parse_uuid(wrong.as_bytes()), None, "{wrong}");
    }
}

proptest! {
    #[test]
    fn a_string_is_written_as_serde_json_writes_it(text in any::<String>()) {
        let expected = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(written(|bytes| put_string(bytes, &text)), expected);
    }

    #[test]
    fn a_number_is_written_in_digits(number in any::<u64>(), short in 0..1000u64) {
        for number in [number, short, u64::MAX] {
            prop_assert_eq!(written(|bytes| put_number(bytes, number)), number.to_string());
        }
    }

    #[test]
    fn a_uuid_comes_back(uuid in any::<[u8; 16]>()) {
        let text = written(|bytes| put_uuid(bytes, &uuid));
        prop_assert_eq!(parse_uuid(text.as_bytes()), Some(uuid));
    }
}
