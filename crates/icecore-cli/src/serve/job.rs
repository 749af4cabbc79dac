//! A job: one run of a command, what it has told, and how it ended.

use super::problem::JobError;
use super::results::JobResult;
use crate::error::CommandError;
use crate::interrupt::Interrupt;
use crate::progress::Status;
use crate::times;
use icecore::environment::{Clock as _, SystemClock};
use icecore_format::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use utoipa::ToSchema;

/// Most messages of a job that are kept: a backup may tell of a million streams one by one.
const MESSAGES_MAX: usize = 10_000;

/// A run of a command.
pub(super) struct Job {
    id: String,
    operation: &'static str,
    request: Map<String, Value>,
    created: Timestamp,
    interrupt: Interrupt,
    told: Mutex<Told>,
    /// Changes with what was told.
    changes: watch::Sender<()>,
}

#[derive(Default)]
struct Told {
    state: State,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    progress: Option<Value>,
    result: Option<Value>,
    messages: Vec<Value>,
    messages_left_out: u64,
    error: Option<JobError>,
}

/// How far a job is
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = JobState)]
pub(super) enum State {
    #[default]
    Queued,
    Running,
    Done,
    Failed,
    Cancelled,
}

/// A job without what it has printed
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = JobSummary)]
pub(super) struct JobView {
    job_id: String,
    /// The command that it runs
    operation: &'static str,
    /// The members of the request
    #[schema(value_type = Object)]
    request: Map<String, Value>,
    state: State,
    #[schema(format = DateTime)]
    created: String,
    #[schema(format = DateTime)]
    started: Option<String>,
    #[schema(format = DateTime)]
    ended: Option<String>,
    /// How far it is, as of its newest `status`
    #[schema(value_type = Option<Status>)]
    progress: Option<Value>,
    /// What ended it, if it failed or was cancelled
    error: Option<JobError>,
}

/// All of a job
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub(super) struct WholeJobView {
    #[serde(flatten)]
    job: JobView,
    /// The `summary` that the command prints
    #[schema(value_type = Option<JobResult>)]
    result: Option<Value>,
    /// What else it prints
    #[schema(value_type = Vec<Object>)]
    messages: Vec<Value>,
    /// How many of these were too many to be kept
    messages_left_out: u64,
}

impl Job {
    pub(super) fn new(id: String, operation: &'static str, request: Map<String, Value>) -> Self {
        let (created, interrupt) = (SystemClock.now(), Interrupt::default());
        let (told, changes) = (Mutex::default(), watch::Sender::new(()));
        Self { id, operation, request, created, interrupt, told, changes }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn state(&self) -> State {
        self.told().state
    }

    /// What asks it to stop.
    pub(super) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// What changes whenever it tells something.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Waits for its end.
    pub(super) async fn ended(&self) {
        let mut changes = self.changes();
        // It lives as long as we look at it.
        drop(changes.wait_for(|()| self.state().is_ended()).await);
    }

    pub(super) fn begin(&self) {
        self.tell(|told| {
            told.state = State::Running;
            told.started = Some(SystemClock.now());
        });
    }

    /// Takes a message that the command prints.
    pub(super) fn collect(&self, message_type: &str, message: Value) {
        self.tell(|told| match message_type {
            "status" => told.progress = Some(message),
            "summary" => told.result = Some(message),
            _ if told.messages.len() < MESSAGES_MAX => told.messages.push(message),
            _ => told.messages_left_out += 1,
        });
    }

    /// Notes how the command ended; `None` if it panicked.
    pub(super) fn end(&self, ended: Option<Result<(), CommandError>>) {
        let (state, error) = match ended {
            None => (State::Failed, Some(JobError::internal())),
            Some(Ok(())) => (State::Done, None),
            Some(Err(error)) => {
                let (error, is_stop) = JobError::new(&error);
                (if is_stop { State::Cancelled } else { State::Failed }, Some(error))
            }
        };
        tracing::info!("job {} ({}) ended: {state:?}", self.id, self.operation);
        self.tell(|told| {
            (told.state, told.error) = (state, error);
            told.ended = Some(SystemClock.now());
        });
    }

    pub(super) fn view(&self) -> JobView {
        self.view_of(&self.told())
    }

    pub(super) fn whole_view(&self) -> WholeJobView {
        let told = self.told();
        WholeJobView {
            job: self.view_of(&told),
            result: told.result.clone(),
            messages: told.messages.clone(),
            messages_left_out: told.messages_left_out,
        }
    }

    fn view_of(&self, told: &Told) -> JobView {
        JobView {
            job_id: self.id.clone(),
            operation: self.operation,
            request: self.request.clone(),
            state: told.state,
            created: times::exact(self.created),
            started: told.started.map(times::exact),
            ended: told.ended.map(times::exact),
            progress: told.progress.clone(),
            error: told.error.clone(),
        }
    }

    fn tell(&self, change: impl FnOnce(&mut Told)) {
        change(&mut self.told());
        self.changes.send_replace(());
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        // What is behind this lock is whole after any panic.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub(super) fn is_ended(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn job() -> Job {
        Job::new("1".to_owned(), "check", Map::new())
    }

    #[test]
    fn the_first_messages_are_kept_and_the_others_counted() {
        let job = job();
        for number in 0..MESSAGES_MAX + 3 {
            job.collect("stream", json!({"number": number}));
        }
        job.collect("summary", json!({"events": 7}));
        let view = job.whole_view();
        assert_eq!((view.messages.len(), view.messages_left_out), (MESSAGES_MAX, 3));
        assert_eq!(view.result, Some(json!({"events": 7})));
    }

    #[test]
    fn a_job_that_was_asked_to_stop_did_not_fail() {
        let job = job();
        job.begin();
        job.end(Some(Err(CommandError::Interrupted)));
        let view = json!(job.whole_view());
        assert_eq!(view["state"], "cancelled");
        assert_eq!(
            (&view["error"]["code"], &view["error"]["exit_code"]),
            (&json!("cancelled"), &json!(130))
        );
    }

    #[tokio::test]
    async fn whoever_waits_hears_of_the_end_even_if_it_came_before() {
        let job = std::sync::Arc::new(job());
        let waiting = tokio::spawn({
            let job = job.clone();
            async move { job.ended().await }
        });
        job.begin();
        job.end(None);
        waiting.await.unwrap();
        job.ended().await;
        assert_eq!(json!(job.view())["error"]["code"], "internal");
    }
}
