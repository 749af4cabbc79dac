//! Trims: up to where objects of a tail are needed for nothing.
//!
//! Specification: docs/concurrency.md, rule 12.

use super::replay::Void;
use icecore_format::SessionId;
use icecore_format::checkpoint::{EpochState, LedgerState, SnapshotState, SnapshotStatus};
use icecore_format::keys::Role;
use icecore_format::ledger::body::{TailMark, TailStart, Trim};
use std::collections::BTreeSet;

/// Rule 12: what an unreleased snapshot has of a tail is needed for nothing.
pub(super) fn trim(state: &mut LedgerState, trim: &Trim) -> Result<(), Void> {
    let sessions: BTreeSet<_> = trim.below.iter().map(|mark| mark.session).collect();
    if sessions.is_empty() || sessions.len() != trim.below.len() {
        return Err("it names no epoch, or one twice");
    }
    let tail = state.tails.iter().position(|tail| tail.source == trim.source);
    let Some(tail) = tail else { return Err("its source was never followed") };
    let limits = limits(state, tail);
    let limit_of = |mark: &TailMark| limits.iter().find(|limit| limit.session == mark.session);
    let epochs = state.tails.get_mut(tail).map(|tail| &mut tail.epochs);
    let Some(epochs) = epochs else { return Err("its source was never followed") };
    let is_free = |mark: &TailMark| {
        let epoch = epochs.iter().find(|epoch| epoch.session == mark.session);
        limit_of(mark).is_some_and(|limit| mark.objects <= limit.objects)
            && epoch.is_some_and(|epoch| mark.objects > epoch.trimmed)
    };
    if !trim.below.iter().all(is_free) {
        return Err("it trims what no kept snapshot has, or what was trimmed before");
    }
    for mark in &trim.below {
        if let Some(epoch) = epochs.iter_mut().find(|epoch| epoch.session == mark.session) {
            epoch.trimmed = mark.objects;
        }
    }
    Ok(())
}

/// For each epoch of a tail, by its place among all, up to where its objects are needed for nothing.
///
/// An unreleased snapshot has the events before the place that it names, which is in a chain of epochs that
/// goes on from one snapshot. That is taken from who opened the epoch, or an admin: anybody else could have
/// what others captured removed by saying so. The last object before it stays: it says where the source can be gone on from.
/// A chain after which the source was begun anew goes with the snapshots that it goes on from.
pub(crate) fn limits(state: &LedgerState, tail: usize) -> Vec<TailMark> {
    let Some(tail) = state.tails.get(tail) else { return Vec::new() };
    let is_kept = |found: &&SnapshotState| {
        found.status != SnapshotStatus::Released && found.snapshot.followed() == tail.source
    };
    let kept: Vec<&SnapshotState> = state.snapshots.values().filter(is_kept).collect();
    let chains: Vec<&[EpochState]> =
        tail.epochs.chunk_by(|_, next| next.start == TailStart::Before).collect();
    let mut limits = Vec::new();
    for (number, chain) in chains.iter().enumerate() {
        let place_of = |session: SessionId| chain.iter().position(|it| it.session == session);
        let mut marks = Vec::new();
        for found in &kept {
            let Some(mark) = found.snapshot.tail else { continue };
            let author = state.keys.get(&found.author);
            let is_admins = author.is_some_and(|author| author.role == Role::Admin);
            marks.extend(
                place_of(mark.session).map(|place| (place, mark.objects, found.author, is_admins)),
            );
        }
        let start = chain.first().map(|epoch| epoch.start);
        let has_base = kept.iter().any(|it| start == Some(TailStart::Snapshot(it.snapshot.id)));
        let is_newest = number + 1 == chains.len();
        for (place, epoch) in chain.iter().enumerate() {
            let end = epoch.end.unwrap_or(0);
            let believed = marks.iter().filter(|mark| mark.2 == epoch.author || mark.3);
            let newest = believed.map(|mark| (mark.0, mark.1)).max();
            let objects = match newest {
                Some((newest, _)) if place < newest => end.saturating_sub(1),
                // Never the terminator, whatever a snapshot says that it has.
                Some((newest, objects)) if place == newest => {
                    objects.min(epoch.end.unwrap_or(objects)).saturating_sub(1)
                }
                _ if marks.is_empty() && !has_base && !is_newest => end,
                _ => 0,
            };
            limits.push(TailMark { session: epoch.session, objects });
        }
    }
    limits
}
