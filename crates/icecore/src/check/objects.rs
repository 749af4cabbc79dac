//! The ledger from its first entry, and every object that it names: are they there, of the right
//! length, and readable?

use super::CheckReport;
use crate::error::ReadError;
use crate::layout::ObjectRole;
use crate::ledger::replay::{may_delete_pack, may_delete_run};
use crate::ledger::{self, Alarm, LoggedContent};
use crate::repository::{LedgerAudit, Repository};
use crate::storage;
use icecore_format::checkpoint::LedgerState;
use icecore_format::keys::slot::KeySlot;
use icecore_format::limits::KEY_SLOT_BYTES_MAX;
use icecore_format::{DecodeError, PackId};
use icecore_store::StoreErrorKind;
use std::collections::{BTreeMap, BTreeSet};

/// The usable packs that some readable index run lists, and their lengths in bytes.
pub(super) type IndexedPacks = BTreeMap<PackId, u64>;

pub(super) async fn check(
    repository: &Repository,
    state: &LedgerState,
    report: &mut CheckReport,
) -> Result<IndexedPacks, ReadError> {
    check_ledger(repository, report).await?;
    let mut listed = BTreeMap::new();
    for object in storage::list(&*repository.store, "").await? {
        match ObjectRole::of(&object.name) {
            Some(role) => {
                listed.insert(role, object.bytes);
            }
            // Somebody writes meanwhile, or was killed.
            None if object.name.as_str().starts_with(ObjectRole::LEASE_PREFIX) => {}
            None => report.notes.push(format!("{} is no object of ours", object.name)),
        }
    }
    check_keys_and_checkpoints(repository, state, &listed, report).await?;
    let packs = check_packs(repository, state, &listed, report).await?;
    note_unreferenced(state, &listed, report);
    Ok(packs)
}

async fn check_ledger(repository: &Repository, report: &mut CheckReport) -> Result<(), ReadError> {
    let LedgerAudit { log, alarms, witnesses, .. } = repository.audit().await?;
    // What this machine remembers may show more than the ledger by itself.
    let mut alarms: BTreeSet<String> = alarms.iter().map(Alarm::to_string).collect();
    alarms.extend(repository.alarms().await.iter().map(Alarm::to_string));
    for alarm in alarms {
        report.finding(&"the ledger", &alarm);
    }
    for finding in witnesses {
        report.finding(&"the ledger", &finding);
    }
    for entry in &log {
        let subject = format!("ledger entry {}", entry.number);
        match &entry.content {
            LoggedContent::Valid(_) => {}
            LoggedContent::Void { reason, entry: None } => report.finding(&subject, reason),
            LoggedContent::Void { reason, .. } => {
                report.notes.push(format!("{subject} is void: {reason}"));
            }
        }
    }
    Ok(())
}

async fn check_keys_and_checkpoints(
    repository: &Repository,
    state: &LedgerState,
    listed: &BTreeMap<ObjectRole, u64>,
    report: &mut CheckReport,
) -> Result<(), ReadError> {
    for id in state.keys.iter().filter(|(_, key)| !key.removed).map(|(id, _)| *id) {
        let role = ObjectRole::KeySlot(id);
        // A listing may be stale, so the object itself is asked.
        let bytes_max = KEY_SLOT_BYTES_MAX as u64;
        if !listed.keys().any(|role| role.key_of_slot() == Some(id))
            && let Err(error) =
                storage::get(&*repository.store, &role.object_name(), bytes_max).await
        {
            report.failed_read(&role.object_name(), error.into())?;
        }
    }
    // Nobody reads a checkpoint that somebody else signed.
    let keys = &repository.keys;
    let readable = [keys.founder.id(), keys.signing.verifying_key().id()];
    for role in listed.keys() {
        let name = role.object_name();
        let problem = match role {
            ObjectRole::KeySlot(_) | ObjectRole::RenewedKeySlot(..) => {
                match storage::get(&*repository.store, &name, KEY_SLOT_BYTES_MAX as u64).await {
                    Ok(bytes) => {
                        KeySlot::decode(&bytes).err().map(ReadError::damaged(name.clone()))
                    }
                    Err(error) => Some(error.into()),
                }
            }
            ObjectRole::Checkpoint(_, author) if readable.contains(author) => {
                ledger::checkpoint::read(&repository.ledger_context(), *role).await.err()
            }
            _ => None,
        };
        if let (ObjectRole::Checkpoint(..), Some(ReadError::Damaged { source, .. })) =
            (role, &problem)
            && matches!(source, DecodeError::Version { .. })
        {
            // Derived: whoever can read it does, and all others begin at another one.
            report.notes.push(format!("{name} is of another version of icecore, and not used"));
            continue;
        }
        if let Some(error) = problem {
            report.failed_read(&name, error)?;
        }
    }
    Ok(())
}

