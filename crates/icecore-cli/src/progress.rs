//! Progress: what the monitor's notice board says, drawn on a terminal or printed as JSON.
//!
//! In a pipe there is none. Nothing here is needed for an operation to go on.

mod rate;

use crate::interrupt::{Interrupt, Running};
use crate::output::Output;
use crate::table;
use icecore::Monitor;
use icecore::monitor::View;
use indicatif::{ProgressBar, ProgressStyle};
use rate::Rate;
use serde::Serialize;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use utoipa::ToSchema;

/// Time between two looks at the notice board, for eyes and for programs.
const DRAW_PAUSE: Duration = Duration::from_millis(100);
const STATUS_PAUSE: Duration = Duration::from_secs(1);

/// An operation that is watched; dropped when it has ended.
pub(crate) struct Watch {
    shown: Option<JoinHandle<()>>,
    bar: Option<ProgressBar>,
    output: Output,
    _running: Running,
}

impl Watch {
    /// Shows what `monitor` says, and has interruptions wait for it.
    pub(crate) fn begin(output: &Output, interrupt: &Interrupt, monitor: &Monitor) -> Self {
        let running = interrupt.wait_for(monitor);
        let mut watch = Self { shown: None, bar: None, output: output.clone(), _running: running };
        let (output, monitor) = (output.clone(), monitor.clone());
        if output.has_terminal() {
            let bar = ProgressBar::new_spinner();
            // The template is ours; were it wrong, the default one would do.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                bar.set_style(style);
            }
            output.set_bar(Some(bar.clone()));
            watch.bar = Some(bar.clone());
            watch.shown =
                Some(tokio::spawn(look_again_and_again(monitor, DRAW_PAUSE, move |status| {
                    bar.set_message(status.to_string());
                    bar.tick();
                })));
        } else if output.is_json() && !output.is_quiet() {
            let show = move |status: &Status| output.status(status);
            watch.shown = Some(tokio::spawn(look_again_and_again(monitor, STATUS_PAUSE, show)));
        }
        watch
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(shown) = self.shown.take() {
            shown.abort();
        }
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
            self.output.set_bar(None);
        }
    }
}

async fn look_again_and_again(monitor: Monitor, pause: Duration, show: impl Fn(&Status)) {
    let began = Instant::now();
    let mut rate = Rate::default();
    let mut looks = tokio::time::interval(pause);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let _ = looks.tick().await;
        let view = monitor.view();
        let elapsed = began.elapsed();
        rate.note(elapsed, view.bytes_read);
        show(&Status::new(&view, elapsed, &rate));
    }
}

/// How far an operation is
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Progress)]
pub(crate) struct Status {
    /// What is going on
    task: &'static str,
    /// From 0 to 1 (the name is restic's)
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    percent_done: Option<f64>,
    seconds_elapsed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    seconds_remaining: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    bytes_expected: Option<u64>,
    bytes_read: u64,
    bytes_stored: u64,
    bytes_written: u64,
    bytes_per_second: u64,
    events: u64,
}

impl Status {
    fn new(view: &View, elapsed: Duration, rate: &Rate) -> Self {
        let bytes_expected = Some(view.bytes_expected).filter(|bytes| *bytes > 0);
        // An estimate may be too low; nothing is ever more than done.
        let percent_done =
            bytes_expected.map(|expected| (view.bytes_read as f64 / expected as f64).min(1.0));
        let bytes_per_second = rate.per_second();
        let seconds_remaining = bytes_expected.and_then(|expected| {
            expected.saturating_sub(view.bytes_read).checked_div(bytes_per_second)
        });
        Self {
            task: view.tasks.last().copied().unwrap_or("ending"),
            percent_done,
            seconds_elapsed: elapsed.as_secs(),
            seconds_remaining,
            bytes_expected,
            bytes_read: view.bytes_read,
            bytes_stored: view.bytes_stored,
            bytes_written: view.bytes_written,
            bytes_per_second,
            events: view.events,
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.task, table::bytes(self.bytes_read))?;
        if let (Some(expected), Some(fraction)) = (self.bytes_expected, self.percent_done) {
            let percent = (fraction * 100.0).floor();
            write!(formatter, " of {} ({percent}%)", table::bytes(expected))?;
        }
        if self.bytes_per_second > 0 {
            write!(formatter, ", {}/s", table::bytes(self.bytes_per_second))?;
        }
        if self.events > 0 {
            write!(formatter, ", {} events", table::count(self.events))?;
        }
        if self.bytes_stored > 0 {
            write!(formatter, ", {} stored", table::bytes(self.bytes_stored))?;
        }
        if let Some(seconds @ 1..) = self.seconds_remaining {
            write!(formatter, ", {} left", table::whole_duration(seconds))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_how_far_how_fast_and_how_long() {
        let mut view = View {
            bytes_expected: 1_860_000_000,
            bytes_read: 930_000_000,
            bytes_stored: 170_000_000,
            events: 1_500_000,
            tasks: vec!["backing up"],
            ..View::default()
        };
        let mut rate = Rate::default();
        rate.note(Duration::ZERO, 0);
        rate.note(Duration::from_secs(5), view.bytes_read);
        let elapsed = Duration::from_secs(5);
        let line = |view: &View| Status::new(view, elapsed, &rate).to_string();
        insta::assert_snapshot!(line(&view), @"backing up: 930.00 MB of 1.86 GB (50%), 186.00 MB/s, 1,500,000 events, 170.00 MB stored, 5 s left");
        view.bytes_expected = 0;
        insta::assert_snapshot!(line(&view), @"backing up: 930.00 MB, 186.00 MB/s, 1,500,000 events, 170.00 MB stored");
        insta::assert_snapshot!(line(&View::default()), @"ending: 0 B, 186.00 MB/s");
    }

    #[test]
    fn an_estimate_that_was_too_low_is_no_more_than_done() {
        let view = View { bytes_expected: 10, bytes_read: 15, ..View::default() };
        let status = Status::new(&view, Duration::from_secs(1), &Rate::default());
        assert_eq!((status.percent_done, status.seconds_remaining), (Some(1.0), None));
    }
}
