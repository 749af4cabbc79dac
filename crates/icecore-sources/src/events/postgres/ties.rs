//! How the events of a store are tied to each other, where its schema says so.

use super::kept::STORE_FILE;
use icecore::recover::Ties;
use icecore::source::SourceFile;
use serde::Deserialize;

/// What `store.json` says of the schema.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Described {
    schema: String,
}

/// The members that tie events of a store to others, by what stands beside its events.
pub fn ties(files: &[SourceFile]) -> Ties {
    let described = files.iter().find(|file| file.name == STORE_FILE);
    let described: Described =
        described.and_then(|file| serde_json::from_slice(&file.content).ok()).unwrap_or_default();
    match described.schema.as_str() {
        // Several appends can be one transaction, and a stream that was archived can begin anew.
        "emmett" => Ties {
            transaction: Some("transaction_id".to_owned()),
            lifetime: Some("is_archived".to_owned()),
        },
        _ => Ties::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_emmett_alone_say_what_was_one_transaction() {
        let of = |content: &str| {
            ties(&[SourceFile { name: STORE_FILE.to_owned(), content: content.into() }])
        };
        let emmett = of(r#"{"schema": "emmett", "namespace": "public"}"#);
        assert_eq!(emmett.transaction.as_deref(), Some("transaction_id"));
        assert_eq!(emmett.lifetime.as_deref(), Some("is_archived"));
        // A column of that name may be of anything.
        for other in [r#"{"schema": "mapping"}"#, "{}", "no JSON"] {
            assert_eq!(of(other), Ties::default());
        }
        assert_eq!(ties(&[]), Ties::default());
    }
}
