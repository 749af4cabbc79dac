//! Tails: every object of an epoch that counts, and that each follows the one before.

use super::CheckReport;
use crate::error::ReadError;
use crate::monitor::{Counter, Monitor};
use crate::repository::Repository;
use crate::tail::{EpochReader, Scanned, complete, needed, open_key, scan};
use futures::stream::StreamExt as _;
use icecore_format::Hash;
use icecore_format::checkpoint::{EpochState, LedgerState};
use icecore_format::pack::PackKey;
use icecore_format::tail::{Flush, TailObject, TailRecord, repeats_from};
use std::sync::Arc;

/// Checks the tails. Without `read_data`, only whether their objects are there.
pub(super) async fn check(
    repository: &Repository,
    state: &LedgerState,
    read_data: bool,
    report: &mut CheckReport,
    monitor: &Monitor,
) -> Result<(), super::CheckError> {
    let chains = state.tails.iter().flat_map(|tail| needed(state, tail));
    let epochs = chains.flat_map(|(_, epochs)| epochs);
    for epoch in epochs {
        monitor.stop_point()?;
        let reader = EpochReader::new(repository, epoch);
        let objects = reader.objects_remembered().await?;
        if !read_data {
            let missing = reader.missing(objects).await?;
            report.flushes += objects.saturating_sub(reader.first()) - missing.len() as u64;
            for number in missing {
                report.finding(&reader.name(number), &"it is missing");
            }
            continue;
        }
        let objects = match epoch.end {
            Some(end) => end,
            None => complete(&reader, objects).await?,
        };
        read(repository, epoch, &reader, objects, report, monitor).await?;
    }
    Ok(())
}

async fn read(
    repository: &Repository,
    epoch: &EpochState,
    reader: &EpochReader,
    objects: u64,
    report: &mut CheckReport,
    monitor: &Monitor,
) -> Result<(), super::CheckError> {
    let key = match open_key(repository, epoch).await {
        Ok(key) => Some(Arc::new(key)),
        Err(ReadError::NotAllowed { .. }) => None,
        Err(error) => {
            let subject = format!("ledger entry {}", epoch.number);
            report.failed_read(&subject, error)?;
            None
        }
    };
    let mut scanned = std::pin::pin!(scan(reader, reader.first()..objects));
    let mut repeated = Repeated::default();
    while let Some(found) = scanned.next().await {
        monitor.stop_point()?;
        let (number, scanned) = found?;
        let found = match scanned {
            Scanned::Gap(reason) => {
                report.finding(&reader.name(number), &reason);
                repeated.is_known = false;
                continue;
            }
            Scanned::Flush(found) | Scanned::Repeat(found, _) => found,
        };
        if !repeated.add(number, &found.flush) {
            report.finding(
                &found.name,
                &"it repeats other events than those of the objects before it",
            );
        }
        report.flushes += 1;
        report.bytes_read += found.bytes.len() as u64;
        monitor.count(Counter::BytesRead, found.bytes.len() as u64);
        let Some(key) = key.clone() else { continue };
        let keys = repository.keys.clone();
        let name = found.name.clone();
        let verified = repository.environment.compute(move || {
            let object = TailObject::open(&keys, found.name.as_str(), &found.bytes)?;
            verify(&object, &keys, &key)
        });
        match verified.await {
            Ok(chunks) => report.chunks_verified += chunks,
            Err(error) => report.finding(&name, &error),
        }
    }
    Ok(())
}

/// What an object has to repeat, if it repeats anything.
#[derive(Default)]
struct Repeated {
    /// The hash of the object before the first of those that it repeats.
    previous: Option<Hash>,
    /// Their events.
    events: u64,
    /// Whether all of them were seen.
    is_known: bool,
}

impl Repeated {
    /// Adds a flush; whether it repeats what it should.
    fn add(&mut self, number: u64, flush: &Flush) -> bool {
        if number.checked_sub(1).is_none_or(|before| repeats_from(before).is_some()) {
            *self = Self { previous: Some(flush.previous), events: 0, is_known: true };
        }
        self.events += flush.span.events;
        let Some(repeat) = flush.repeat.as_ref().filter(|_| self.is_known) else { return true };
        repeats_from(number).is_some()
            && repeat.span.events == self.events
            && Some(repeat.previous) == self.previous
    }
}

/// Opens every chunk of an object; how many there are.
fn verify(
    object: &TailObject<'_>,
    keys: &icecore_format::keys::KeySet,
    key: &PackKey,
) -> Result<u64, icecore_format::DecodeError> {
    let TailRecord::Flush(flush) = &object.record else { return Ok(0) };
    for block in &flush.blocks {
        object.chunk(keys, key, block.id)?;
    }
    Ok(flush.blocks.len() as u64)
}
