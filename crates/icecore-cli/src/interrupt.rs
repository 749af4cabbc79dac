//! Interruptions: Ctrl-C and SIGTERM, or whoever else wants an operation to end.
//!
//! An operation that must end safely is asked to stop, and waited for; a second interruption does
//! not wait. Everything else ends at once: it has written nothing, or nothing that a crash at the
//! same moment would not leave as well.

use crate::explain::INTERRUPTED;
use crate::output::Output;
use crate::password;
use icecore::Monitor;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

/// Somebody's wish that an operation ends; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Interrupt(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    nothing_to_wait_for: Notify,
    interrupted: Notify,
}

#[derive(Default)]
struct State {
    interrupted: bool,
    /// What is to end safely before the program does.
    running: Option<Monitor>,
}

/// An operation that is waited for; dropped when it has ended.
pub(crate) struct Running(Interrupt);

impl Interrupt {
    /// Listens to the keyboard and the system.
    pub(crate) fn listen(output: Output) -> io::Result<Self> {
        let interrupt = Self::default();
        let mut by_keyboard = signal(SignalKind::interrupt())?;
        let mut by_system = signal(SignalKind::terminate())?;
        let listening = interrupt.clone();
        let _detached = tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = by_keyboard.recv() => {}
                    _ = by_system.recv() => {}
                }
                listening.hear_signal(&output);
            }
        });
        Ok(interrupt)
    }

    /// Waits for an interruption while nothing runs that has to end safely.
    pub(crate) async fn nothing_to_wait_for(&self) {
        self.0.nothing_to_wait_for.notified().await;
    }

    /// Has `monitor` asked to stop, and waited for, until the returned value is dropped.
    pub(crate) fn wait_for(&self, monitor: &Monitor) -> Running {
        let mut state = self.state();
        if state.interrupted {
            monitor.request_stop();
        }
        state.running = Some(monitor.clone());
        Running(self.clone())
    }

    /// Waits for an interruption that came while something ran that has to end safely, or came
    /// before. For one task.
    #[cfg(feature = "serve")]
    pub(crate) async fn interrupted(&self) {
        self.0.interrupted.notified().await;
    }

    /// Has what runs end as soon as that is safe.
    pub(crate) fn interrupt(&self) {
        let mut state = self.state();
        state.interrupted = true;
        if let Some(monitor) = &state.running {
            monitor.request_stop();
        } else {
            self.0.nothing_to_wait_for.notify_one();
        }
        self.0.interrupted.notify_one();
    }

    #[allow(clippy::exit, reason = "whoever interrupts twice does not want to wait for anything")]
    fn hear_signal(&self, output: &Output) {
        password::restore_terminal();
        if self.state().interrupted {
            std::process::exit(INTERRUPTED.into());
        }
        self.interrupt();
        if self.state().running.is_some() {
            output.note("stopping as soon as that is safe; interrupt again to exit at once");
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.state().running = None;
    }
}
