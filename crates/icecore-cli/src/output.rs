//! Everything that the command prints: what was asked for on standard output, the rest on standard
//! error.
//!
//! Printing never ends a command: a reader that went away (`| head`) is no error at all, and any
//! other failure is told at the end. Names come from sources and may be hostile, so no control
//! character reaches a terminal.

use crate::explain::Explanation;
use crate::table;
use icecore_store::{Meter, Operation};
use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Where to print; clones share it.
#[derive(Clone)]
pub(crate) struct Output(Arc<Shared>);

struct Shared {
    json: bool,
    quiet: bool,
    began: Instant,
    /// What was asked of storage, for summaries.
    meter: Meter,
    /// What had been asked of it before.
    asked_before: Asked,
    /// Who takes messages, if they are not printed.
    collector: Option<Collector>,
    /// Whether standard output is for data alone.
    only_data: AtomicBool,
    /// Whether writers were kept apart by a lease, and not by the storage.
    is_single_writer: AtomicBool,
    results: Mutex<Results>,
    /// What has to get out of the way of messages.
    bar: Mutex<Option<ProgressBar>>,
}

struct Results {
    stdout: BufWriter<Stdout>,
    /// Whether a person reads each line when it is printed.
    is_terminal: bool,
    failure: Option<io::Error>,
}

/// What takes a message and its type.
type Collector = Box<dyn Fn(&str, Value) + Send + Sync>;