/// Whether the index runs are readable, and name packs that are there and are those that the
/// ledger names.
async fn check_packs(
    repository: &Repository,
    state: &LedgerState,
    listed: &BTreeMap<ObjectRole, u64>,
    report: &mut CheckReport,
) -> Result<IndexedPacks, ReadError> {
    let reader = repository.run_reader();
    let mut indexed = IndexedPacks::new();
    for id in ledger::runs(&state.runs) {
        // From storage: this machine's copy says nothing about it.
        let run = match reader.read_stored(id).await {
            Ok(run) => run,
            Err(error) => {
                report.failed_read(&ObjectRole::IndexRun(id).object_name(), error)?;
                continue;
            }
        };
        for pack in &run.packs {
            if !ledger::has(&state.packs, pack.id.session, pack.id.number)
                || indexed.insert(pack.id, pack.bytes).is_some()
            {
                continue;
            }
            report.packs += 1;
            if listed.get(&ObjectRole::Pack(pack.id)) != Some(&pack.bytes) {
                // A listing may be stale, so the object itself is asked.
                check_length(repository, pack.id, pack.bytes, report).await?;
            }
        }
    }
    for pack in state.packs.iter().flat_map(|range| range.packs()) {
        if !indexed.contains_key(&pack) {
            let name = ObjectRole::Pack(pack).object_name();
            report.finding(&name, &"no readable index run lists it");
        }
    }
    Ok(indexed)
}

async fn check_length(
    repository: &Repository,
    pack: PackId,
    bytes: u64,
    report: &mut CheckReport,
) -> Result<(), ReadError> {
    let name = ObjectRole::Pack(pack).object_name();
    let store = &*repository.store;
    let last = storage::get_range(store, &name, bytes.saturating_sub(1)..bytes).await;
    if let Err(error) = last {
        return report.failed_read(&name, error.into());
    }
    match storage::get_range(store, &name, bytes..bytes + 1).await {
        Err(error) if error.kind() == StoreErrorKind::TooShort => Ok(()),
        Err(error) => report.failed_read(&name, error.into()),
        Ok(_) => {
            report.finding(&name, &"it is longer than its index says");
            Ok(())
        }
    }
}

/// Objects that nothing names: what sessions left that did not commit, or have not yet, and what a prune
/// has not deleted yet.
fn note_unreferenced(
    state: &LedgerState,
    listed: &BTreeMap<ObjectRole, u64>,
    report: &mut CheckReport,
) {
    let (mut open, mut deletable) = ((0u64, 0), (0u64, 0));
    for (role, length) in listed {
        let counted = match role {
            ObjectRole::Pack(id) if may_delete_pack(state, *id) => &mut deletable,
            ObjectRole::IndexRun(id) if may_delete_run(state, *id) => &mut deletable,
            ObjectRole::Pack(id) if !ledger::has(&state.packs, id.session, id.number) => &mut open,
            ObjectRole::IndexRun(id) if !ledger::has(&state.runs, id.session, id.number) => {
                &mut open
            }
            ObjectRole::Probe(_) => &mut open,
            _ => continue,
        };
        counted.0 += 1;
        counted.1 += length;
    }
    for ((objects, bytes), what) in [
        (open, "belong to backups that have not finished"),
        (deletable, "are needed no more, and `icecore prune` deletes them"),
    ] {
        if objects > 0 {
            report.notes.push(format!("{objects} objects ({bytes} bytes) {what}"));
        }
    }
}
