//! Appends JSON to a buffer, in the order in which it is called.
//!
//! The caller balances objects and lists; commas and quotes come by themselves.

/// A place in a JSON document.
pub(super) struct Json<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Json<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    pub(super) fn begin_object(&mut self) {
        self.separate();
        self.out.push(b'{');
    }

    pub(super) fn end_object(&mut self) {
        self.out.push(b'}');
    }

    pub(super) fn begin_list(&mut self) {
        self.separate();
        self.out.push(b'[');
    }

    pub(super) fn end_list(&mut self) {
        self.out.push(b']');
    }

    /// The name of a member, which the next call gives its value.
    pub(super) fn name(&mut self, name: &str) -> &mut Self {
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self
    }

    /// Text that needs no escapes, or has them already.
    pub(super) fn text(&mut self, text: &str) {
        self.quoted(|out| out.extend_from_slice(text.as_bytes()));
    }

    /// A string whose content `write` appends.
    pub(super) fn quoted(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.separate();
        self.out.push(b'"');
        write(self.out);
        self.out.push(b'"');
    }

    /// Anything that is JSON already.
    pub(super) fn verbatim(&mut self, json: &str) {
        self.separate();
        self.out.extend_from_slice(json.as_bytes());
    }

    pub(super) fn null(&mut self) {
        self.verbatim("null");
    }

    pub(super) fn truth(&mut self, value: bool) {
        self.verbatim(if value { "true" } else { "false" });
    }

    pub(super) fn integer(&mut self, value: u64) {
        self.separate();
        integer(self.out, value);
    }

    /// `cents` with a decimal point before the last two digits.
    pub(super) fn amount(&mut self, cents: u64) {
        self.separate();
        amount(self.out, cents);
    }

    pub(super) fn uuid(&mut self, value: u128) {
        self.quoted(|out| uuid(out, value));
    }

    /// RFC 3339 in UTC with microseconds, of microseconds since 1970.
    pub(super) fn time(&mut self, micros: u64) {
        self.quoted(|out| time(out, micros));
    }

    fn separate(&mut self) {
        if !matches!(self.out.last(), None | Some(b'{' | b'[' | b':' | b'\n')) {
            self.out.push(b',');
        }
    }
}

pub(super) fn integer(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

pub(super) fn amount(out: &mut Vec<u8>, cents: u64) {
    integer(out, cents / 100);
    out.push(b'.');
    padded::<2>(out, cents % 100);
}

/// The last `WIDTH` decimal digits of `value`.
pub(super) fn padded<const WIDTH: usize>(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [b'0'; WIDTH];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
    out.extend_from_slice(&digits);
}

/// The low `count` hexadecimal digits of `value`, lower-case.
pub(super) fn hex(out: &mut Vec<u8>, value: u128, count: u32) {
    out.extend((0..count).rev().map(|place| HEX[(value >> (place * 4)) as usize & 15]));
}

const HEX: &[u8; 16] = b"0123456789abcdef";

pub(super) fn uuid(out: &mut Vec<u8>, value: u128) {
    let mut text = [b'-'; 36];
    let mut places = text.iter_mut().enumerate().filter(|(at, _)| !matches!(at, 8 | 13 | 18 | 23));
    for byte in value.to_be_bytes() {
        for digit in [byte >> 4, byte & 15] {
            if let Some((_, place)) = places.next() {
                *place = HEX[usize::from(digit)];
            }
        }
    }
    out.extend_from_slice(&text);
}

/// The day in the civil calendar follows Hinnant, "chrono-compatible low-level date algorithms".
pub(super) fn time(out: &mut Vec<u8>, micros: u64) {
    let seconds = micros / 1_000_000;
    let day = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (day / 146_097, day % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    padded::<4>(out, era * 400 + year_of_era + u64::from(month <= 2));
    out.push(b'-');
    padded::<2>(out, month);
    out.push(b'-');
    padded::<2>(out, day_of_month);
    out.push(b'T');
    padded::<2>(out, seconds / 3600 % 24);
    out.push(b':');
    padded::<2>(out, seconds / 60 % 60);
    out.push(b':');
    padded::<2>(out, seconds % 60);
    out.push(b'.');
    padded::<6>(out, micros % 1_000_000);
    out.push(b'Z');
}
