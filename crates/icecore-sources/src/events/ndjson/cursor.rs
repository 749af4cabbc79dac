//! A place in JSON text that moves over whole tokens and values.

use super::nesting::Nesting;

/// Where text stops being JSON, and what should be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    /// Where, in bytes from the start.
    pub(super) at: usize,
    /// What is expected there, or wrong.
    pub(super) what: &'static str,
}

/// A place in a text.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The start of `text`.
    pub(super) fn new(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), at: 0 }
    }

    /// How far it came, in bytes.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next byte.
    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Takes the next byte if it is `byte`.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    /// Takes white space.
    #[inline]
    pub(super) fn skip_space(&mut self) {
        while self.peek().is_some_and(super::is_space) {
            self.at += 1;
        }
    }

    /// The flaw that is here.
    pub(super) fn flaw(&self, what: &'static str) -> Flaw {
        Flaw { at: self.at, what }
    }

    /// Takes a value and all that is in it.
    pub(super) fn value(&mut self, nesting: &mut Nesting) -> Result<(), Flaw> {
        loop {
            match self.peek() {
                Some(b'"') => self.string("expected a value")?,
                Some(b'{') => {
                    self.at += 1;
                    self.skip_space();
                    if !self.take(b'}') {
                        nesting.push(true);
                        self.string("expected a member's name or a closing brace")?;
                        self.colon()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    self.at += 1;
                    self.skip_space();
                    if !self.take(b']') {
                        nesting.push(false);
                        continue;
                    }
                }
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b't') => self.word(b"true")?,
                Some(b'f') => self.word(b"false")?,
                Some(b'n') => self.word(b"null")?,
                _ => return Err(self.flaw("expected a value")),
            }
            if !self.next_in(nesting)? {
                return Ok(());
            }
        }
    }

    /// After a value: closes what ends here, and goes to the next value inside what stays open.
    /// Returns false if nothing is open any more.
    #[inline]
    fn next_in(&mut self, nesting: &mut Nesting) -> Result<bool, Flaw> {
        while let Some(is_object) = nesting.innermost() {
            self.skip_space();
            match (self.peek(), is_object) {
                (Some(b','), true) => {
                    self.at += 1;
                    self.skip_space();
                    self.string("expected a member's name")?;
                    self.colon()?;
                    return Ok(true);
                }
                (Some(b','), false) => {
                    self.at += 1;
                    self.skip_space();
                    return Ok(true);
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    self.at += 1;
                    nesting.pop();
                }
                (_, true) => return Err(self.flaw("expected a comma or a closing brace")),
                (_, false) => return Err(self.flaw("expected a comma or a closing bracket")),
            }
        }
        Ok(false)
    }

    /// Takes the colon after a name, and the white space around it.
    #[inline]
    pub(super) fn colon(&mut self) -> Result<(), Flaw> {
        self.skip_space();
        if !self.take(b':') {
            return Err(self.flaw("expected a colon"));
        }
        self.skip_space();
        Ok(())
    }

    /// Takes a string; `expected` says what is missing if there is none.
    #[inline]
    pub(super) fn string(&mut self, expected: &'static str) -> Result<(), Flaw> {
        if !self.take(b'"') {
            return Err(self.flaw(expected));
        }
        loop {
            self.at += plain_length(self.bytes.get(self.at..).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(self.flaw("a control character in a string")),
                None => return Err(self.flaw("a string that does not end")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Flaw> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|digit| digit.is_ascii_hexdigit()) {
                        return Err(self.flaw("expected four hexadecimal digits"));
                    }
                    self.at += 1;
                }
            }
            _ => return Err(self.flaw("an unknown escape")),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Flaw> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Flaw> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.flaw("expected a digit")) } else { Ok(()) }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Flaw> {
        if !self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.flaw("expected a value"));
        }
        self.at += word.len();
        Ok(())
    }
}

/// How many bytes at the start of `bytes` are inside a string without ending it, escaping or
/// being a control character: eight at a time, by the bit tricks of
/// <https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord>.
#[inline]
fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word;
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // The lowest bit set is exact: a borrow reaches only bytes above a true hit.
        let hits = below(word, 0x20)
            | below(word ^ (ONES * u64::from(b'"')), 1)
            | below(word ^ (ONES * u64::from(b'\\')), 1);
        if hits & HIGHS != 0 {
            return index * 8 + (hits & HIGHS).trailing_zeros() as usize / 8;
        }
    }
    let plain = rest.iter().take_while(|byte| !icecore_format::event::json::needs_escape(**byte));
    words.len() * 8 + plain.count()
}
