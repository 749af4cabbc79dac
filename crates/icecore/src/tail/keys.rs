//! The keys to the events of epochs: by the private key of their class, or as the machine that
//! captured them keeps them, sealed.
//!
//! A writer cannot open what it sealed, but for what it has at hand anyway: the events that came
//! since its last backup, which the next one takes from the tail instead of the source.

use crate::error::ReadError;
use crate::layout::ObjectRole;
use crate::repository::Repository;
use icecore_format::checkpoint::{EpochState, LedgerState};
use icecore_format::envelope::{self, EnvelopeKind};
use icecore_format::pack::PackKey;
use icecore_format::tail::pack_of;
use icecore_format::{PackClass, SessionId};
use zeroize::Zeroizing;

/// Where the keys are, in the cache.
const DIRECTORY: &str = "tails";

fn name(session: SessionId) -> String {
    format!("{DIRECTORY}/{session}")
}

/// A new key for the epoch of this session; kept on this machine.
pub(super) async fn make(repository: &Repository, session: SessionId) -> PackKey {
    let (keys, cipher) = (repository.keys.clone(), repository.config.cipher);
    let (random, local) = (repository.environment.random.clone(), repository.local.clone());
    let made = repository.environment.compute(move || {
        let (pack, class) = (pack_of(session), PackClass::Data);
        let public = keys.public(class);
        let (key, secret) =
            PackKey::create_with_secret(&keys.repository, pack, class, cipher, public, &*random);
        let (kind, name) = (EnvelopeKind::Local, name(session));
        let sealed = envelope::seal(kind, cipher, &keys.ledger_key, &name, &*secret, &*random);
        local.cache(&name, &sealed);
        key
    });
    made.await
}

/// The key of an epoch, if the repository's keys or this machine can have it.
pub(crate) async fn open(
    repository: &Repository,
    epoch: &EpochState,
) -> Result<PackKey, ReadError> {
    let (pack, class) = (pack_of(epoch.session), PackClass::Data);
    let (keys, local) = (repository.keys.clone(), repository.local.clone());
    let (header, session) = (epoch.header.clone(), epoch.session);
    let opened = repository.environment.compute(move || {
        if let Some(private) = keys.private(class) {
            return Some(PackKey::open(&keys.repository, pack, class, private, &header));
        }
        let name = name(session);
        let sealed = local.cached(&name)?;
        let opened = envelope::open(EnvelopeKind::Local, &keys.ledger_key, &name, &sealed).ok()?;
        let secret = Zeroizing::new(<[u8; 32]>::try_from(opened.as_slice()).ok()?);
        Some(PackKey::from_secret(pack, class, &header, &secret))
    });
    let role = repository.keys.role;
    opened
        .await
        .ok_or(ReadError::NotAllowed { role, class })?
        .map_err(ReadError::damaged(ObjectRole::Ledger(epoch.number).object_name()))
}

/// Removes what this machine keeps of epochs that nothing goes on from.
pub(super) async fn forget_old(repository: &Repository, state: &LedgerState) {
    let needed = state.tails.iter().filter_map(super::chain).flat_map(|(_, epochs)| epochs);
    let names = needed.map(|epoch| epoch.session.to_string()).collect();
    let newest = state.tails.iter().filter_map(|tail| tail.epochs.last());
    let open = newest.map(|epoch| epoch.session.to_string()).collect();
    let local = repository.local.clone();
    repository
        .environment
        .compute(move || {
            local.keep_only(DIRECTORY, &names);
            local.forget_flushes_but(&open);
        })
        .await;
}
