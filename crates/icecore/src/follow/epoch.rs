//! One epoch: from where it starts, through its flushes, to what ends it.

use super::capture::Capture;
use super::patience::{BackOff, Rest, wait};
use super::{Flushed, FollowError, FollowNews, FollowOptions, FollowReport};
use crate::backup::{self, BackupOptions, newest_alike};
use crate::event_log::{CapturedChunks, KeptLog};
use crate::monitor::{Counter, Monitor};
use crate::repository::Repository;
use crate::source::{
    self, Captured, Since, Source, SourceError, SourceErrorKind, SourceRequest, UnparsedBatch,
    WantedFiles,
};
use crate::tail::{self, FlushError, Request, StartsAt, TailWriter};
use icecore_format::ledger::body::FollowedSource;
use icecore_format::snapshot::Snapshot;
use std::time::Duration;

/// Follows one source.
pub(super) struct Follower<'a> {
    pub(super) repository: &'a Repository,
    pub(super) source: &'a dyn Source,
    pub(super) options: &'a FollowOptions,
    pub(super) monitor: &'a Monitor,
    pub(super) tell: &'a (dyn Fn(FollowNews<'_>) + Send + Sync),
}

/// Where an epoch starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// Where the tail stands, or at the newest snapshot.
    WhereItStands,
    /// At a new snapshot: the source cannot be gone on from.
    Anew,
}

/// What ended an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It was asked to stop.
    Stopped,
    /// The source cannot be gone on from.
    Lost,
    /// The source failed in the middle of what it gave at once. What was put of that counts for
    /// nothing once the epoch is ended; in this one it would be there twice.
    Torn,
}

/// An epoch that is open.
pub(super) struct Epoch {
    writer: TailWriter,
    /// What is known of the source.
    since: Since,
    /// What was put and counts for nothing before more is: the source gave it at once with that.
    unfinished: Option<Flushed>,
}

/// Why no more is captured as it was.
enum CaptureEnd {
    /// It was asked to stop.
    Stopped,
    /// The source is asked anew how it can be followed.
    Again,
    /// The source failed.
    Failed(source::FollowError),
}

/// What was captured and is not flushed.
#[derive(Default)]
struct Pending {
    batches: Vec<UnparsedBatch>,
    bytes: u64,
    /// Where the source can be gone on from after it.
    resume: Option<(Vec<u8>, Vec<u8>)>,
}

impl Pending {
    /// Whether nothing came.
    fn is_empty(&self) -> bool {
        self.batches.is_empty() && self.resume.is_none()
    }

    /// Whether it ends in the middle of what the source gives at once.
    fn awaits_more(&self) -> bool {
        !self.is_empty() && self.resume.is_none()
    }

    fn add(&mut self, captured: Captured) {
        let Captured { batches, resume, kept, more_follows } = captured;
        self.bytes += batches.iter().map(UnparsedBatch::bytes).sum::<u64>();
        self.batches.extend(batches);
        self.resume = (!more_follows).then_some((resume, kept));
    }
}

