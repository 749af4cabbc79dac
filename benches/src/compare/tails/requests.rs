//! What commands ask of storage, and how long they wait for it where each request takes a while:
//! counted on a store that is far away as far as they can tell.

use super::super::CompareError;
use super::super::place::Place;
use super::super::tools::PASSWORD;
use super::distant::DistantStore;
use super::make::{backup_options, environment, source};
use super::{Command, NAME, cannot, failed};
use futures::future::BoxFuture;
use icecore::backup::backup;
use icecore::environment::{Executor, SystemClock};
use icecore::recover::{RecoverRequest, RecoveryPoint, Ties, recover, states, with_tails};
use icecore::restore::RestoreOptions;
use icecore::selection::StreamSelection;
use icecore::timeline::timeline;
use icecore::{Monitor, Repository};
use icecore_sources::events::ndjson::NdjsonTarget;
use icecore_store::MemoryStore;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What a command asked of storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Asked {
    pub(super) requests: u64,
    /// Requests that waited for one another.
    pub(super) round_trips: u64,
}

/// Runs a command on what is in `store`, with the local state in `place`.
pub(super) fn count(
    command: Command,
    store: &MemoryStore,
    events: &Path,
    place: &Place,
) -> Result<Asked, CompareError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(cannot("start a runtime"))?;
    runtime.block_on(async {
        let distant = Arc::new(DistantStore::new(store.snapshot()));
        let answers = tokio::spawn(distant.clone().answer());
        let environment = environment(place, Arc::new(SystemClock), Arc::new(OneThread));
        let opened = Repository::open(distant.clone(), environment, PASSWORD.as_bytes()).await;
        let repository = opened.map_err(failed("open the repository"))?;
        run(command, &repository, events, place).await?;
        answers.abort();
        Ok(Asked { requests: distant.requests(), round_trips: distant.round_trips() })
    })
}

/// Does what the command of the program does.
async fn run(
    command: Command,
    repository: &Repository,
    events: &Path,
    place: &Place,
) -> Result<(), CompareError> {
    let ledger = repository.state().await;
    let known = states(&ledger, NAME, None).map_err(failed("find the source"))?;
    let monitor = Monitor::default();
    match command {
        Command::Timeline => {
            timeline(repository, known, false).await.map_err(failed("show the timeline"))?;
        }
        Command::Recover => {
            let states = with_tails(repository, known).await.map_err(failed("read the tail"))?;
            let newest = states.last().and_then(|newest| newest.snapshot.counts.last_time);
            let point = newest.map_or(RecoveryPoint::Latest, RecoveryPoint::Time);
            let (streams, ties) = (StreamSelection::default(), |_: &str, _: &[_]| Ties::default());
            let request = RecoverRequest { states, point, streams, ties };
            let target = NdjsonTarget::new(format!("{}/counted", place.home()));
            let options = RestoreOptions::default();
            let recovered = recover(repository, &request, &target, &options, &monitor).await;
            recovered.map_err(failed("recover"))?;
        }
        Command::Backup => {
            let mut options = backup_options().map_err(cannot("find out this host's name"))?;
            options.request.trust_append = true;
            let backed_up = backup(repository, &source(events), &options, &monitor).await;
            backed_up.map_err(failed("back up"))?;
        }
    }
    Ok(())
}

/// Everything on the thread that asks: what computes takes no time.
struct OneThread;

impl Executor for OneThread {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        drop(tokio::spawn(task));
    }

    fn compute(&self, job: Box<dyn FnOnce() + Send>) {
        job();
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn parallelism(&self) -> usize {
        2
    }
}
