//! A directory of a WebDAV server: `webdavs://host[:port]/path`, or `webdav://` without encryption.
//!
//! Who asks comes from variables or a file, never from the URL.

use icecore_store::{WebDavCredential, WebDavSettings};
use std::ffi::OsStr;

/// Gives a variable of the environment.
type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

const CREDENTIALS: &str = "the user comes from ICECORE_WEBDAV_USER, the password from \
                           ICECORE_WEBDAV_PASSWORD or the file in ICECORE_WEBDAV_PASSWORD_FILE, a \
                           token from ICECORE_WEBDAV_TOKEN";

/// The longest path: with the longest object name it is an address that every server takes.
const PATH_BYTES_MAX: usize = 800;

/// Reads the URL of a place.
pub(super) fn parse(text: &OsStr, variables: Variables<'_>) -> Result<WebDavSettings, String> {
    let text = text.to_str().ok_or("the URL of the repository is no UTF-8")?;
    let form = || "say webdavs://HOST/PATH".to_owned();
    let (scheme, rest) = text.split_once("://").ok_or_else(form)?;
    let is_encrypted = scheme == "webdavs";
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if rest.contains('@') && host.contains('@') {
        return Err(format!("the URL has a user or a password in it: {CREDENTIALS}"));
    }
    if path.contains(['?', '#']) || host.contains(['?', '#']) {
        return Err(format!("there is nothing to set in the URL; {CREDENTIALS}"));
    }
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    if host.is_empty() || !host.bytes().all(is_host) {
        return Err(form());
    }
    let path = path.trim_matches('/');
    let is_odd = |segment: &str| segment.is_empty() || segment == "." || segment == "..";
    if !path.is_empty() && path.split('/').any(is_odd) {
        return Err("a segment of the URL's path is empty, . or ..".to_owned());
    }
    if path.len() > PATH_BYTES_MAX {
        return Err(format!("the URL's path has more than {PATH_BYTES_MAX} bytes"));
    }
    let credential = credential(variables)?;
    if credential.is_some() && !is_encrypted && !is_this_machine(host) {
        return Err("a password is not sent without encryption: say webdavs://HOST/PATH".to_owned());
    }
    Ok(WebDavSettings { is_encrypted, host: host.to_owned(), path: path.to_owned(), credential })
}

fn credential(variables: Variables<'_>) -> Result<Option<WebDavCredential>, String> {
    if let Some(token) = variables("ICECORE_WEBDAV_TOKEN") {
        return Ok(Some(WebDavCredential::Token(token.into())));
    }
    let Some(name) = variables("ICECORE_WEBDAV_USER") else { return Ok(None) };
    if name.contains(':') {
        return Err("a user of WebDAV has no colon in its name".to_owned());
    }
    let password = match variables("ICECORE_WEBDAV_PASSWORD_FILE") {
        Some(file) => {
            let text = std::fs::read_to_string(&file).map_err(|error| {
                format!("cannot read the file in ICECORE_WEBDAV_PASSWORD_FILE: {error}")
            })?;
            text.strip_suffix('\n').map_or(text.clone(), str::to_owned)
        }
        None => variables("ICECORE_WEBDAV_PASSWORD").unwrap_or_default(),
    };
    Ok(Some(WebDavCredential::User { name, password: password.into() }))
}

fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    };
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, variables: &[(&str, &str)]) -> Result<WebDavSettings, String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(other, _)| *other == name)?;
            Some(found.1.to_owned())
        };
        parse(OsStr::new(text), &variable)
    }

    const USER: [(&str, &str); 2] =
        [("ICECORE_WEBDAV_USER", "shop"), ("ICECORE_WEBDAV_PASSWORD", "hunter2")];

    #[test]
    fn a_url_has_a_server_and_a_path_and_who_asks_comes_from_elsewhere() {
        let settings = parsed("webdavs://cloud.example:8443/dav/my%20files/", &USER).unwrap();
        assert_eq!(settings.place(), "webdavs://cloud.example:8443/dav/my%20files");
        assert!(
            matches!(&settings.credential, Some(WebDavCredential::User { name, .. }) if name == "shop")
        );
        assert!(!format!("{settings:?}").contains("hunter2"), "{settings:?}");
        let settings = parsed("webdav://127.0.0.1:80", &USER).unwrap();
        assert_eq!(settings.place(), "webdav://127.0.0.1:80");
        assert!(parsed("webdav://nas/backups", &[]).unwrap().credential.is_none());
        let token = [("ICECORE_WEBDAV_TOKEN", "hunter2")];
        let settings = parsed("webdavs://nas/backups", &token).unwrap();
        assert!(matches!(settings.credential, Some(WebDavCredential::Token(_))));
    }

    #[test]
    fn a_password_may_come_from_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password").display().to_string();
        let variables =
            [("ICECORE_WEBDAV_USER", "shop"), ("ICECORE_WEBDAV_PASSWORD_FILE", file.as_str())];
        let error = parsed("webdavs://nas/b", &variables).unwrap_err();
        assert!(error.contains("ICECORE_WEBDAV_PASSWORD_FILE"), "{error}");
        std::fs::write(&file, "hunter2\n").unwrap();
        assert!(parsed("webdavs://nas/b", &variables).unwrap().credential.is_some());
    }

    #[test]
    fn what_is_no_place_is_refused_and_a_password_not_repeated() {
        insta::assert_snapshot!(parsed("webdavs://me:hunter2@host/b", &[]).unwrap_err(), @"the URL has a user or a password in it: the user comes from ICECORE_WEBDAV_USER, the password from ICECORE_WEBDAV_PASSWORD or the file in ICECORE_WEBDAV_PASSWORD_FILE, a token from ICECORE_WEBDAV_TOKEN");
        insta::assert_snapshot!(parsed("webdavs://host/b?token=hunter2", &[]).unwrap_err(), @"there is nothing to set in the URL; the user comes from ICECORE_WEBDAV_USER, the password from ICECORE_WEBDAV_PASSWORD or the file in ICECORE_WEBDAV_PASSWORD_FILE, a token from ICECORE_WEBDAV_TOKEN");
        insta::assert_snapshot!(parsed("webdav://nas/b", &USER).unwrap_err(), @"a password is not sent without encryption: say webdavs://HOST/PATH");
        for odd in
            ["webdav:host", "webdav:///b", "webdav://a b/c", "webdav://h/a//b", "webdav://h/../b"]
        {
            assert!(parsed(odd, &[]).is_err(), "{odd}");
        }
    }
}
