//! What can be said on the command line, beside what each subcommand takes for itself.

use crate::commands::{
    backup, check, completions, drill, follow, forget, init, key, log, man, prune, recover,
    restore, show, snapshots, streams, timeline, unforget,
};
use crate::times::{self, Age, Moment, Since};
use clap::{Args, Parser, Subcommand};
use icecore_format::snapshot::Tag;
use icecore_store::Bandwidth;
use jiff::SignedDuration;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Backs up event stores into a deduplicated, encrypted repository.
#[derive(Debug, Parser)]
#[command(name = "icecore", version, max_term_width = 100)]
#[command(after_help = "\
Passwords are never taken from the command line: from --password-file or --password-command, \
else from ICECORE_PASSWORD, ICECORE_PASSWORD_FILE or ICECORE_PASSWORD_COMMAND, else from a prompt.

Exit codes: 0 done, 1 failed or damage found, 2 wrong usage, 3 the source was incomplete,
10 no repository, 11 refused for concurrency, 12 wrong password, 130 interrupted.")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArguments,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every subcommand takes.
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArguments {
    #[arg(short, long, global = true, value_name = "PLACE")]
    #[arg(env = "ICECORE_REPOSITORY", hide_env_values = true)]
    #[arg(
        help = "Where the repository is: a directory, s3://BUCKET/PREFIX, azblob://CONTAINER/PREFIX, gs://BUCKET/PREFIX, sftp://HOST/PATH or webdavs://HOST/PATH"
    )]
    pub(crate) repo: Option<OsString>,
    /// Read the password from a file; one line end after it is not part of it
    #[arg(short, long, global = true, value_name = "FILE", conflicts_with = "password_command")]
    pub(crate) password_file: Option<PathBuf>,
    /// Read the password from what a shell command prints
    #[arg(long, global = true, value_name = "COMMAND")]
    pub(crate) password_command: Option<OsString>,
    #[arg(long, global = true, value_name = "DIRECTORY", conflicts_with = "no_cache")]
    #[arg(help = "Keep copies of repository metadata here [default: $XDG_CACHE_HOME/icecore]")]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Keep no copies of repository metadata
    #[arg(long, global = true)]
    pub(crate) no_cache: bool,
    /// Send no more than this to storage in a second, such as 10MB or 512KiB
    #[arg(long, global = true, value_name = "RATE", value_parser = parse_rate)]
    #[arg(env = "ICECORE_LIMIT_UPLOAD", hide_env_values = true)]
    pub(crate) limit_upload: Option<u64>,
    /// Take no more than this from storage in a second
    #[arg(long, global = true, value_name = "RATE", value_parser = parse_rate)]
    #[arg(env = "ICECORE_LIMIT_DOWNLOAD", hide_env_values = true)]
    pub(crate) limit_download: Option<u64>,
    /// Write to storage that keeps no two writers apart, one process at a time, by a lease in it
    #[cfg(feature = "object-storage")]
    #[arg(long, global = true, env = "ICECORE_SINGLE_WRITER", hide_env_values = true)]
    #[arg(value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) single_writer: bool,
    /// Print JSON, one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print nothing but errors, warnings, and what was asked for
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more about what goes on; twice for even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(init::Arguments),
    #[command(visible_alias = "snapshot")]
    Backup(backup::Arguments),
    Follow(Box<follow::Arguments>),
    Snapshots(snapshots::Arguments),
    Show(show::Arguments),
    Streams(streams::Arguments),
    Restore(restore::Arguments),
    Recover(Box<recover::Arguments>),
    Drill(Box<drill::Arguments>),
    #[cfg(feature = "ndjson")]
    Dump(crate::commands::dump::Arguments),
    Timeline(timeline::Arguments),
    Forget(Box<forget::Arguments>),
    Unforget(unforget::UnforgetArguments),
    Protect(unforget::ProtectArguments),
    Unprotect(unforget::UnprotectArguments),
    Check(check::Arguments),
    Log(log::Arguments),
    Prune(prune::Arguments),
    Key(key::Arguments),
    #[cfg(feature = "serve")]
    Serve(Box<crate::commands::serve::Arguments>),
    #[cfg(feature = "sqlite")]
    Demo(crate::commands::demo::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// Which snapshot is meant.
#[derive(Debug, Args)]
pub(crate) struct SnapshotArgument {
    /// The beginning of a snapshot's id, four digits or more, or `latest`
    #[arg(value_name = "SNAPSHOT")]
    pub(crate) snapshot: String,
    /// With `latest`: the newest snapshot of this source
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
}

/// Reads a label: `KEY` or `KEY=VALUE`.
pub(crate) fn parse_tag(text: &str) -> Result<Tag, String> {
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Some(value.to_owned())),
        None => (text, None),
    };
    if key.is_empty() {
        return Err("a label begins with a key".to_owned());
    }
    Ok(Tag { key: key.to_owned(), value })
}

