//! Open objects and arrays: one bit each, however many there are.

/// Which of the values that are open are objects, and which arrays.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    depth: usize,
    /// A bit for each of the innermost `depth % 64` or 64 open values: whether it is an object.
    inner: u64,
    outer: Vec<u64>,
}

impl Nesting {
    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        self.depth = 0;
        self.outer.clear();
    }

    /// Opens a value.
    pub(super) fn push(&mut self, is_object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.inner);
        }
        self.inner = self.inner << 1 | u64::from(is_object);
        self.depth += 1;
    }

    /// Closes the innermost value.
    pub(super) fn pop(&mut self) {
        self.depth -= 1;
        self.inner >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.inner = self.outer.pop().unwrap_or_default();
        }
    }

    /// Whether the innermost value is an object; `None` if none is open.
    pub(super) fn innermost(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.inner & 1 == 1)
    }
}
