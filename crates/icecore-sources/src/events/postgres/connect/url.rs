//! A source as a URL.
//!
//! A password whose special characters are not encoded can look like a port, a path or a query.
//! Wherever one might be, it is taken for one, and no message shows any of it.
//!
//! Source: <https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNSTRING-URIS>.

use super::parameters::{Parameters, name_in_text};
use super::percent::decode;
use super::settings_error::SettingsError;

/// Reads what comes after `://`.
pub(super) fn parse(rest: &str) -> Result<Parameters, SettingsError> {
    let before_query = rest.split_once('?').map_or(rest, |(before, _)| before);
    if may_have_password(before_query) {
        return Err(SettingsError::Password);
    }
    match read(rest) {
        Err(_) if may_have_password(rest) => Err(SettingsError::Password),
        result => result,
    }
}

/// Whether a `:` with something behind it comes before an `@`.
fn may_have_password(text: &str) -> bool {
    let before = text.rsplit_once('@').map_or("", |(before, _)| before);
    // An address in brackets has colons, and no user comes before it.
    let is_address = before.starts_with('[');
    let after_colon = before.split_once(':').map_or("", |(_, after)| after);
    !is_address && !after_colon.is_empty()
}

fn read(rest: &str) -> Result<Parameters, SettingsError> {
    let mut parameters = Parameters::default();
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, hosts) = authority.split_once('@').unwrap_or(("", authority));
    let user = decoded(user.strip_suffix(':').unwrap_or(user))?;
    for (name, value) in [("user", user), ("dbname", decoded(database)?)] {
        if !value.is_empty() {
            parameters.insert(name, value)?;
        }
    }
    read_hosts(hosts, &mut parameters)?;
    for pair in query.split('&').filter(|_| !query.is_empty()) {
        read_pair(pair, &mut parameters)?;
    }
    Ok(parameters)
}

fn read_hosts(text: &str, parameters: &mut Parameters) -> Result<(), SettingsError> {
    let mut hosts = Vec::new();
    let mut ports = Vec::new();
    for each in text.split(',') {
        let (host, port) = match each.strip_prefix('[') {
            None => each.split_once(':').unwrap_or((each, "")),
            Some(address) => {
                let wrong = |what| SettingsError::Url { what };
                let (address, port) =
                    address.split_once(']').ok_or_else(|| wrong("a '[' has no ']'"))?;
                let port = if port.is_empty() { Some("") } else { port.strip_prefix(':') };
                (address, port.ok_or_else(|| wrong("after ']' comes ':', ',' or '/'"))?)
            }
        };
        hosts.push(decoded(host)?);
        ports.push(decoded(port)?);
    }
    for (name, values) in [("host", hosts), ("port", ports)] {
        if values.iter().any(|value| !value.is_empty()) {
            parameters.insert(name, values.join(","))?;
        }
    }
    Ok(())
}

fn read_pair(pair: &str, parameters: &mut Parameters) -> Result<(), SettingsError> {
    let wrong = |what| SettingsError::Url { what };
    let (name, value) =
        pair.split_once('=').ok_or_else(|| wrong("a parameter in the query has no '='"))?;
    if value.contains('=') {
        return Err(wrong("a parameter in the query has two '=': write the second as %3D"));
    }
    match (decoded(name)?.as_str(), decoded(value)?) {
        // As other clients write it.
        ("ssl", value) if value == "true" => parameters.insert("sslmode", "require".to_owned()),
        (name, value) => parameters.insert(name_in_text(name)?, value),
    }
}

fn decoded(text: &str) -> Result<String, SettingsError> {
    let what = "a '%' is not followed by two digits of a byte, or the bytes are no text";
    decode(text).ok_or(SettingsError::Url { what })
}
