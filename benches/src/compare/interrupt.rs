//! Interruptions: Ctrl-C, SIGTERM and a terminal that goes away.
//!
//! They are noticed here and acted on where a program runs or a long loop turns, so that whatever was
//! started is ended, and the working folder removed, before the comparison itself ends.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tokio::signal::unix::{SignalKind, signal};

/// Whether someone wants the comparison to end; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Starts listening, in a thread that lasts as long as the program.
    pub fn listen() -> io::Result<Self> {
        let interrupt = Self::default();
        let noticed = interrupt.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let mut signals = {
            let _inside = runtime.enter();
            kinds.map(signal).into_iter().collect::<io::Result<Vec<_>>>()?
        };
        let _detached = thread::spawn(move || {
            runtime.block_on(async {
                if let [by_keyboard, by_system, by_terminal] = &mut signals[..] {
                    loop {
                        tokio::select! {
                            _ = by_keyboard.recv() => {}
                            _ = by_system.recv() => {}
                            _ = by_terminal.recv() => {}
                        }
                        noticed.interrupt();
                    }
                }
            });
        });
        Ok(interrupt)
    }

    /// Whether to end.
    pub fn is_interrupted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn interrupt(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
