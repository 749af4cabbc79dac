//! All jobs of a server: those that wait, those that run, and the last that ended.

use super::Server;
use super::job::{Job, State};
use super::problem::{Code, Problem};
use crate::arguments::Command;
use crate::commands;
use crate::output::Output;
use icecore::environment::SystemRandom;
use icecore_format::random::random_bytes;
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Jobs that run at once. One uses all cores; a second one goes on while the first waits for storage.
const RUNNING_MAX: usize = 2;

/// Jobs that wait. Who starts more than that starts them faster than they end.
const WAITING_MAX: usize = 64;

/// Jobs that have ended and are kept. Each may have some megabytes of messages.
const ENDED_MAX: usize = 256;

/// The jobs of a server.
pub(super) struct Jobs {
    listed: Mutex<Listed>,
    places: Arc<Semaphore>,
}

#[derive(Default)]
struct Listed {
    /// Oldest first.
    jobs: VecDeque<Arc<Job>>,
    is_ending: bool,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { listed: Mutex::default(), places: Arc::new(Semaphore::new(RUNNING_MAX)) }
    }
}

impl Jobs {
    /// Starts a job, or has it wait for a place.
    pub(super) fn start(
        &self,
        operation: &'static str,
        request: Map<String, Value>,
        command: Command,
        server: &Server,
    ) -> Result<Arc<Job>, Problem> {
        let id = format!("{:032x}", u128::from_le_bytes(random_bytes(&SystemRandom)));
        let job = Arc::new(Job::new(id, operation, request));
        self.listed().add(job.clone())?;
        let collecting = job.clone();
        let output = Output::collecting(server.context.output.meter(), move |kind, message| {
            collecting.collect(kind, message);
        });
        let (repository, interrupt) = (server.repository.clone(), job.interrupt().clone());
        let context = server.context.beside(repository, output, interrupt);
        tracing::info!("job {} ({operation}) begins", job.id());
        let (started, places) = (job.clone(), self.places.clone());
        let _detached = tokio::spawn(async move {
            let place = tokio::select! {
                // First whoever does not want it any more.
                biased;
                () = started.interrupt().nothing_to_wait_for() => None,
                place = places.acquire_owned() => place.ok(),
            };
            let Some(_place) = place else {
                started.end(Some(Err(crate::error::CommandError::Interrupted)));
                return;
            };
            started.begin();
            // On a thread of its own: what a command waits for must not keep requests waiting.
            let runtime = Handle::current();
            let run = move || runtime.block_on(commands::run_until_interrupted(command, &context));
            started.end(tokio::task::spawn_blocking(run).await.ok());
        });
        Ok(job)
    }

    pub(super) fn find(&self, id: &str) -> Result<Arc<Job>, Problem> {
        let listed = self.listed();
        let found = listed.jobs.iter().find(|job| job.id() == id).cloned();
        found.ok_or_else(|| Problem::new(Code::NoJob, "no job has this id, or not any more"))
    }

    /// All of them, oldest first.
    pub(super) fn all(&self) -> Vec<Arc<Job>> {
        self.listed().jobs.iter().cloned().collect()
    }

    /// Takes no more, and ends all.
    pub(super) async fn stop(&self) {
        self.listed().is_ending = true;
        let jobs = self.all();
        for job in jobs.iter().filter(|job| !job.state().is_ended()) {
            job.interrupt().interrupt();
        }
        for job in jobs {
            job.ended().await;
        }
    }

    fn listed(&self) -> MutexGuard<'_, Listed> {
        // What is behind this lock is whole after any panic.
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listed {
    fn add(&mut self, job: Arc<Job>) -> Result<(), Problem> {
        if self.is_ending {
            return Err(Problem::new(Code::Ending, "it takes no more jobs"));
        }
        let is_waiting = |job: &&Arc<Job>| job.state() == State::Queued;
        if self.jobs.iter().filter(is_waiting).count() >= WAITING_MAX {
            let detail = format!("{WAITING_MAX} jobs are waiting already");
            return Err(Problem::new(Code::TooManyJobs, detail));
        }
        let ended = self.jobs.iter().filter(|job| job.state().is_ended()).count();
        let mut too_many = ended.saturating_sub(ENDED_MAX - 1);
        self.jobs.retain(|job| {
            let is_dropped = too_many > 0 && job.state().is_ended();
            too_many -= usize::from(is_dropped);
            !is_dropped
        });
        self.jobs.push_back(job);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(number: usize) -> Arc<Job> {
        Arc::new(Job::new(number.to_string(), "check", Map::new()))
    }

    #[test]
    fn a_job_is_refused_where_as_many_wait_as_may() {
        let mut listed = Listed::default();
        for number in 0..WAITING_MAX {
            listed.add(job(number)).unwrap();
        }
        assert!(listed.add(job(WAITING_MAX)).is_err());
        listed.jobs[0].begin();
        listed.add(job(WAITING_MAX)).unwrap();
        assert!(listed.add(job(WAITING_MAX + 1)).is_err());
    }

    #[test]
    fn the_oldest_of_those_that_ended_go_first() {
        let mut listed = Listed::default();
        let running = job(0);
        running.begin();
        listed.add(running).unwrap();
        for number in 1..=ENDED_MAX + 5 {
            let job = job(number);
            job.end(Some(Ok(())));
            listed.add(job).unwrap();
        }
        let ids: Vec<_> = listed.jobs.iter().map(|job| job.id().to_owned()).collect();
        assert_eq!(ids.len(), ENDED_MAX + 1);
        assert_eq!((ids[0].as_str(), ids[1].as_str()), ("0", "6"));
    }

    #[test]
    fn nothing_begins_while_the_server_ends() {
        let mut listed = Listed { is_ending: true, ..Listed::default() };
        assert!(listed.add(job(0)).is_err());
    }
}
