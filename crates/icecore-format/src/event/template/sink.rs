//! Where a template renders to: memory, or a comparison with bytes that are there already.
//!
//! Comparing needs no second copy of a large payload.

/// Takes what a template renders, in order.
pub(super) trait Sink {
    /// Takes these bytes.
    fn put(&mut self, bytes: &[u8]);

    /// Takes what `write` appends, unless it fails.
    fn put_with(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Option<()>) -> Option<()>;

    /// What is kept in memory of what came, in bytes.
    fn kept_bytes(&self) -> usize;
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn put_with(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Option<()>) -> Option<()> {
        write(self)
    }

    fn kept_bytes(&self) -> usize {
        self.len()
    }
}

/// Compares what it takes with what is expected.
pub(super) struct Comparison<'a> {
    /// What is still expected; `None` after a difference.
    rest: Option<&'a [u8]>,
    value: &'a mut Vec<u8>,
}

impl<'a> Comparison<'a> {
    /// A comparison with `expected`, which uses `scratch` for single values.
    pub(super) fn with(expected: &'a [u8], scratch: &'a mut Vec<u8>) -> Self {
        Self { rest: Some(expected), value: scratch }
    }

    /// Whether exactly the expected bytes came.
    pub(super) fn is_equal(&self) -> bool {
        self.rest.is_some_and(<[u8]>::is_empty)
    }
}

impl Sink for Comparison<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.rest = self.rest.and_then(|rest| rest.strip_prefix(bytes));
    }

    fn put_with(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Option<()>) -> Option<()> {
        self.value.clear();
        write(self.value)?;
        self.rest = self.rest.and_then(|rest| rest.strip_prefix(self.value.as_slice()));
        Some(())
    }

    fn kept_bytes(&self) -> usize {
        0
    }
}
