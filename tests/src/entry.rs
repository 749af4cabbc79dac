//! Ledger entries that no verb of the library writes yet.

use icecore::Repository;
use icecore::layout::ObjectRole;
use icecore_format::envelope::{self, EnvelopeKind};
use icecore_format::ledger::{Entry, EntryBody, LedgerObject, SignedEntry};
use icecore_format::record::Record as _;
use icecore_format::{Random, Timestamp};
use icecore_store::{Store, StoreError};

/// Appends an entry, signed by the repository's key, after the last one that `repository` knows.
pub async fn append_entry(
    repository: &Repository,
    store: &dyn Store,
    random: &dyn Random,
    body: EntryBody,
) {
    let put = append_entry_at(repository, store, random, body, Timestamp(0)).await;
    put.expect("the number is free");
}

/// The same, by a clock that says `time`; fails if the number is taken.
pub async fn append_entry_at(
    repository: &Repository,
    store: &dyn Store,
    random: &dyn Random,
    body: EntryBody,
    time: Timestamp,
) -> Result<(), StoreError> {
    let (state, keys) = (repository.state().await, repository.keys());
    let entry = Entry {
        number: state.next,
        previous: state.head,
        author: keys.signing.verifying_key().id(),
        nonce: [7; 16],
        time,
        body,
    };
    let signed = SignedEntry::sign(&keys.repository, entry, &keys.signing);
    let object = LedgerObject { items: vec![signed.to_bytes()] };
    let name = ObjectRole::Ledger(state.next).object_name();
    let sealed = envelope::seal(
        EnvelopeKind::Ledger,
        repository.config().cipher,
        &keys.ledger_key,
        name.as_str(),
        &object.encode(),
        random,
    );
    store.put_new(&name, sealed.into()).await
}
