//! Which streams are meant: all, those that match one of some patterns, and those of a list of ids.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use icecore_format::limits::SELECTION_BYTES_MAX;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What makes a pattern more than the id of a stream.
const WILDCARDS: [char; 7] = ['*', '?', '[', ']', '{', '}', '\\'];

/// A choice of streams; clones share it.
#[derive(Clone, Debug, Default)]
pub struct StreamSelection {
    /// Empty if all are meant.
    chosen: Option<Arc<Chosen>>,
    /// Streams that are chosen and cannot be taken.
    left_out: Arc<BTreeSet<String>>,
}

#[derive(Debug)]
struct Chosen {
    /// What snapshots record.
    recorded: Vec<String>,
    /// The patterns that are more than an id.
    patterns: Vec<String>,
    set: GlobSet,
    named: BTreeSet<String>,
}

/// A pattern that is none.
#[derive(Debug, thiserror::Error)]
#[error("'{pattern}' is no stream pattern")]
pub struct PatternError {
    pattern: String,
    source: globset::Error,
}

impl StreamSelection {
    /// Streams that match one of `patterns`: `*` for any characters, `?` for one, `[…]` for one
    /// of some, `{a,b}` for either; a backslash takes the next character as it is. No patterns
    /// mean all streams. A pattern without any of these is a stream's id.
    pub fn new(patterns: Vec<String>) -> Result<Self, PatternError> {
        Self::with_ids(patterns, BTreeSet::new())
    }

    /// Streams that match one of `patterns`, and those whose ids are listed, to the letter. All
    /// streams if there is neither.
    pub fn with_ids(patterns: Vec<String>, ids: BTreeSet<String>) -> Result<Self, PatternError> {
        if patterns.is_empty() && ids.is_empty() {
            return Ok(Self::default());
        }
        let mut recorded = patterns.clone();
        recorded.extend(recorded_ids(&ids));
        let (named, patterns): (Vec<_>, Vec<_>) = patterns.into_iter().partition(|it| is_id(it));
        let chosen = Chosen {
            recorded,
            set: globs(&patterns)?,
            patterns,
            named: named.into_iter().chain(ids).collect(),
        };
        Ok(Self { chosen: Some(Arc::new(chosen)), ..Self::default() })
    }

    /// The streams with these ids, to the letter: none if there is none.
    pub(crate) fn of_ids(named: BTreeSet<String>) -> Self {
        let chosen = Chosen {
            recorded: recorded_ids(&named),
            patterns: Vec::new(),
            set: GlobSet::empty(),
            named,
        };
        Self { chosen: Some(Arc::new(chosen)), ..Self::default() }
    }

    /// The same without these streams.
    #[must_use]
    pub fn without<'a>(&self, streams: impl IntoIterator<Item = &'a String>) -> Self {
        let streams = streams.into_iter().cloned();
        let left_out = streams.chain(self.left_out.iter().cloned()).collect();
        Self { chosen: self.chosen.clone(), left_out: Arc::new(left_out) }
    }

    /// What snapshots record: the patterns as they were given, then the listed ids, or what tells
    /// a long list of them from others.
    pub fn patterns(&self) -> &[String] {
        self.chosen.as_ref().map_or(&[], |chosen| &chosen.recorded)
    }

    /// Whether all streams are meant.
    pub fn is_all(&self) -> bool {
        self.chosen.is_none()
    }

    /// The streams that are meant by their ids, whatever else is.
    pub fn named(&self) -> impl Iterator<Item = &String> {
        self.chosen.iter().flat_map(|chosen| &chosen.named)
    }

    /// Whether this stream is meant by its id.
    pub fn names(&self, stream: &str) -> bool {
        self.chosen.as_ref().is_some_and(|chosen| chosen.named.contains(stream))
    }

    /// The streams' ids, if only streams known by their id are meant.
    pub fn exact(&self) -> Option<&BTreeSet<String>> {
        let chosen = self.chosen.as_ref()?;
        chosen.patterns.is_empty().then_some(&chosen.named)
    }

    /// Whether the stream is meant: a pattern matches it, or is its id to the letter.
    pub fn includes(&self, stream: &str) -> bool {
        let Some(chosen) = &self.chosen else { return true };
        let is_chosen = chosen.named.contains(stream)
            || chosen.set.is_match(stream)
            || chosen.patterns.iter().any(|pattern| pattern == stream);
        is_chosen && !self.left_out.contains(stream)
    }
}