/// Operations by what they are called, with how many there were and how many bytes went with them.
type Asked = [(&'static str, u64, u64); 5];

/// A line of JSON.
#[derive(Serialize)]
struct Message<'a, T> {
    message_type: &'a str,
    #[serde(flatten)]
    body: T,
}

/// What a command did, with what it asked of storage.
#[derive(Serialize)]
struct Summed<T> {
    #[serde(flatten)]
    body: T,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    single_writer: bool,
    requests: BTreeMap<&'static str, Requests>,
}

#[derive(Serialize)]
struct Requests {
    count: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct Warning<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

#[derive(Serialize)]
struct ExitError<'a> {
    code: u8,
    message: &'a str,
    hint: Option<&'a str>,
}

impl Output {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        let stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        let results = Results { stdout: BufWriter::new(stdout), is_terminal, failure: None };
        Self(Arc::new(Shared {
            json,
            quiet,
            began: Instant::now(),
            meter: Meter::default(),
            asked_before: Asked::default(),
            collector: None,
            only_data: AtomicBool::new(false),
            is_single_writer: AtomicBool::new(false),
            results: Mutex::new(results),
            bar: Mutex::default(),
        }))
    }

    /// One that prints nothing and hands messages to `collect`; what is asked of storage from now on
    /// is taken from `meter`.
    #[cfg(feature = "serve")]
    pub(crate) fn collecting(
        meter: &Meter,
        collect: impl Fn(&str, Value) + Send + Sync + 'static,
    ) -> Self {
        let results =
            Results { stdout: BufWriter::new(io::stdout()), is_terminal: false, failure: None };
        Self(Arc::new(Shared {
            json: true,
            quiet: false,
            began: Instant::now(),
            meter: meter.clone(),
            asked_before: read(meter),
            collector: Some(Box::new(collect)),
            only_data: AtomicBool::new(false),
            is_single_writer: AtomicBool::new(false),
            results: Mutex::new(results),
            bar: Mutex::default(),
        }))
    }

    /// Whether a program reads along, and not a person.
    pub(crate) fn is_json(&self) -> bool {
        self.0.json
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.0.quiet
    }

    /// Whether there is a terminal to draw progress on.
    pub(crate) fn has_terminal(&self) -> bool {
        !self.0.json && !self.0.quiet && io::stderr().is_terminal()
    }

    /// Leaves standard output to the data that the command writes there: all else goes to
    /// standard error.
    pub(crate) fn leave_stdout_to_data(&self) {
        self.0.only_data.store(true, Ordering::Relaxed);
    }

    /// Prints a line that was asked for.
    pub(crate) fn line(&self, text: impl AsRef<str>) {
        self.print(&printable(text.as_ref()));
    }

    /// Prints a line that tells what was done; `--quiet` leaves it out.
    pub(crate) fn report(&self, text: impl AsRef<str>) {
        if !self.0.quiet {
            self.line(text);
        }
    }

    /// Prints a document that we made, as it is.
    pub(crate) fn document(&self, text: &[u8]) {
        let mut results = self.results();
        if results.failure.is_none() {
            results.failure = results.stdout.write_all(text).err();
        }
    }

    /// Prints a line of JSON.
    pub(crate) fn message(&self, message_type: &str, body: impl Serialize) {
        if let Some(collect) = &self.0.collector {
            collect(message_type, value(message_type, body));
        } else {
            self.print(&json(message_type, body));
        }
    }

    /// Prints the line of JSON that tells what a command did, and what that took of storage.
    pub(crate) fn summary(&self, body: impl Serialize) {
        let requests =
            self.requests().map(|(name, count, bytes)| (name, Requests { count, bytes }));
        let single_writer = self.0.is_single_writer.load(Ordering::Relaxed);
        self.message("summary", Summed { body, single_writer, requests: requests.into() });
    }

    /// Notes that writers are kept apart by a lease, and not by the storage: summaries say so.
    #[cfg(feature = "object-storage")]
    pub(crate) fn set_single_writer(&self) {
        self.0.is_single_writer.store(true, Ordering::Relaxed);
    }

    /// Counts what is asked of the repository's storage.
    pub(crate) fn meter(&self) -> &Meter {
        &self.0.meter
    }

    /// Tells a person what was asked of the repository's storage, if anything was.
    pub(crate) fn note_requests(&self) {
        let parts = self.requests().into_iter().filter(|(_, count, _)| *count > 0);
        let parts: Vec<String> = parts
            .map(|(name, count, bytes)| match bytes {
                0 => format!("{count} {name}"),
                _ => format!("{count} {name} ({})", table::bytes(bytes)),
            })
            .collect();
        if !parts.is_empty() {
            let rates = self.rates();
            self.note(&format!("asked of storage: {}{rates}", parts.join(", ")));
        }
    }

    /// How many bytes went each way in a second, over the whole run.
    fn rates(&self) -> String {
        let seconds = self.0.began.elapsed().as_secs_f64();
        let (mut sent, mut taken) = (0, 0);
        for (operation, asked) in self.0.meter.read() {
            *(if operation.is_write() { &mut sent } else { &mut taken }) += asked.bytes;
        }
        let rate = |bytes: u64| table::bytes((bytes as f64 / seconds) as u64);
        format!("; {}/s up, {}/s down in {}", rate(sent), rate(taken), table::duration(seconds))
    }

    /// What was asked of storage by whoever prints here.
    fn requests(&self) -> Asked {
        let mut asked = read(&self.0.meter);
        for ((_, count, bytes), (_, before, bytes_before)) in
            asked.iter_mut().zip(self.0.asked_before)
        {
            *count -= before;
            *bytes -= bytes_before;
        }
        asked
    }

    /// Prints a line of JSON that is stale in a moment.
    pub(crate) fn status(&self, body: impl Serialize) {
        self.message("status", body);
        self.flush();
    }

    /// Has what was printed arrive before more is done.
    pub(crate) fn flush(&self) {
        self.results().flush();
    }

    /// Whether nobody reads standard output any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.results().failure.is_some()
    }

    /// Tells a person something on the side.
    pub(crate) fn note(&self, text: &str) {
        if !self.0.json && !self.0.quiet {
            self.print_to_stderr(&printable(text));
        }
    }

    /// Warns of something that does not end the command.
    pub(crate) fn warn(&self, text: &str, hint: Option<&str>) {
        if let Some(collect) = &self.0.collector {
            collect("error", value("error", Warning { message: text, hint }));
            return;
        }
        if self.0.json {
            self.print_to_stderr(&json("error", Warning { message: text, hint }));
            return;
        }
        self.print_to_stderr(&printable(&format!("warning: {text}")));
        if let Some(hint) = hint {
            self.print_to_stderr(&printable(&format!("hint: {hint}")));
        }
    }

    /// Tells what ended the command.
    pub(crate) fn error(&self, error: &dyn Error, explanation: &Explanation) {
        if self.0.json {
            let message = steps(error).join(": ");
            let hint = explanation.hint.as_deref();
            let body = ExitError { code: explanation.code, message: &message, hint };
            self.print_to_stderr(&json("exit_error", body));
        } else {
            self.print_to_stderr(&printable(&text(error, explanation)));
        }
    }

    /// Tells a program that its arguments were not understood.
    pub(crate) fn usage_error(&self, message: &str) {
        let body = ExitError { code: crate::explain::USAGE, message, hint: None };
        self.print_to_stderr(&json("exit_error", body));
    }

    /// Makes `bar` get out of the way of messages, or forgets it.
    pub(crate) fn set_bar(&self, bar: Option<ProgressBar>) {
        *lock(&self.0.bar) = bar;
    }

    /// Prints what is left; the first failure to print, unless it only was that nobody read on.
    pub(crate) fn finish(&self) -> io::Result<()> {
        let mut results = self.results();
        results.flush();
        match results.failure.take() {
            Some(failure) if failure.kind() != io::ErrorKind::BrokenPipe => Err(failure),
            _ => Ok(()),
        }
    }

    fn print(&self, line: &str) {
        if self.0.collector.is_some() {
            return;
        }
        if self.0.only_data.load(Ordering::Relaxed) {
            self.print_to_stderr(line);
        } else {
            self.results().print(line);
        }
    }

    fn print_to_stderr(&self, line: &str) {
        // Results first: on a terminal, both arrive in the same place.
        self.results().flush();
        // Whom to tell that standard error cannot be written?
        let print = || drop(writeln!(io::stderr(), "{line}"));
        match &*lock(&self.0.bar) {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn results(&self) -> MutexGuard<'_, Results> {
        lock(&self.0.results)
    }
}

