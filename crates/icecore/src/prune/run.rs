//! One run of a prune: the ledger that it decides on, read from its first entry, and where its entries go:
//! into that ledger, or for a plan into a copy that nobody sees.

use super::delete::Listed;
use super::history::History;
use super::release::{floor, to_release};
use super::{PruneError, PruneOptions};
use crate::ledger::{Appended, Ledger, LoggedContent, LoggedEntry, replay};
use crate::monitor::Monitor;
use crate::repository::Repository;
use icecore_format::checkpoint::LedgerState;
use icecore_format::ledger::body::{Abort, Release};
use icecore_format::ledger::{Entry, EntryBody};
use icecore_format::{SnapshotId, Timestamp};

/// A run of a prune.
pub(super) struct Run<'r> {
    pub(super) repository: &'r Repository,
    pub(super) options: &'r PruneOptions,
    pub(super) monitor: &'r Monitor,
    /// What this machine's clock said when it began.
    pub(super) now: Timestamp,
    /// What the ledger would be, if nothing is to be written.
    planned: Option<Planned>,
}

struct Planned {
    state: LedgerState,
    log: Vec<LoggedEntry>,
}

impl<'r> Run<'r> {
    /// Begins a run. No checkpoint is relied on for what is collected.
    pub(super) async fn begin(
        repository: &'r Repository,
        options: &'r PruneOptions,
        monitor: &'r Monitor,
    ) -> Result<Self, PruneError> {
        let _task = monitor.task("reading the ledger");
        repository.replay_from_first().await?;
        repository.ledger().await.prefix_so_far()?;
        let now = repository.environment.clock.now();
        Ok(Self { repository, options, monitor, now, planned: None })
    }

    /// The same run, which writes nothing.
    pub(super) async fn only_planned(mut self) -> Self {
        let ledger = self.repository.ledger().await;
        let planned = Planned { state: ledger.state().clone(), log: ledger.log().to_vec() };
        drop(ledger);
        self.planned = Some(planned);
        self
    }

    /// Whether nothing is written.
    pub(super) fn is_plan(&self) -> bool {
        self.planned.is_some()
    }

    /// The ledger's state at its present end, and what it says of the past.
    pub(super) async fn look(&self) -> Result<(LedgerState, History), PruneError> {
        if let Some(Planned { state, log }) = &self.planned {
            return Ok((state.clone(), History::of(log, self.now)));
        }
        let mut ledger = self.repository.ledger().await;
        let state = ledger.prefix(None).await?.state().clone();
        Ok((state, self.history(&ledger)))
    }

    /// Appends what `decide` makes of the ledger's end, if anything, at exactly that end: it is asked again when
    /// another entry came first. The number of the entry.
    pub(super) async fn append(
        &mut self,
        mut decide: impl FnMut(&LedgerState, &History) -> Option<EntryBody>,
    ) -> Result<Option<u64>, PruneError> {
        if let Some(planned) = &mut self.planned {
            let history = History::of(&planned.log, self.now);
            let Some(body) = decide(&planned.state, &history) else { return Ok(None) };
            return Ok(Some(planned.add(self.repository, self.now, body)));
        }
        loop {
            self.monitor.stop_point()?;
            let mut ledger = self.repository.ledger().await;
            ledger.prefix(None).await?;
            let history = self.history(&ledger);
            let prefix = ledger.prefix_so_far()?;
            let Some(body) = decide(prefix.state(), &history) else { return Ok(None) };
            if let Appended::At(number) = prefix.append(body).await? {
                return Ok(Some(number));
            }
        }
    }

    fn history(&self, ledger: &Ledger) -> History {
        History::of(ledger.log(), self.now)
    }

    /// Ends sessions that began long ago, if they left anything; the number that they began below.
    pub(super) async fn end_dead_sessions(
        &mut self,
        listed: &Listed,
    ) -> Result<Option<u64>, PruneError> {
        let abandon_after = self.options.abandon_after;
        let mut ended_before = None;
        self.append(|state, history| {
            ended_before = floor(state, history, abandon_after, listed.sessions());
            ended_before.map(|floor| Abort { sessions: Vec::new(), floor }.into())
        })
        .await?;
        Ok(ended_before)
    }

    /// Releases snapshots that were forgotten long ago.
    pub(super) async fn release(&mut self) -> Result<Vec<SnapshotId>, PruneError> {
        let options = self.options;
        let mut released = Vec::new();
        self.append(|state, history| {
            released = to_release(state, history, options);
            if released.is_empty() {
                return None;
            }
            Some(Release { snapshots: released.clone() }.into())
        })
        .await?;
        Ok(released)
    }
}

impl Planned {
    /// Adds an entry as the ledger would; its number.
    fn add(&mut self, repository: &Repository, now: Timestamp, body: EntryBody) -> u64 {
        let number = self.state.next;
        let entry = Entry {
            number,
            previous: self.state.head,
            author: repository.keys.signing.verifying_key().id(),
            nonce: [0; 16],
            time: now,
            body,
        };
        let content = match replay::apply(&mut self.state, &entry) {
            Ok(()) => LoggedContent::Valid(Box::new(entry)),
            Err(reason) => LoggedContent::Void { reason, entry: Some(Box::new(entry)) },
        };
        self.log.push(LoggedEntry { number, content, head: self.state.head });
        self.state.next += 1;
        number
    }
}
