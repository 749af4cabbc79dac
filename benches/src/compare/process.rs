//! Running a program while watching what it takes: wall time, processor time, memory.
//!
//! Always holds: when a call returns, whatever it started has ended or was killed. Each program has a
//! process group of its own, so that everything it starts in turn can be ended with it, and so that
//! Ctrl-C reaches this program alone, which then ends the group.

use super::interrupt::Interrupt;
use super::proc_files::{self, Memory};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use serde::Serialize;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often memory is looked at.
const SAMPLE_EVERY: Duration = Duration::from_millis(10);
/// How long a program has to end by itself after an interruption, before it is killed.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much of the end of what a program says on standard error is kept.
const STDERR_BYTES_KEPT: usize = 4096;

/// A program to run. It gets this environment and nothing else.
#[derive(Debug, Clone)]
pub(super) struct Invocation {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Where it runs.
    pub folder: PathBuf,
}

/// What a program took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Usage {
    /// Seconds from its start to its end.
    pub wall_s: f64,
    /// Processor seconds in user mode, with those of its children; in steps of 10 ms.
    pub user_s: f64,
    /// Processor seconds in the kernel, likewise.
    pub system_s: f64,
    /// The most memory that was resident at a time, mapped files included.
    pub peak_resident_bytes: u64,
    /// The most memory of its own (`RssAnon`) that was seen; mapped files are left out.
    pub peak_anonymous_bytes: u64,
}

/// Why a program brought no result.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Someone wants the comparison to end.
    #[error("interrupted")]
    Interrupted,
    /// The program ended badly.
    #[error("`{command}` failed ({status}): {stderr_end}")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it said on standard error.
        stderr_end: String,
    },
    /// The program could not be started or watched.
    #[error("cannot run `{command}`")]
    Run {
        /// The command line.
        command: String,
        /// Why.
        source: io::Error,
    },
}

impl Invocation {
    /// The command line: the program's name and its arguments.
    pub(super) fn command_line(&self) -> String {
        let name = self.program.file_name().unwrap_or(self.program.as_os_str()).to_string_lossy();
        std::iter::once(&*name)
            .chain(self.arguments.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Runs the program to its end.
    pub(super) fn run(&self, interrupt: &Interrupt) -> Result<Usage, RunError> {
        self.watch(false, interrupt).map(|(usage, _)| usage)
    }

    /// Runs the program to its end, and returns what it printed on standard output.
    pub(super) fn output(&self, interrupt: &Interrupt) -> Result<Vec<u8>, RunError> {
        self.watch(true, interrupt).map(|(_, output)| output)
    }

    fn watch(&self, keep: bool, interrupt: &Interrupt) -> Result<(Usage, Vec<u8>), RunError> {
        if interrupt.is_interrupted() {
            return Err(RunError::Interrupted);
        }
        let cannot = |source| RunError::Run { command: self.command_line(), source };
        let began = Instant::now();
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment.iter().cloned())
            .current_dir(&self.folder)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(if keep { Stdio::piped() } else { Stdio::null() })
            .stderr(Stdio::piped())
            .spawn()
            .map_err(cannot)?;
        let stdout = child.stdout.take().map(|pipe| read_in_background(pipe, usize::MAX));
        let stderr = child.stderr.take().map(|pipe| read_in_background(pipe, STDERR_BYTES_KEPT));
        let watched = watch_memory(&child, began, interrupt);

        // It ended, but its process entry stands until it is waited for: now its times are final.
        let times = proc_files::processor_time(child.id());
        let group = Pid::from_child(&child);
        // What it left running would keep its pipes open. Mostly there is nothing: no error.
        let _ = kill_process_group(group, Signal::KILL);
        let status = child.wait().map_err(cannot)?;
        let stdout = stdout.map(finish).unwrap_or_default();
        let stderr = stderr.map(finish).unwrap_or_default();
        let (ended, peak) = watched.map_err(cannot)?;

        if interrupt.is_interrupted() {
            return Err(RunError::Interrupted);
        }
        if !status.success() {
            let stderr_end = String::from_utf8_lossy(&stderr).trim().to_owned();
            return Err(RunError::Failed { command: self.command_line(), status, stderr_end });
        }
        let times = times.ok_or_else(|| cannot(io::Error::other("its times are not in /proc")))?;
        let usage = Usage {
            wall_s: (ended - began).as_secs_f64(),
            user_s: times.user,
            system_s: times.system,
            peak_resident_bytes: peak.resident.max(peak.resident_most),
            peak_anonymous_bytes: peak.anonymous,
        };
        Ok((usage, stdout))
    }
}

/// Looks at the memory of `child` and all below it until it ends. Returns when that was, and the
/// most of each kind that was seen.
fn watch_memory(
    child: &Child,
    began: Instant,
    interrupt: &Interrupt,
) -> io::Result<(Instant, Memory)> {
    let (sender, receiver) = sync_channel(1);
    let id = Pid::from_child(child);
    let waiting = thread::spawn(move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let result = loop {
            match waitid(WaitId::Pid(id), options) {
                Err(rustix::io::Errno::INTR) => {}
                result => break result,
            }
        };
        // The receiver waits for this, and for nothing else.
        let _ = sender.send(result.map(|_| Instant::now()));
    });

    let mut peak = Memory::default();
    let mut asked_to_end: Option<Instant> = None;
    let ended = loop {
        let now = proc_files::memory_of_tree(child.id());
        peak.anonymous = peak.anonymous.max(now.anonymous);
        peak.resident = peak.resident.max(now.resident);
        peak.resident_most = peak.resident_most.max(now.resident_most);
        match receiver.recv_timeout(SAMPLE_EVERY) {
            Ok(ended) => break ended.map_err(io::Error::from),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break Ok(began),
        }
        if interrupt.is_interrupted() {
            let asked = *asked_to_end.get_or_insert_with(|| {
                let _ = kill_process_group(id, Signal::TERM);
                Instant::now()
            });
            if asked.elapsed() > PATIENCE {
                let _ = kill_process_group(id, Signal::KILL);
            }
        }
    };
    drop(waiting.join());
    Ok((ended?, peak))
}

/// Reads a pipe to its end, and keeps the last `bytes_kept`.
fn read_in_background(
    mut pipe: impl Read + Send + 'static,
    bytes_kept: usize,
) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut kept = VecDeque::new();
        let mut buffer = [0; 16 * 1024];
        // An error ends it as the end does: what was read so far is all there is.
        while let Ok(length @ 1..) = pipe.read(&mut buffer) {
            kept.extend(buffer.iter().take(length));
            let excess = kept.len().saturating_sub(bytes_kept);
            drop(kept.drain(..excess));
        }
        kept.into()
    })
}

fn finish(reader: JoinHandle<Vec<u8>>) -> Vec<u8> {
    reader.join().unwrap_or_default()
}

#[cfg(test)]
mod tests;
