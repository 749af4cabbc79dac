//! Where the password comes from. Never from the command line, which every user of a machine can
//! read.

mod prompt;

pub(crate) use prompt::{ask, ask_twice, restore_terminal};

use crate::arguments::GlobalArguments;
use icecore_format::keys::paper::{self, Mistyped};
use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use zeroize::Zeroizing;

/// Longest password, in bytes: whoever names a device by mistake gets an error and not its content.
const PASSWORD_BYTES_MAX: u64 = 64 << 10;

/// A password; its memory is wiped when it is dropped.
pub(crate) type Password = Zeroizing<Vec<u8>>;

/// Where to take the password from.
#[derive(Debug)]
pub(crate) enum Source {
    /// It is in this environment variable.
    Variable(Zeroizing<Vec<u8>>),
    /// It is in this file.
    File(PathBuf),
    /// This shell command prints it.
    Command(OsString),
    /// A person is asked.
    Person,
}

/// A password that was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasswordError {
    #[error("cannot read the password file {}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("cannot run the password command")]
    Run(#[source] std::io::Error),
    #[error("the password command failed: {0}")]
    CommandFailed(ExitStatus),
    #[error("the password {0} is empty")]
    Empty(Origin),
    #[error("the password {0} is longer than {PASSWORD_BYTES_MAX} bytes")]
    TooLong(Origin),
    #[error("there is no password, and nobody to ask for one")]
    Nobody,
    #[error("cannot ask for the password")]
    Terminal(#[source] std::io::Error),
    #[error("the two passwords are not the same")]
    Different,
    #[error(transparent)]
    Mistyped(#[from] Mistyped),
}

/// What a password came from, after "the password".
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin {
    Variable,
    File,
    Command,
    Person,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Variable => "in ICECORE_PASSWORD",
            Self::File => "in its file",
            Self::Command => "from the password command",
            Self::Person => "that was typed",
        })
    }
}

impl Source {
    /// What was said on the command line, else in the environment.
    pub(crate) fn choose(arguments: &GlobalArguments) -> Self {
        if let Some(path) = &arguments.password_file {
            Self::File(path.clone())
        } else if let Some(command) = &arguments.password_command {
            Self::Command(command.clone())
        } else if let Some(password) = variable("ICECORE_PASSWORD") {
            Self::Variable(Zeroizing::new(password.into_vec()))
        } else if let Some(path) = variable("ICECORE_PASSWORD_FILE") {
            Self::File(path.into())
        } else if let Some(command) = variable("ICECORE_PASSWORD_COMMAND") {
            Self::Command(command)
        } else {
            Self::Person
        }
    }

    /// Whether a person will be asked.
    pub(crate) fn asks_a_person(&self) -> bool {
        matches!(self, Self::Person)
    }

    /// Reads the password; `ask` asks a person. Blocks.
    pub(crate) fn read(
        self,
        ask: fn() -> Result<Password, PasswordError>,
    ) -> Result<Password, PasswordError> {
        let (password, origin) = match self {
            Self::Variable(password) => (password, Origin::Variable),
            Self::File(path) => (read_file(path)?, Origin::File),
            Self::Command(command) => (run(&command)?, Origin::Command),
            Self::Person => (ask()?, Origin::Person),
        };
        match password.len() as u64 {
            0 => Err(PasswordError::Empty(origin)),
            bytes if bytes > PASSWORD_BYTES_MAX => Err(PasswordError::TooLong(origin)),
            _ => match paper::recognise(&password)? {
                // However it was typed, as it was made.
                Some(recovery_key) => Ok(Zeroizing::new(recovery_key.as_bytes().to_vec())),
                None => Ok(password),
            },
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "the command reads the environment for the library")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn read_file(path: PathBuf) -> Result<Password, PasswordError> {
    let read = File::open(&path).and_then(read_limited);
    read.map(without_line_end).map_err(|source| PasswordError::File { path, source })
}

fn run(command: &OsString) -> Result<Password, PasswordError> {
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(command)
        .stdin(Stdio::inherit())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(PasswordError::Run)?;
    let password = match child.stdout.take() {
        Some(output) => read_limited(output).map_err(PasswordError::Run)?,
        None => Password::default(),
    };
    let status = child.wait().map_err(PasswordError::Run)?;
    if !status.success() && password.len() as u64 <= PASSWORD_BYTES_MAX {
        return Err(PasswordError::CommandFailed(status));
    }
    Ok(without_line_end(password))
}

/// Reads to the end, or a little further than a password may be long.
fn read_limited(input: impl std::io::Read) -> std::io::Result<Password> {
    // Room for the line end, which is not part of it.
    let limit = PASSWORD_BYTES_MAX + 2;
    let mut password = Password::default();
    input.take(limit + 1).read_to_end(&mut password)?;
    Ok(password)
}

/// Takes one line end away: the one that an editor or `echo` adds.
fn without_line_end(mut password: Password) -> Password {
    if password.ends_with(b"\n") {
        password.pop();
        if password.ends_with(b"\r") {
            password.pop();
        }
    }
    password
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(text: &str) -> Vec<u8> {
        without_line_end(Zeroizing::new(text.as_bytes().to_vec())).to_vec()
    }

    #[test]
    fn exactly_one_line_end_is_not_part_of_a_password() {
        assert_eq!(stripped("secret"), b"secret");
        assert_eq!(stripped("secret\n"), b"secret");
        assert_eq!(stripped("secret\r\n"), b"secret");
        assert_eq!(stripped("secret\n\n"), b"secret\n");
        assert_eq!(stripped(" secret \r"), b" secret \r");
    }

    #[test]
    fn a_password_without_end_is_refused() {
        let endless = Source::File("/dev/zero".into()).read(|| unreachable!());
        assert!(matches!(endless, Err(PasswordError::TooLong(Origin::File))), "{endless:?}");
        let endless = Source::Command("cat /dev/zero".into()).read(|| unreachable!());
        assert!(matches!(endless, Err(PasswordError::TooLong(Origin::Command))), "{endless:?}");
    }

    #[test]
    fn an_empty_password_is_refused_wherever_it_comes_from() {
        for source in [
            Source::Variable(Zeroizing::default()),
            Source::File("/dev/null".into()),
            Source::Command("echo".into()),
            Source::Person,
        ] {
            let read = source.read(|| Ok(Password::default()));
            assert!(matches!(read, Err(PasswordError::Empty(_))), "{read:?}");
        }
    }

    #[test]
    fn a_command_that_fails_gives_no_password() {
        let read = Source::Command("echo half; exit 3".into()).read(|| unreachable!());
        assert!(matches!(read, Err(PasswordError::CommandFailed(_))), "{read:?}");
    }
}