/// Reads a pair: `FIELD=MEMBER`.
#[cfg(feature = "ndjson")]
pub(crate) fn parse_pair(text: &str) -> Result<(String, String), String> {
    let pair =
        text.split_once('=').filter(|(field, member)| !field.is_empty() && !member.is_empty());
    let (field, member) = pair.ok_or("expected FIELD=MEMBER, such as stream_id=aggregateId")?;
    Ok((field.to_owned(), member.to_owned()))
}

/// Reads a short duration such as `500ms` or `1s`.
pub(crate) fn parse_interval(text: &str) -> Result<Duration, String> {
    let parsed: Option<SignedDuration> = text.parse().ok();
    let duration = parsed.and_then(|duration| Duration::try_from(duration).ok());
    duration.ok_or_else(|| "expected a duration such as 500ms, 1s or 1m".to_owned())
}

/// Reads a size such as `8MiB`.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 7] = [
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("kB", 1_000),
        ("B", 1),
    ];
    let expected = || "expected a size such as 512KiB or 8MiB".to_owned();
    let (digits, unit) = UNITS
        .into_iter()
        .find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))
        .unwrap_or((text, 1));
    let number: u64 = digits.trim().parse().map_err(|_| expected())?;
    number.checked_mul(unit).filter(|bytes| *bytes > 0).ok_or_else(expected)
}

/// Reads bytes a second such as `10MB`, or `10MB/s`.
pub(crate) fn parse_rate(text: &str) -> Result<u64, String> {
    let expected =
        || "expected bytes a second such as 512KiB or 10MB, and at least 1KiB".to_owned();
    let bytes = parse_bytes(text.strip_suffix("/s").unwrap_or(text)).map_err(|_| expected())?;
    Some(bytes).filter(|bytes| *bytes >= Bandwidth::BYTES_PER_SECOND_MIN).ok_or_else(expected)
}

/// Reads a duration such as `30d`.
pub(crate) fn parse_age(text: &str) -> Result<Age, String> {
    text.parse()
}

/// Reads a duration such as `24h` or `7d`, or `0s`.
pub(crate) fn parse_wait(text: &str) -> Result<Duration, String> {
    times::parse_wait(text)
}

/// Reads a moment, or how long ago it was.
pub(crate) fn parse_since(text: &str) -> Result<Since, String> {
    text.parse()
}

/// Reads a moment.
pub(crate) fn parse_moment(text: &str) -> Result<Moment, String> {
    text.parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_rates_have_decimal_and_binary_units() {
        for (text, bytes) in [("8MiB", 8 << 20), ("10MB", 10_000_000), ("2 kB", 2_000), ("1", 1)] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        assert_eq!(parse_rate("512KiB/s"), Ok(512 << 10));
        assert_eq!(parse_rate("10MB"), Ok(10_000_000));
        for odd in ["0", "1000B", "10Mbit", "fast", "-1MB", "99999999999GiB", "/s"] {
            assert!(parse_rate(odd).is_err(), "{odd}");
        }
    }
}
