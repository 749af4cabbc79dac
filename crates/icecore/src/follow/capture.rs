//! Asking a source for what is new: by its own follower, or by opening it again and again.

use super::Way;
use super::patience::wait;
use crate::environment::Environment;
use crate::monitor::Monitor;
use crate::source::{
    Captured, EventFollower, EventReader, Follow, FollowError, Reading, Since, Source, SourceEnd,
    SourceRequest,
};
use std::time::Duration;

/// What is read before it is handed on, in bytes.
const PART_BYTES: u64 = 4 << 20;

/// How much longer than it takes to look at a source the pause between two looks is, at least: a
/// proof that nothing was missed may be a pass over all of the source.
const REST_PER_LOOK: u32 = 9;

/// How long a source is opened again and again before it is asked once more whether it has a better
/// way: what stood against that, such as a transaction that ran for long, may be over.
const REST_PER_WAY: Duration = Duration::from_mins(10);

/// Captures what a source gets.
pub(super) struct Capture<'a> {
    source: &'a dyn Source,
    /// What is asked of it; what is known is kept current where it is opened again and again.
    request: SourceRequest,
    environment: &'a Environment,
    monitor: &'a Monitor,
    by: By,
    /// When this began, by the clock that is never set.
    begun: Duration,
}

enum By {
    Opening {
        /// Why so, where sources of this kind have a better way.
        why: Option<String>,
        reader: Option<Box<dyn EventReader>>,
        /// Least time until the next look.
        rest: Duration,
    },
    Following(Box<dyn EventFollower>),
}

impl<'a> Capture<'a> {
    /// Begins to capture what `request` does not know.
    pub(super) async fn begin(
        source: &'a dyn Source,
        request: SourceRequest,
        environment: &'a Environment,
        monitor: &'a Monitor,
    ) -> Result<Self, FollowError> {
        let by = match source.follow(&request).await? {
            Follow::ByOpening(why) => By::Opening { why, reader: None, rest: Duration::ZERO },
            Follow::By(follower) => By::Following(follower),
            Follow::Lost(why) => return Err(FollowError::Lost(why)),
        };
        let begun = environment.clock.passed();
        Ok(Self { source, request, environment, monitor, by, begun })
    }

    /// How it is told what is new.
    pub(super) fn way(&self) -> Way {
        match &self.by {
            By::Following(follower) => Way::Told(follower.way()),
            By::Opening { why, .. } => Way::Opening(why.clone()),
        }
    }

    /// Whether it is time to ask the source for a better way, and nothing that it gives is under way.
    pub(super) fn is_to_begin_anew(&self) -> bool {
        let By::Opening { why: Some(_), reader: None, .. } = &self.by else { return false };
        self.environment.clock.passed().saturating_sub(self.begun) >= REST_PER_WAY
    }

    /// What somebody should know that has come up since this was asked last.
    pub(super) fn notices(&mut self) -> Vec<String> {
        match &mut self.by {
            By::Following(follower) => follower.notices(),
            By::Opening { .. } => Vec::new(),
        }
    }

    /// What is new, as soon as there is something; `None` if there was nothing within about
    /// `patience`.
    pub(super) async fn next(
        &mut self,
        patience: Duration,
    ) -> Result<Option<Captured>, FollowError> {
        match &mut self.by {
            By::Following(follower) => follower.next(patience).await,
            By::Opening { .. } => self.look(patience).await,
        }
    }

    /// Tells the source what is durable.
    pub(super) async fn acknowledge(&mut self, resume: &[u8]) -> Result<(), FollowError> {
        match &mut self.by {
            By::Following(follower) => follower.acknowledge(resume).await,
            By::Opening { .. } => Ok(()),
        }
    }

    async fn look(&mut self, patience: Duration) -> Result<Option<Captured>, FollowError> {
        let Self { source, request, environment, monitor, by, .. } = self;
        let By::Opening { reader, rest, .. } = by else { return Ok(None) };
        let unfinished = reader.take();
        let is_continued = unfinished.is_some();
        let mut open = if let Some(open) = unfinished {
            open
        } else {
            wait(environment, monitor, *rest).await;
            let began = environment.clock.passed();
            let open = source.open(request).await?;
            *rest = REST_PER_LOOK * environment.clock.passed().saturating_sub(began);
            if let Reading::Whole(why) = open.reading() {
                return Err(FollowError::Lost(why.clone()));
            }
            open
        };
        let (mut captured, mut bytes) = (Captured::default(), 0);
        while let Some(batch) = open.next().await? {
            bytes += batch.bytes();
            captured.batches.push(batch);
            if bytes >= PART_BYTES {
                *reader = Some(open);
                captured.more_follows = true;
                return Ok(Some(captured));
            }
        }
        let SourceEnd { resume, kept, .. } = open.finish().await?;
        let events = request.since.as_ref().map_or(0, |since| since.events);
        request.since = Some(Since { resume: resume.clone(), kept: kept.clone(), events });
        // What was handed on of this look counts once its end is.
        if captured.batches.is_empty() && !is_continued {
            wait(environment, monitor, patience.saturating_sub(*rest)).await;
            return Ok(None);
        }
        (captured.resume, captured.kept) = (resume, kept);
        Ok(Some(captured))
    }
}
