//! Which streams are meant: all, or those that match one of some patterns.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// A choice of streams.
#[derive(Clone, Debug, Default)]
pub struct StreamSelection {
    patterns: Vec<String>,
    set: Option<GlobSet>,
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
        if patterns.is_empty() {
            return Ok(Self::default());
        }
        let failed = |pattern: &str| {
            let pattern = pattern.to_owned();
            move |source| PatternError { pattern, source }
        };
        let mut set = GlobSetBuilder::new();
        for pattern in &patterns {
            let glob = GlobBuilder::new(pattern)
                .literal_separator(false)
                .backslash_escape(true)
                .build()
                .map_err(failed(pattern))?;
            set.add(glob);
        }
        let set = set.build().map_err(failed("all of them together"))?;
        Ok(Self { patterns, set: Some(set) })
    }

    /// The patterns, as they were given.
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }

    /// Whether all streams are meant.
    pub fn is_all(&self) -> bool {
        self.set.is_none()
    }

    /// The streams' ids, if only streams known by their id are meant.
    pub fn exact(&self) -> Option<&[String]> {
        let is_exact = |pattern: &String| !pattern.contains(['*', '?', '[', ']', '{', '}', '\\']);
        (!self.is_all() && self.patterns.iter().all(is_exact)).then_some(&self.patterns)
    }

    /// Whether the stream is meant: a pattern matches it, or is its id to the letter.
    pub fn includes(&self, stream: &str) -> bool {
        self.set.as_ref().is_none_or(|set| {
            set.is_match(stream) || self.patterns.iter().any(|pattern| pattern == stream)
        })
    }
}