impl Results {
    fn print(&mut self, line: &str) {
        if self.failure.is_none() {
            self.failure = writeln!(self.stdout, "{line}").err();
        }
        if self.is_terminal {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.failure.is_none() {
            self.failure = self.stdout.flush().err();
        }
    }
}

/// Shows what the library notes, on standard error, to whoever asked for it.
pub(crate) fn log_to_stderr(verbosity: u8) {
    use tracing_subscriber::fmt;
    let level = match verbosity {
        0 => return,
        1 => tracing::Level::INFO,
        _ => tracing::Level::DEBUG,
    };
    fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .init();
}

/// What a person is told of what ended a command.
pub(crate) fn text(error: &dyn Error, explanation: &Explanation) -> String {
    let hint = explanation.hint.iter().map(|hint| format!("\nhint: {hint}"));
    let steps = steps(error).join("\n  because: ");
    format!("error: {steps}{}", hint.collect::<String>())
}

/// What went wrong, and each cause once.
pub(crate) fn steps(error: &dyn Error) -> Vec<String> {
    let mut steps = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let step = error.to_string();
        if !steps.iter().any(|said| said.contains(&step)) {
            steps.push(step);
        }
        cause = error.source();
    }
    steps
}

/// What was asked so far.
fn read(meter: &Meter) -> Asked {
    meter.read().map(|(operation, asked)| {
        let name = match operation {
            Operation::PutNew => "put",
            Operation::Get => "get",
            Operation::GetRange => "get_range",
            Operation::List => "list",
            Operation::Delete => "delete",
            // Nothing else is counted.
            _ => "other",
        };
        (name, asked.requests, asked.bytes)
    })
}

fn value(message_type: &str, body: impl Serialize) -> Value {
    // As below.
    serde_json::to_value(Message { message_type, body }).unwrap_or_default()
}

fn json(message_type: &str, body: impl Serialize) -> String {
    // Only maps without text as keys cannot be written, and we print none.
    serde_json::to_string(&Message { message_type, body }).unwrap_or_default()
}

/// The text with control characters escaped, but for the ends of lines.
fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && character != '\n' {
            printable.extend(character.escape_default());
        } else {
            printable.push(character);
        }
    }
    printable
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole after any panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Step(&'static str, #[source] Option<Box<Step>>);

    #[test]
    fn every_cause_is_told_once() {
        let cause = Step("the disk is full", None);
        let repeating = Step("cannot write", Some(Box::new(cause)));
        let error = Step("cannot write; nothing was touched", Some(Box::new(repeating)));
        assert_eq!(steps(&error), ["cannot write; nothing was touched", "the disk is full"]);
    }

    #[test]
    fn names_cannot_command_a_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\r\nc\u{9b}ö"), "a\\u{1b}[2Jb\\r\nc\\u{9b}ö");
    }
}
