//! The URL of a place: `scheme://bucket/prefix?setting=value&setting=value`.
//!
//! Nothing of a URL is repeated but the names of settings, and those only if they look like one: a
//! person may have put a key anywhere.

/// The longest prefix: with the longest object name it is a key that every service takes.
const PREFIX_BYTES_MAX: usize = 800;

/// A URL, taken apart.
#[derive(Debug)]
pub(super) struct Url<'a> {
    /// The bucket or container.
    pub(super) bucket: &'a str,
    /// Segments joined by `/`, or empty.
    pub(super) prefix: String,
    settings: Vec<(&'a str, String)>,
}

impl<'a> Url<'a> {
    /// Takes apart what follows the scheme and its colon. `how` says where credentials belong.
    pub(super) fn parse(scheme: &str, rest: &'a str, how: &str) -> Result<Self, String> {
        let form = || format!("say {scheme}://BUCKET/PREFIX");
        let rest = rest.strip_prefix("//").ok_or_else(form)?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, path) = place.split_once('/').unwrap_or((place, ""));
        if bucket.contains(['@', ':']) {
            return Err(format!("the URL has a user, a key or a port where its bucket is: {how}"));
        }
        if bucket.is_empty() {
            return Err(format!("the URL has no bucket: {}", form()));
        }
        let prefix = path.trim_matches('/');
        let is_odd = |segment: &str| segment.is_empty() || segment == "." || segment == "..";
        if !prefix.is_empty() && prefix.split('/').any(is_odd) {
            return Err("a segment of the URL's path is empty, . or ..".to_owned());
        }
        if prefix.len() > PREFIX_BYTES_MAX {
            return Err(format!("the URL's path has more than {PREFIX_BYTES_MAX} bytes"));
        }
        let mut settings: Vec<(&str, String)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or("a setting in the URL has no value")?;
            if settings.iter().any(|(other, _)| *other == name) {
                return Err(format!("the URL has {} twice", told(name)));
            }
            let value = decode(value)
                .ok_or_else(|| format!("the value of {} in the URL cannot be read", told(name)))?;
            settings.push((name, value));
        }
        Ok(Self { bucket, prefix: prefix.to_owned(), settings })
    }

    /// Refuses all settings but those of `known`. `how` says where credentials belong.
    pub(super) fn refuse_others(&self, known: &[&str], how: &str) -> Result<(), String> {
        match self.settings.iter().find(|(name, _)| !known.contains(name)) {
            None => Ok(()),
            Some((name, _)) => Err(format!(
                "the URL has {}, and what can be set there is {}; {how}",
                told(name),
                known.join(", ")
            )),
        }
    }

    /// A setting.
    pub(super) fn setting(&self, name: &str) -> Option<String> {
        self.settings.iter().find(|(other, _)| *other == name).map(|(_, value)| value.clone())
    }
}

/// The address of a server: `http://host`, `https://host`, or a host alone, which means the latter.
/// `name` is where it was said.
pub(super) fn endpoint(name: &str, text: &str) -> Result<String, String> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
    let rest = rest.trim_end_matches('/');
    if scheme != "http" && scheme != "https" {
        return Err(format!("{name} begins with neither http:// nor https://"));
    }
    if rest.contains('@') {
        return Err(format!("{name} has a user or a password in it"));
    }
    if rest.is_empty() || rest.contains(['?', '#', ' ']) {
        return Err(format!("{name} is no address of a server, such as https://s3.example"));
    }
    Ok(format!("{scheme}://{rest}"))
}

/// A setting's name, if it looks like one.
fn told(name: &str) -> String {
    let is_name = (1..=40).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || b"-_".contains(&byte));
    if is_name {
        format!("the setting '{name}'")
    } else {
        "something that is no setting".to_owned()
    }
}

/// Takes `%20` and its like for what they stand for.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains(char::is_control))
}
