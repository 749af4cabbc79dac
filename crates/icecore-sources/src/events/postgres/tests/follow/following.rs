//! A follower in a test, and what it gave.

use crate::events::postgres::PostgresSource;
use crate::events::postgres::tests::reading::{Found, events_of};
use icecore::source::{
    CommitRun, EventFollower, Follow, FollowError, Since, Source, SourceRequest, Whole,
};
use std::time::Duration;

/// What followers gave, one after the other.
#[derive(Default)]
pub(super) struct Followed {
    pub(super) events: Vec<Found>,
    /// The records of these events.
    pub(super) records: Vec<Vec<u8>>,
    /// Of the events that were decoded.
    pub(super) commits: Vec<CommitRun>,
    resume: Vec<u8>,
    kept: Vec<u8>,
}

impl Followed {
    /// After what is known.
    pub(super) fn after(since: Since) -> Self {
        let Since { resume, kept, .. } = since;
        Self { resume, kept, ..Self::default() }
    }

    /// What is known by now.
    pub(super) fn since(&self) -> Since {
        let (resume, kept) = (self.resume.clone(), self.kept.clone());
        Since { resume, kept, events: self.events.len() as u64 }
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.events.iter().map(|event| event.id.clone().unwrap_or_default()).collect()
    }

    /// How many events each transaction wrote.
    pub(super) fn events_of_commits(&self) -> Vec<u32> {
        self.commits.iter().map(|commit| commit.events).collect()
    }

    /// Takes all that there is, and does not acknowledge it.
    pub(super) async fn take(
        &mut self,
        follower: &mut Box<dyn EventFollower>,
    ) -> Result<(), FollowError> {
        while self.take_next(follower).await? {}
        Ok(())
    }

    /// Takes what is given next; whether anything is.
    pub(super) async fn take_next(
        &mut self,
        follower: &mut Box<dyn EventFollower>,
    ) -> Result<bool, FollowError> {
        let Some(captured) = follower.next(Duration::ZERO).await? else { return Ok(false) };
        for batch in captured.batches {
            let batch = batch.parse().unwrap();
            let mut begin = 0;
            for end in &batch.record_ends {
                self.records.push(batch.records[begin..*end].to_vec());
                begin = *end;
            }
            self.events.extend(events_of(&batch));
            let of_commits: u32 = batch.commits.iter().map(|commit| commit.events).sum();
            assert!([0, batch.record_ends.len()].contains(&(of_commits as usize)));
            self.commits.extend(batch.commits);
        }
        (self.resume, self.kept) = (captured.resume, captured.kept);
        Ok(true)
    }

    /// Takes all that there is, and says that it is durable.
    pub(super) async fn flush(&mut self, follower: &mut Box<dyn EventFollower>) {
        self.take(follower).await.unwrap();
        follower.acknowledge(&self.resume).await.unwrap();
    }
}

/// Begins to follow what is not known.
pub(super) async fn begin(source: &PostgresSource, since: Since) -> Follow {
    let request = SourceRequest { since: Some(since), ..SourceRequest::default() };
    source.follow(&request).await.unwrap()
}

/// The same by a slot.
pub(super) async fn follow(source: &PostgresSource, since: Since) -> Box<dyn EventFollower> {
    match begin(source, since).await {
        Follow::By(follower) => follower,
        Follow::ByOpening(_) => panic!("it is followed by being opened"),
        Follow::Lost(whole) => panic!("it cannot be followed: {whole:?}"),
    }
}

/// Why nothing is given any more.
pub(super) async fn lost(follower: &mut Box<dyn EventFollower>) -> Whole {
    match Followed::default().take(follower).await {
        Err(FollowError::Lost(whole)) => whole,
        other => panic!("it is not lost: {other:?}"),
    }
}
