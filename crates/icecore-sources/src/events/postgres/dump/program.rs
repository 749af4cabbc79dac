//! Finds and runs `pg_dump`, of a version that knows all that the server does.

use super::DumpError;
use crate::events::postgres::connect::ConnectionSettings;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const NAME: &str = "pg_dump";

/// Where Debian puts each version's programs.
const VERSIONS: &str = "/usr/lib/postgresql";

/// How much of what it complains about is told, in characters: one message of the server.
const COMPLAINT_CHARACTERS_MAX: usize = 500;

/// A program, and how it connects.
pub(super) struct Program {
    path: PathBuf,
    environment: Vec<(&'static str, OsString)>,
}

impl Program {
    /// The first that is not older than the server.
    pub(super) fn find(settings: &ConnectionSettings, version: u32) -> Result<Self, DumpError> {
        let environment = settings.program_environment();
        let is_new_enough =
            |path: &PathBuf| version_of(path, &environment).is_some_and(|found| found >= version);
        let found = candidates(settings.program_path()).into_iter().find(is_new_enough);
        let path = found.ok_or(DumpError::NoProgram { version })?;
        Ok(Self { path, environment })
    }

    /// What it prints.
    pub(super) fn run<'a>(
        &self,
        arguments: impl Iterator<Item = &'a OsString>,
    ) -> Result<Vec<u8>, DumpError> {
        let output = command(&self.path, &self.environment)
            .args(arguments)
            .output()
            .map_err(|source| DumpError::NotRun { program: self.path.clone(), source })?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let said = said.chars().take(COMPLAINT_CHARACTERS_MAX).collect();
        Err(DumpError::Failed { program: self.path.clone(), said })
    }
}

/// Files that may be the program: those of `PATH` first, then the newest that a system keeps.
fn candidates(search_path: Option<&str>) -> Vec<PathBuf> {
    let directories = search_path.map(std::env::split_paths).into_iter().flatten();
    let mut kept: Vec<(u32, PathBuf)> = fs::read_dir(VERSIONS)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    kept.sort_unstable_by(|a, b| b.cmp(a));
    let kept = kept.into_iter().map(|(_, directory)| directory);
    let absolute = directories.filter(|directory| directory.is_absolute());
    let files = absolute.chain(kept).map(|directory| directory.join(NAME));
    files.filter(|file| file.is_file()).collect()
}

/// The major version that a program says it is.
fn version_of(path: &Path, environment: &[(&'static str, OsString)]) -> Option<u32> {
    let output = command(path, environment).arg("--version").output().ok()?;
    parse_version(std::str::from_utf8(&output.stdout).ok()?)
}

/// Of such as `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, or `18beta1`.
fn parse_version(text: &str) -> Option<u32> {
    let after = text.split_once(") ")?.1;
    let digits = after.split(|character: char| !character.is_ascii_digit()).next()?;
    digits.parse().ok()
}

fn command(path: &Path, environment: &[(&'static str, OsString)]) -> Command {
    let mut command = Command::new(path);
    command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_they_are_printed() {
        let debian = "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(parse_version(debian), Some(15));
        assert_eq!(parse_version("pg_dump (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(parse_version("Error: You must install at least one"), None);
    }
}