fn is_id(pattern: &str) -> bool {
    !pattern.contains(WILDCARDS)
}

fn globs(patterns: &[String]) -> Result<GlobSet, PatternError> {
    let failed = |pattern: &str| {
        let pattern = pattern.to_owned();
        move |source| PatternError { pattern, source }
    };
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let glob = GlobBuilder::new(pattern)
            .literal_separator(false)
            .backslash_escape(true)
            .build()
            .map_err(failed(pattern))?;
        set.add(glob);
    }
    set.build().map_err(failed("all of them together"))
}

/// How snapshots record a list: as it is, or by how many ids it has and their hash, which no
/// pattern can be, since its bracket is not closed.
///
/// Format: docs/format.md, "Snapshots".
fn recorded_ids(ids: &BTreeSet<String>) -> Vec<String> {
    let bytes: usize = ids.iter().map(String::len).sum();
    if bytes <= SELECTION_BYTES_MAX && ids.iter().all(|id| is_id(id)) {
        return ids.iter().cloned().collect();
    }
    let mut hasher = blake3::Hasher::new();
    for id in ids {
        hasher.update(&(id.len() as u64).to_le_bytes()).update(id.as_bytes());
    }
    vec![format!("[{} ids, BLAKE3 {}", ids.len(), hasher.finalize().to_hex())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(patterns: &[&str], ids: &[&str]) -> StreamSelection {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        StreamSelection::with_ids(owned(patterns), ids).unwrap()
    }

    #[test]
    fn a_listed_id_is_no_pattern() {
        let streams = chosen(&["order-?"], &["a*", "[b", "c\\"]);
        for stream in ["order-1", "a*", "[b", "c\\"] {
            assert!(streams.includes(stream), "{stream}");
        }
        for stream in ["ab", "b", "c", "order-"] {
            assert!(!streams.includes(stream), "{stream}");
        }
        assert!(streams.exact().is_none());
        assert_eq!(streams.named().collect::<Vec<_>>(), ["[b", "a*", "c\\"]);
        assert!(streams.names("a*") && !streams.names("order-1"));
    }

    #[test]
    fn only_ids_are_known_exactly_wherever_they_were_given() {
        let streams = chosen(&["b"], &["a", "b"]);
        assert_eq!(streams.exact().unwrap().iter().collect::<Vec<_>>(), ["a", "b"]);
        assert!(StreamSelection::default().exact().is_none());
        assert!(chosen(&["b*"], &["a"]).exact().is_none());
    }

    #[test]
    fn what_is_left_out_is_recorded_all_the_same() {
        let streams = chosen(&["a*"], &["b", "c"]);
        let left = streams.without([&"b".to_owned()]).without([&"ab".to_owned()]);
        assert!(left.includes("aa") && left.includes("c"));
        assert!(!left.includes("b") && !left.includes("ab"));
        assert_eq!(left.patterns(), streams.patterns());
    }

    #[test]
    fn a_short_list_is_recorded_as_it_is_and_a_long_one_by_its_hash() {
        assert_eq!(chosen(&["z", "x*"], &["b", "a"]).patterns(), ["z", "x*", "a", "b"]);
        let long: Vec<String> = (0..10_000).map(|number| format!("order-{number}")).collect();
        let mut turned: Vec<&str> = long.iter().map(String::as_str).collect();
        let recorded = chosen(&[], &turned).patterns().to_vec();
        turned.reverse();
        assert_eq!(chosen(&[], &turned).patterns(), recorded);
        assert_ne!(chosen(&[], &turned[1..]).patterns(), recorded);
        let [recorded] = recorded.try_into().unwrap();
        let hash = recorded.strip_prefix("[10000 ids, BLAKE3 ").unwrap();
        assert_eq!(hash.len(), 64);
        // Nobody can give that as a pattern, nor an id that would be read as one.
        StreamSelection::new(vec![recorded]).unwrap_err();
        let odd = chosen(&[], &["a*"]).patterns().to_vec();
        assert!(odd[0].starts_with("[1 ids, BLAKE3 "), "{odd:?}");
    }
}
