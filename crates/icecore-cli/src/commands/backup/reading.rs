//! What a backup read of its source, and why, for programs and for people.

use crate::table::{bytes, count, counted};
use icecore::source::{Proof, Reading, Whole};
use serde::Serialize;
use utoipa::ToSchema;

/// What was read, and why
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reading)]
pub(super) struct ReadingView<'a> {
    reading: &'static str,
    reading_reason: &'static str,
    reading_detail: Option<&'a str>,
    bytes_compared: Option<u64>,
    bytes_known: Option<u64>,
}

impl<'a> ReadingView<'a> {
    pub(super) fn new(reading: &'a Reading) -> Self {
        let whole = |reading_reason, reading_detail| Self {
            reading: "whole",
            reading_reason,
            reading_detail,
            bytes_compared: None,
            bytes_known: None,
        };
        let further = |reading_reason, bytes_compared, bytes_known| Self {
            reading: "further",
            reading_reason,
            reading_detail: None,
            bytes_compared,
            bytes_known,
        };
        match reading {
            Reading::Whole(Whole::First) => whole("first", None),
            Reading::Whole(Whole::NotPossible(why)) => whole("not_possible", Some(why)),
            Reading::Whole(Whole::Shrank(what)) => whole("shrank", Some(what)),
            Reading::Whole(Whole::Changed(what)) => whole("changed", Some(what)),
            Reading::Further(Proof::Hashed { bytes }) => {
                further("hashed", Some(*bytes), Some(*bytes))
            }
            Reading::Further(Proof::Sampled { bytes, of }) => {
                further("sampled", Some(*bytes), Some(*of))
            }
            Reading::Further(Proof::Counted { .. }) => further("counted", None, None),
            Reading::Further(Proof::Identified { .. }) => further("identified", None, None),
            Reading::Further(Proof::Positions { .. }) => further("positions", None, None),
        }
    }
}

/// What was read, for a person; nothing if there was no choice.
pub(crate) fn told(reading: &Reading) -> Option<String> {
    Some(match reading {
        Reading::Whole(Whole::First) => return None,
        Reading::Whole(Whole::NotPossible(why)) => format!("everything was read, since {why}"),
        Reading::Whole(Whole::Shrank(what)) => {
            format!("everything was read, since the source shrank: {what}")
        }
        Reading::Whole(Whole::Changed(what)) => {
            format!("everything was read, since the source changed: {what}")
        }
        Reading::Further(Proof::Hashed { bytes: before }) => format!(
            "only what was appended was read: the {} before it were hashed and are unchanged",
            bytes(*before)
        ),
        Reading::Further(Proof::Sampled { bytes: compared, of }) => format!(
            "only what was appended was read: of the {} before it, {} were compared and are \
             unchanged, and the rest was trusted (--trust-append)",
            bytes(*of),
            bytes(*compared)
        ),
        Reading::Further(Proof::Counted { streams, events }) => format!(
            "only new events were read: with them, {} in {} are all that there are",
            count(*events),
            counted(*streams, "stream", "streams")
        ),
        Reading::Further(Proof::Identified { events }) => format!(
            "only new events were read: with them, the {} that there are were compared by their \
             identities",
            count(*events)
        ),
        Reading::Further(Proof::Positions { events }) => format!(
            "only new events were read: with them, {} have positions without a gap",
            count(*events)
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn readings() -> Vec<Reading> {
        let text = |text: &str| text.to_owned();
        vec![
            Reading::Whole(Whole::First),
            Reading::Whole(Whole::NotPossible(text("a pipe cannot be read from its middle"))),
            Reading::Whole(Whole::Shrank(text("it has 10 bytes, and its events had 20"))),
            Reading::Whole(Whole::Changed(text("bytes 0 to 1048576 are not what they were"))),
            Reading::Further(Proof::Hashed { bytes: 1_878_138_061 }),
            Reading::Further(Proof::Sampled { bytes: 18_000_000, of: 1_878_138_061 }),
            Reading::Further(Proof::Counted { streams: 150_097, events: 3_000_000 }),
            Reading::Further(Proof::Counted { streams: 1, events: 2 }),
            Reading::Further(Proof::Identified { events: 3_000_000 }),
            Reading::Further(Proof::Positions { events: 3_000_000 }),
        ]
    }

    #[test]
    fn a_person_is_told_why_so_much_or_so_little_was_read() {
        let told: Vec<_> = readings().iter().filter_map(told).collect();
        insta::assert_snapshot!(told.join("\n"), @"
        everything was read, since a pipe cannot be read from its middle
        everything was read, since the source shrank: it has 10 bytes, and its events had 20
        everything was read, since the source changed: bytes 0 to 1048576 are not what they were
        only what was appended was read: the 1.88 GB before it were hashed and are unchanged
        only what was appended was read: of the 1.88 GB before it, 18.00 MB were compared and are unchanged, and the rest was trusted (--trust-append)
        only new events were read: with them, 3,000,000 in 150,097 streams are all that there are
        only new events were read: with them, 2 in 1 stream are all that there are
        only new events were read: with them, the 3,000,000 that there are were compared by their identities
        only new events were read: with them, 3,000,000 have positions without a gap
        ");
    }

    #[test]
    fn a_program_is_told_the_same_in_words_that_do_not_change() {
        let views: Vec<_> =
            readings().iter().map(|reading| json!(ReadingView::new(reading))).collect();
        let reasons: Vec<_> = views
            .iter()
            .map(|view| format!("{} {}", view["reading"], view["reading_reason"]))
            .collect();
        insta::assert_snapshot!(reasons.join("\n"), @r#"
        "whole" "first"
        "whole" "not_possible"
        "whole" "shrank"
        "whole" "changed"
        "further" "hashed"
        "further" "sampled"
        "further" "counted"
        "further" "counted"
        "further" "identified"
        "further" "positions"
        "#);
        assert_eq!(views[2]["reading_detail"], "it has 10 bytes, and its events had 20");
        assert_eq!(views[4]["bytes_compared"], views[4]["bytes_known"]);
        assert_eq!(
            (&views[5]["bytes_compared"], &views[6]["bytes_known"]),
            (&json!(18_000_000), &json!(null))
        );
    }
}
