//! Asking a person for a password, at the terminal and not on standard input, which may be what is
//! backed up.

use super::{PASSWORD_BYTES_MAX, Password, PasswordError};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read as _, Write as _};
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroizing;

/// The terminal as it was before it was told not to show what is typed.
static BEFORE: Mutex<Option<(File, Termios)>> = Mutex::new(None);

/// Asks once.
pub(crate) fn ask() -> Result<Password, PasswordError> {
    read_line("password: ")
}

/// Asks for a new password, twice.
pub(crate) fn ask_twice() -> Result<Password, PasswordError> {
    let password = read_line("new password: ")?;
    if password.is_empty() || password == read_line("the same again: ")? {
        Ok(password)
    } else {
        Err(PasswordError::Different)
    }
}

/// Shows what is typed again: for whoever ends the program while it asks.
pub(crate) fn restore_terminal() {
    if let Some((terminal, modes)) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // There is nobody left to tell.
        let _ = tcsetattr(&terminal, OptionalActions::Now, &modes);
    }
}

fn read_line(question: &str) -> Result<Password, PasswordError> {
    if !io::stdin().is_terminal() && !io::stderr().is_terminal() {
        return Err(PasswordError::Nobody);
    }
    let terminal = File::options().read(true).write(true).open("/dev/tty");
    let terminal = terminal.map_err(|_| PasswordError::Nobody)?;
    read_hidden(&terminal, question).map_err(PasswordError::Terminal)
}

fn read_hidden(mut terminal: &File, question: &str) -> io::Result<Password> {
    let before = tcgetattr(terminal)?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    hidden.local_modes.insert(LocalModes::ECHONL);
    *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some((terminal.try_clone()?, before));
    tcsetattr(terminal, OptionalActions::Flush, &hidden)?;

    let mut line = Zeroizing::new(Vec::new());
    let read = terminal.write_all(question.as_bytes()).and_then(|()| {
        BufReader::new(terminal.take(PASSWORD_BYTES_MAX)).read_until(b'\n', &mut line)
    });
    restore_terminal();
    read?;
    Ok(super::without_line_end(line))
}
