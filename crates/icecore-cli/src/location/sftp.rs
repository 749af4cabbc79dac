//! A directory of an SSH server: `sftp://[user@]host[:port]/path`, or `/~/path` below the login's.
//!
//! There is no password in it: `ssh` has keys, an agent and a configuration of its own.

use icecore_store::SftpSettings;
use std::ffi::OsStr;

const CREDENTIALS: &str = "`ssh` finds keys by its agent and configuration, and takes no password \
                           here";

/// Reads the URL of a place.
pub(super) fn parse(text: &OsStr) -> Result<SftpSettings, String> {
    let text = text.to_str().ok_or("the URL of the repository is no UTF-8")?;
    let form = || "say sftp://USER@HOST/PATH, or sftp://HOST/~/PATH below the home".to_owned();
    let rest = text.strip_prefix("sftp://").ok_or_else(form)?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let configuration = match query.split_once('=') {
        None if query.is_empty() => None,
        Some(("config", file)) if !file.is_empty() && !file.contains('&') => Some(file.into()),
        _ => return Err(format!("what can be set in the URL is config=FILE; {CREDENTIALS}")),
    };
    let (authority, path) = place.split_once('/').ok_or_else(form)?;
    let (user, address) = match authority.rsplit_once('@') {
        None => (None, authority),
        Some((user, _)) if user.contains(':') => {
            return Err(format!("the URL has a password in it: {CREDENTIALS}"));
        }
        Some((user, address)) => (Some(user.to_owned()), address),
    };
    let (host, port) = match address.rsplit_once(':') {
        // The address of a network with colons is in brackets.
        Some((host, port)) if !port.ends_with(']') => {
            let number: Result<u16, _> = port.parse();
            (host, Some(number.map_err(|_| "the URL's port is no number of a port".to_owned())?))
        }
        _ => (address, None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_odd = |text: &str| text.is_empty() || text.starts_with('-') || text.contains(' ');
    if is_odd(host) || user.as_deref().is_some_and(is_odd) {
        return Err(form());
    }
    let path = match path.strip_prefix("~/") {
        Some(below) => below.to_owned(),
        None => format!("/{path}"),
    };
    let path = path.trim_end_matches('/');
    let mut segments = path.trim_start_matches('/').split('/');
    if segments.any(|segment| segment.is_empty() || segment == "." || segment == "..") {
        return Err("the URL's path is empty, or a segment of it is empty, . or ..".to_owned());
    }
    Ok(SftpSettings { host: host.to_owned(), port, user, path: path.to_owned(), configuration })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn parsed(text: &str) -> Result<SftpSettings, String> {
        parse(OsStr::new(text))
    }

    #[test]
    fn a_url_has_a_host_a_path_and_perhaps_a_user_a_port_and_a_configuration() {
        let settings = parsed("sftp://me@host:2222/srv/backups/?config=/etc/ssh/backup").unwrap();
        assert_eq!(settings.place(), "sftp://host/srv/backups");
        assert_eq!((settings.user.as_deref(), settings.port), (Some("me"), Some(2222)));
        assert_eq!(settings.configuration, Some(PathBuf::from("/etc/ssh/backup")));
        let settings = parsed("sftp://[::1]/~/backups").unwrap();
        assert_eq!((settings.host.as_str(), settings.path.as_str()), ("::1", "backups"));
        assert_eq!(settings.place(), "sftp://::1/~/backups");
        assert_eq!(parsed("sftp://[::1]:22/b").unwrap().port, Some(22));
    }

    #[test]
    fn what_is_no_place_is_refused_and_a_password_not_repeated() {
        insta::assert_snapshot!(parsed("sftp://me:hunter2@host/backups").unwrap_err(), @"the URL has a password in it: `ssh` finds keys by its agent and configuration, and takes no password here");
        insta::assert_snapshot!(parsed("sftp://host/b?key=hunter2").unwrap_err(), @"what can be set in the URL is config=FILE; `ssh` finds keys by its agent and configuration, and takes no password here");
        insta::assert_snapshot!(parsed("sftp://host").unwrap_err(), @"say sftp://USER@HOST/PATH, or sftp://HOST/~/PATH below the home");
        for odd in ["sftp:host", "sftp:///b", "sftp://-oProxyCommand=x/b", "sftp://host:x/b"] {
            assert!(parsed(odd).is_err(), "{odd}");
        }
        for odd in ["sftp://host/", "sftp://host/~/", "sftp://host/a//b", "sftp://host/a/../b"] {
            assert!(parsed(odd).is_err(), "{odd}");
        }
    }
}
