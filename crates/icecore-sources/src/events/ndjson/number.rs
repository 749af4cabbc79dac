//! JSON numbers as whole numbers, exactly: nothing goes through floating point.
//!
//! Source: RFC 8259, section 6.

/// Why a number is no `u64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotWhole {
    /// It is below zero.
    Negative,
    /// It has a fraction.
    Fraction,
    /// It is above `u64::MAX`.
    TooLarge,
}

/// Whether `number` is written as we write whole numbers ourselves: in digits.
pub(super) fn is_canonical(number: &str) -> bool {
    number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The value of `number`, which is a JSON number in any notation.
pub(super) fn exact(number: &str) -> Result<u64, NotWhole> {
    if is_canonical(number) {
        // Nothing but digits can only be too many of them.
        return number.parse().map_err(|_| NotWhole::TooLarge);
    }
    let magnitude = number.strip_prefix('-').unwrap_or(number);
    let (mantissa, exponent) = magnitude.split_once(['e', 'E']).unwrap_or((magnitude, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let significant = digits.trim_end_matches('0');
    // The value is `leading`, times ten to the power of `power`.
    let leading = significant.trim_start_matches('0');
    if leading.is_empty() {
        return Ok(0);
    }
    if magnitude.len() < number.len() {
        return Err(NotWhole::Negative);
    }
    let power = power_of_ten(exponent)
        .saturating_sub(fraction.len() as i64)
        .saturating_add((digits.len() - significant.len()) as i64);
    let power = u32::try_from(power)
        .map_err(|_| if power < 0 { NotWhole::Fraction } else { NotWhole::TooLarge })?;
    let scale = 10u64.checked_pow(power).ok_or(NotWhole::TooLarge)?;
    let value = leading.parse::<u64>().ok().and_then(|leading| leading.checked_mul(scale));
    value.ok_or(NotWhole::TooLarge)
}

/// The value of an exponent, or one as far from zero as no line has digits.
fn power_of_ten(exponent: &str) -> i64 {
    let far = if exponent.starts_with('-') { i64::MIN } else { i64::MAX };
    exponent.parse().unwrap_or(far)
}