impl Follower<'_> {
    /// Opens an epoch, after a backup if there is nothing to go on from.
    pub(super) async fn begin(&self, start: Start) -> Result<Epoch, FollowError> {
        let backup = &self.options.backup;
        let name = backup.name.clone().unwrap_or_else(|| self.source.default_name());
        let source = FollowedSource {
            name: name.clone(),
            kind: self.source.kind().to_owned(),
            selection: backup.request.streams.patterns().to_vec(),
        };
        let mut request = Request {
            source,
            host: backup.host.clone(),
            start: None,
            take_over: self.options.take_over,
        };
        self.repository.refresh().await?;
        let opened = match start {
            Start::WhereItStands => tail::open(self.repository, &request).await?,
            Start::Anew => None,
        };
        let opened = if let Some(opened) = opened {
            opened
        } else {
            let newest = match start {
                Start::WhereItStands => {
                    newest_alike(self.repository, &name, self.source.kind(), backup).await
                }
                Start::Anew => None,
            };
            let snapshot = match newest {
                Some(snapshot) => snapshot,
                None => self.back_up(backup).await?,
            };
            request.start = Some(snapshot.id);
            let opened = tail::open(self.repository, &request).await?;
            opened.expect("an epoch that starts at a snapshot needs nothing else")
        };
        let (base, standing) = match &opened.starts_at {
            StartsAt::Snapshot(base) => (base, None),
            StartsAt::Tail(standing) => (&standing.base, Some(standing)),
        };
        let state = self.repository.state().await;
        let base = &state.snapshots.get(base).ok_or_else(no_base)?.snapshot;
        (self.tell)(FollowNews::Begun {
            base: base.id,
            events: opened.writer.total().events,
            ended_another: opened.ended_another,
        });
        if let Some(first) = opened.lost.first() {
            let count = opened.lost.len();
            (self.tell)(FollowNews::Notice(&format!(
                "this machine had put {count} more into the tail of {name}, and {first} and what came \
                 after it are lost: what the source still has of them is captured again"
            )));
        }
        let resume = standing.and_then(|standing| standing.resume.clone());
        let since = match resume {
            Some((resume, kept)) => Since {
                resume,
                kept: kept.unwrap_or_default(),
                events: base.counts.events + opened.writer.total().events,
            },
            None => self.known_of(base).await,
        };
        Ok(Epoch { writer: opened.writer, since, unfinished: None })
    }

    /// The same for as long as it takes to reach source and storage; `None` if it is asked to stop.
    pub(super) async fn begin_patiently(&self, start: Start) -> Result<Option<Epoch>, FollowError> {
        let mut back_off = BackOff::default();
        loop {
            match self.begin(start).await {
                Ok(epoch) => return Ok(Some(epoch)),
                Err(_) if self.monitor.stop_point().is_err() => return Ok(None),
                Err(error) if error.may_pass() => self.pause(&error, &mut back_off).await,
                Err(error) => return Err(error),
            }
        }
    }

    async fn known_of(&self, snapshot: &Snapshot) -> Since {
        let kept = KeptLog::load(self.repository, snapshot).await;
        Since {
            resume: snapshot.resume.clone(),
            kept: kept.map(|kept| kept.source).unwrap_or_default(),
            events: snapshot.counts.events,
        }
    }

    async fn back_up(&self, options: &BackupOptions) -> Result<Snapshot, FollowError> {
        let report = backup::backup(self.repository, self.source, options, self.monitor)
            .await
            .map_err(FollowError::Backup)?;
        (self.tell)(FollowNews::BackedUp(&report));
        Ok(report.snapshot)
    }

    /// Captures and flushes, until it is asked to stop, or something ends the epoch. Pauses grow from
    /// epoch to epoch, too, until all that the source gave at once was captured.
    pub(super) async fn run(
        &self,
        mut epoch: Epoch,
        report: &mut FollowReport,
        back_off: &mut BackOff,
    ) -> Result<Ended, FollowError> {
        let mut way_told = None;
        loop {
            let request = SourceRequest {
                since: Some(epoch.since.clone()),
                everything: false,
                files: WantedFiles::None,
                trust_append: true,
                ..self.options.backup.request.clone()
            };
            let environment = &self.repository.environment;
            let begun = Capture::begin(self.source, request, environment, self.monitor).await;
            let failed = match begun {
                Ok(capture) => {
                    let way = capture.way();
                    if way_told.as_ref() != Some(&way) {
                        (self.tell)(FollowNews::Way(&way));
                        way_told = Some(way);
                    }
                    match self.capture(capture, &mut epoch, back_off, report).await? {
                        CaptureEnd::Stopped => return Ok(Ended::Stopped),
                        CaptureEnd::Again => continue,
                        CaptureEnd::Failed(failed) => failed,
                    }
                }
                Err(failed) => failed,
            };
            match failed {
                source::FollowError::Lost(why) => {
                    (self.tell)(FollowNews::Lost(&why));
                    return Ok(Ended::Lost);
                }
                source::FollowError::Source(error) => {
                    if error.kind == SourceErrorKind::Invalid {
                        return Err(error.into());
                    }
                    self.pause(&error, back_off).await;
                }
            }
            if self.monitor.stop_point().is_err() {
                return Ok(Ended::Stopped);
            }
            if epoch.writer.awaits_more() {
                return Ok(Ended::Torn);
            }
        }
    }

    /// Captures and flushes until that is to end.
    async fn capture(
        &self,
        mut capture: Capture<'_>,
        epoch: &mut Epoch,
        back_off: &mut BackOff,
        report: &mut FollowReport,
    ) -> Result<CaptureEnd, FollowError> {
        let environment = &self.repository.environment;
        let interval = self.options.flush_interval;
        let mut rest = Rest::default();
        loop {
            // 1. What there is, as soon as there is something.
            let mut pending = Pending::default();
            let mut failed = self.add_next(&mut capture, &mut pending, interval, back_off).await;
            if failed.is_none() && pending.is_empty() {
                let at = environment.clock.now();
                (self.tell)(FollowNews::UpToDate { at });
            }
            // 2. What has come by when it is time for the next flush. Where more is known to follow,
            //    there is nothing to wait for.
            let is_all = !pending.is_empty() && !pending.awaits_more();
            if failed.is_none() && is_all && !self.is_full(&pending) {
                rest.wait(environment, self.monitor).await;
                failed = self.add_next(&mut capture, &mut pending, Duration::ZERO, back_off).await;
            }
            // 3. In the middle of what the source gives at once nothing counts that more does not
            //    follow.
            while failed.is_none() && pending.awaits_more() && !self.is_full(&pending) {
                failed = self.add_next(&mut capture, &mut pending, Duration::ZERO, back_off).await;
            }
            let is_cut_short =
                pending.awaits_more() && (failed.is_some() || self.monitor.stop_point().is_err());
            if !pending.is_empty() && !is_cut_short {
                let resume = pending.resume.clone();
                self.flush(pending, epoch, report).await?;
                rest = Rest::begin(environment, interval);
                if let Some((resume, _)) = resume
                    && let Err(error) = capture.acknowledge(&resume).await
                {
                    failed.get_or_insert(error);
                }
            }
            if let Some(failed) = failed {
                return Ok(CaptureEnd::Failed(failed));
            }
            if self.monitor.stop_point().is_err() {
                return Ok(CaptureEnd::Stopped);
            }
            if capture.is_to_begin_anew() {
                return Ok(CaptureEnd::Again);
            }
        }
    }

    /// Whether what is pending does not wait for more; nothing waits once it is asked to stop.
    fn is_full(&self, pending: &Pending) -> bool {
        pending.bytes >= self.options.flush_bytes || self.monitor.stop_point().is_err()
    }

    /// Adds what is new to what is pending; how that failed, if it did.
    async fn add_next(
        &self,
        capture: &mut Capture<'_>,
        pending: &mut Pending,
        patience: Duration,
        back_off: &mut BackOff,
    ) -> Option<source::FollowError> {
        let next = capture.next(patience).await;
        for notice in capture.notices() {
            (self.tell)(FollowNews::Notice(&notice));
        }
        match next {
            Ok(captured) => {
                if let Some(captured) = captured {
                    pending.add(captured);
                }
                if !pending.awaits_more() {
                    back_off.reset();
                }
                None
            }
            Err(error) => Some(error),
        }
    }

    /// Makes what was captured durable, however long that takes.
    async fn flush(
        &self,
        pending: Pending,
        epoch: &mut Epoch,
        report: &mut FollowReport,
    ) -> Result<(), FollowError> {
        let Epoch { writer, since, unfinished } = epoch;
        let environment = &self.repository.environment;
        let (keys, config) = (self.repository.keys.clone(), self.repository.config);
        let Pending { batches, bytes: _, resume } = pending;
        let captured =
            environment.compute(move || CapturedChunks::of(batches, &keys, &config)).await?;
        let span = captured.span;
        let events = span.events;
        let (oldest, newest) = if span.commits_known == events {
            (span.first_commit, span.last_commit)
        } else {
            (span.first_time, span.last_time)
        };
        self.monitor.count(Counter::BytesRead, captured.source_bytes);
        if events == 0 && !writer.awaits_more() {
            // Others wrote. There is a newer place to go on from, and nothing to keep.
            if let Some((resume, kept)) = resume {
                (since.resume, since.kept) = (resume, kept);
            }
            (self.tell)(FollowNews::UpToDate { at: environment.clock.now() });
            return Ok(());
        }
        (self.tell)(FollowNews::Captured { events, newest });
        let compression = self.options.backup.compression;
        let sealed = writer.seal(captured, resume.clone(), compression).await;
        let mut back_off = BackOff::default();
        let bytes = loop {
            match writer.put(&sealed).await {
                Ok(bytes) => break bytes,
                Err(FlushError::Ended) => return Err(self.taken_over().await),
                Err(error) => {
                    // What is not acknowledged is captured again by the next follower.
                    self.monitor.stop_point()?;
                    self.pause(&error, &mut back_off).await;
                }
            }
        };
        since.events += events;
        self.monitor.count(Counter::Events, events);
        self.monitor.count(Counter::BytesStored, bytes);
        let durable = environment.clock.now();
        let mut flushed = Flushed { events, bytes, oldest, newest, durable };
        if let Some(before) = unfinished.take() {
            flushed = before.and(flushed);
        }
        let Some((resume, kept)) = resume else {
            *unfinished = Some(flushed);
            return Ok(());
        };
        (since.resume, since.kept) = (resume, kept);
        report.events += flushed.events;
        report.flushes += 1;
        report.bytes += flushed.bytes;
        (self.tell)(FollowNews::Flushed(&flushed));
        Ok(())
    }

    async fn pause(
        &self,
        error: &(dyn std::error::Error + Send + Sync + 'static),
        back_off: &mut BackOff,
    ) {
        let pause = back_off.next();
        (self.tell)(FollowNews::Failed { error, pause });
        wait(&self.repository.environment, self.monitor, pause).await;
    }

    /// Who follows the source now.
    async fn taken_over(&self) -> FollowError {
        let name = self.options.backup.name.clone();
        let name = name.unwrap_or_else(|| self.source.default_name());
        if let Err(error) = self.repository.refresh().await {
            return error.into();
        }
        let state = self.repository.state().await;
        let tail = state.tails.iter().find(|tail| tail.source.name == name);
        let host = tail.and_then(|tail| tail.epochs.last()).map(|epoch| epoch.host.clone());
        FollowError::TakenOver { name, host }
    }
}

/// Replay lets no epoch start at a snapshot that is not there.
fn no_base() -> FollowError {
    let what = "the tail goes on from a snapshot that is not there";
    SourceError::new(SourceErrorKind::Invalid, what).into()
}
