//! The tools that are compared: what each is told to do the same thing at the same level of safety.
//!
//! Encryption is on for all, nobody's verification is turned on or off, and each checks all data when
//! it is asked to check. Compression is each tool's default, but for borg and vykar, whose default is
//! lz4: they get zstd at level 3, which is the default of restic and rustic, as sizes would not be
//! comparable otherwise.

mod borg;
mod icecore;
mod restic;
mod rustic;
mod vykar;

use super::place::Place;
use super::process::Invocation;
use super::source::FILE_NAME;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

pub(super) use icecore::{Flags, NAME as ICECORE, stream_ids};

/// The password of every repository, which holds nothing but generated events.
pub(super) const PASSWORD: &str = "compare";

/// What a tool can be asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action<'a> {
    /// Make a repository.
    Init,
    /// List the snapshots: next to nothing but opening the repository.
    Open,
    /// Back up for the first time.
    First,
    /// Back up, and read all of the source even if it looks unchanged.
    Reread,
    /// Back up again, as anybody would.
    Appended,
    /// Back up again, and trust that what was there has not changed.
    AppendedTrusting,
    /// Restore the newest snapshot.
    Restore,
    /// Check the repository, and read all data.
    Check,
    /// Back up the appended events alone.
    Alone,
    /// List the streams of the newest snapshot.
    ListStreams,
    /// Restore one stream of the newest snapshot.
    OneStream(&'a str),
}

/// How one tool is told things.
trait Dialect {
    /// Writes what the tool needs before it can be told anything.
    fn prepare(&self, _place: &Place, _source: &Path) -> io::Result<()> {
        Ok(())
    }

    /// The variables of its environment, beside those that every tool gets.
    fn environment(&self, place: &Place) -> Vec<(&'static str, String)>;

    /// Its arguments; `None` if it knows no such thing.
    fn arguments(&self, action: Action, place: &Place) -> Option<Vec<String>>;
}

/// A program that is compared.
pub(super) struct Tool {
    /// What it is called.
    pub name: String,
    /// What it says that its version is.
    pub version: String,
    program: PathBuf,
    dialect: Box<dyn Dialect>,
}

/// The names of the peers.
pub(super) const PEERS: [&str; 4] = ["restic", "borg", "rustic", "vykar"];

impl Tool {
    /// The peer of this name; `None` if it is not one of [`PEERS`].
    pub(super) fn peer(name: &str, program: PathBuf, version: String) -> Option<Self> {
        let dialect: Box<dyn Dialect> = match name {
            "restic" => Box::new(restic::Restic),
            "borg" => Box::new(borg::Borg),
            "rustic" => Box::new(rustic::Rustic),
            "vykar" => Box::new(vykar::Vykar),
            _ => return None,
        };
        Some(Self { name: name.to_owned(), version, program, dialect })
    }

    /// `IceCore` itself.
    pub(super) fn icecore(program: PathBuf, version: String, flags: Flags) -> Self {
        let dialect = Box::new(icecore::IceCore(flags));
        Self { name: ICECORE.to_owned(), version, program, dialect }
    }

    /// Gets a new place ready. `source` is the file that will be backed up.
    pub(super) fn prepare(&self, place: &Place, source: &Path) -> io::Result<()> {
        self.dialect.prepare(place, source)
    }

    /// How to run the tool for this; `None` if it knows no such thing. `sources` is the folder of
    /// what is backed up.
    pub(super) fn invocation(
        &self,
        action: Action,
        place: &Place,
        sources: &Path,
    ) -> Option<Invocation> {
        let arguments = self.dialect.arguments(action, place)?;
        let mut environment = bare_environment(&place.home());
        let own = self.dialect.environment(place);
        environment.extend(own.into_iter().map(|(name, value)| (name.into(), value.into())));
        let folder = match action {
            Action::Restore => place.restored().into(),
            _ => sources.to_owned(),
        };
        Some(Invocation { program: self.program.clone(), arguments, environment, folder })
    }

    /// How it makes a repository, as a person would type it: its own variables, but for the
    /// password, and the command.
    pub(super) fn init_line(&self, place: &Place, sources: &Path) -> Option<String> {
        let invocation = self.invocation(Action::Init, place, sources)?;
        let own = self.dialect.environment(place).into_iter();
        let mut words: Vec<String> = own
            .filter(|(_, value)| value != PASSWORD)
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        words.push(invocation.command_line());
        Some(words.join(" "))
    }
}

/// What every tool's environment has: nothing of the user's own settings, and a home of its own, in
/// which nothing is remembered from one round to the next.
pub(super) fn bare_environment(home: &str) -> Vec<(OsString, OsString)> {
    let below = |folder: &str| OsString::from(format!("{home}/{folder}"));
    vec![
        ("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()),
        ("LANG".into(), "C.UTF-8".into()),
        ("HOME".into(), home.into()),
        ("XDG_CACHE_HOME".into(), below("cache")),
        ("XDG_CONFIG_HOME".into(), below("config")),
        ("XDG_STATE_HOME".into(), below("state")),
        ("XDG_DATA_HOME".into(), below("data")),
    ]
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).into()
}

#[cfg(test)]
mod tests;
