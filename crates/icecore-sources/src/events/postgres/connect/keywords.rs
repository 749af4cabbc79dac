//! A source as keywords and values.
//!
//! Source: <https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNSTRING-KEYWORD-VALUE>.

use super::parameters::{Parameters, name_in_text};
use super::settings_error::SettingsError;

/// Reads `keyword=value` pairs.
pub(super) fn parse(text: &str) -> Result<Parameters, SettingsError> {
    let mut parameters = Parameters::default();
    let mut rest = text.trim_start();
    let mut place = "at the beginning".to_owned();
    while !rest.is_empty() {
        let wrong = |what| SettingsError::Keywords { place: place.clone(), what };
        let (name, after) = rest.split_once('=').ok_or_else(|| wrong("there is no '='"))?;
        let name = name.trim_end();
        if name.contains(char::is_whitespace) {
            return Err(wrong("there is no '='"));
        }
        // Before its value is looked at: it may be a password.
        let name = name_in_text(name)?;
        place = format!("after '{name}'");
        let wrong = |what| SettingsError::Keywords { place: place.clone(), what };
        let (value, after) =
            read_value(after.trim_start()).ok_or_else(|| wrong("a quote has no end"))?;
        parameters.insert(name, value)?;
        rest = after.trim_start();
    }
    Ok(parameters)
}

/// A value and what comes after it; `None` if its quote does not end.
fn read_value(text: &str) -> Option<(String, &str)> {
    let quoted = text.strip_prefix('\'');
    let text = quoted.unwrap_or(text);
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        let rest = characters.as_str();
        match characters.next() {
            None if quoted.is_some() => return None,
            None => return Some((value, "")),
            Some('\'') if quoted.is_some() => return Some((value, characters.as_str())),
            Some(space) if quoted.is_none() && space.is_whitespace() => {
                return Some((value, rest));
            }
            Some('\\') => value.extend(characters.next()),
            Some(character) => value.push(character),
        }
    }
}
