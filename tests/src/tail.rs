//! What a tail has, read by nothing but the format: an oracle for followers.

use icecore::Repository;
use icecore::layout::ObjectRole;
use icecore_format::checkpoint::EpochState;
use icecore_format::event::{Event, records};
use icecore_format::ledger::body::{TailMark, TailStart};
use icecore_format::pack::PackKey;
use icecore_format::tail::{OBJECT_BYTES_MAX, TailObject, TailRecord, pack_of};
use icecore_format::{Hash, PackClass};
use icecore_store::Store;

/// The stream and version of every event that counts in the only tail of a repository, in order.
///
/// # Panics
///
/// If there is not one tail, or something of it is not as it should be.
pub async fn tail_events(store: &dyn Store, repository: &Repository) -> Vec<(String, u64)> {
    tail_events_after(store, repository, None).await
}

/// The same of those after a place in the tail, which is that of its newest epochs.
///
/// # Panics
///
/// As above, or if there is no such place.
pub async fn tail_events_after(
    store: &dyn Store,
    repository: &Repository,
    mark: Option<TailMark>,
) -> Vec<(String, u64)> {
    let state = repository.state().await;
    let [tail] = &state.tails[..] else { panic!("there are {} tails", state.tails.len()) };
    let (mut events, mut is_after) = (Vec::new(), mark.is_none());
    for epoch in &tail.epochs {
        if epoch.start != TailStart::Before && is_after {
            events.clear();
        }
        let first = mark.filter(|mark| mark.session == epoch.session).map(|mark| mark.objects);
        let of_epoch = epoch_events(store, repository, epoch, first.unwrap_or(0)).await;
        if first.is_some() || is_after {
            events.extend(of_epoch);
        }
        is_after |= first.is_some();
    }
    assert!(is_after, "the tail has no epoch of {mark:?}");
    events
}

async fn epoch_events(
    store: &dyn Store,
    repository: &Repository,
    epoch: &EpochState,
    first: u64,
) -> Vec<(String, u64)> {
    let keys = repository.keys();
    let private = keys.private(PackClass::Data).expect("the key opens data");
    let pack = pack_of(epoch.session);
    let key = PackKey::open(&keys.repository, pack, PackClass::Data, private, &epoch.header)
        .expect("the header opens");
    let (mut counted, mut events, mut previous) = (0, Vec::new(), Hash([0; 32]));
    for number in 0..epoch.end.unwrap_or(u64::MAX) {
        let name = ObjectRole::Tail(epoch.session, number).object_name();
        let bytes = match store.get(&name, OBJECT_BYTES_MAX).await {
            Ok(bytes) => bytes,
            Err(_) if epoch.end.is_none() => break,
            Err(error) => panic!("{error}"),
        };
        let object = TailObject::open(keys, name.as_str(), &bytes).expect("the object opens");
        let TailRecord::Flush(flush) = &object.record else { break };
        assert_eq!(flush.previous, previous, "{name}");
        previous = icecore_format::tail::hash(&bytes);
        for chunk in flush.chunks.iter().filter(|_| number >= first) {
            let opened = object.chunk(keys, &key, chunk.records).expect("the chunk opens");
            let plaintext = opened.expect("the object has its chunks");
            for body in records(&plaintext).expect("records") {
                let event = body.and_then(Event::decode_body).expect("an event");
                events.push((event.stream.to_owned(), event.version));
            }
        }
        if flush.resume.is_some() {
            counted = events.len();
        }
    }
    events.truncate(counted);
    events
}
