//! How a lease is acquired: put, look, and step back where another is there.

use std::collections::HashMap;
use std::time::Duration;

use super::record::{LeaseHolder, LeaseName, RECORD_BYTES_MAX};
use super::{LeaseError, LeaseNews, Shared};
use crate::{LEASE_PREFIX, StoreError, StoreErrorKind};

/// What is known of others, by owner.
#[derive(Debug, Default)]
struct Watch(HashMap<u128, Seen>);

/// What is known of another.
#[derive(Clone, Debug)]
struct Seen {
    holder: LeaseHolder,
    expiry: Duration,
    /// Its renewals that are there, oldest first.
    numbers: Vec<u64>,
    /// Since when it was seen so, by this process's clock.
    since: Duration,
    /// Whether it has renewed its lease: then it holds it, and lives.
    has_moved: bool,
}

/// Waits until nobody else has the lease, and takes it: as which owner, and until when it may be used.
pub(super) async fn win(
    shared: &Shared,
    tell: impl Fn(&LeaseNews),
) -> Result<(u128, Duration), LeaseError> {
    let mut watch = Watch::default();
    let mut told = None;
    loop {
        // Only who sees nobody contends, so that a holder and its successor are not disturbed.
        while let Some((owner, other)) = watch.look(shared).await? {
            if other.has_moved {
                let place = shared.store.place();
                return Err(LeaseError::Held { place, holder: other.holder });
            }
            if told.replace(owner) != Some(owner) {
                tell(&LeaseNews { holder: other.holder, at_most: other.expiry });
            }
            shared.pause(shared.times.renewal / 3).await;
        }
        let owner = random();
        let began = shared.put(LeaseName::renewal(owner, 0)).await?;
        let valid_until = began + shared.times.validity;
        let other = watch.look(shared).await?;
        if other.is_none() && shared.now() < valid_until {
            watch.remove_dead(shared).await;
            return Ok((owner, valid_until));
        }
        shared.remove_own(0).await;
        shared.pause(shared.times.renewal / 3).await;
    }
}

impl Watch {
    /// Looks who is there; one of those that are not known to be dead.
    async fn look(&mut self, shared: &Shared) -> Result<Option<(u128, Seen)>, StoreError> {
        let asked = shared.now();
        let listed = shared.store.list(LEASE_PREFIX).await?;
        let answered = shared.now();
        let mut others: HashMap<u128, Vec<u64>> = HashMap::new();
        let mut ended = Vec::new();
        for name in listed.iter().filter_map(|object| LeaseName::of(&object.name)) {
            match name.number {
                Some(number) => others.entry(name.owner).or_default().push(number),
                None => ended.push(name.owner),
            }
        }
        let own = shared.state().owners.clone();
        others.retain(|owner, _| !own.contains(owner) && !ended.contains(owner));
        self.0.retain(|owner, _| others.contains_key(owner));
        for (owner, mut numbers) in others {
            numbers.sort_unstable();
            if let Some(seen) = self.0.get_mut(&owner) {
                if seen.numbers.last() < numbers.last() {
                    (seen.since, seen.has_moved) = (answered, true);
                }
                seen.numbers = numbers;
                continue;
            }
            let newest = numbers.last().copied().unwrap_or_default();
            let (holder, expiry) = read(shared, LeaseName::renewal(owner, newest)).await?;
            let expiry = expiry.max(shared.times.expiry);
            let seen = Seen { holder, expiry, numbers, since: answered, has_moved: false };
            self.0.insert(owner, seen);
        }
        // What was asked for before the time was over tells nothing of its end.
        let is_alive = |seen: &Seen| asked < seen.since + seen.expiry;
        let mut alive: Vec<_> = self.0.iter().filter(|(_, seen)| is_alive(seen)).collect();
        alive.sort_unstable_by_key(|(owner, seen)| (!seen.has_moved, **owner));
        Ok(alive.first().map(|(owner, seen)| (**owner, (*seen).clone())))
    }

    /// Removes what dead holders left. They have stopped writing by their own clocks.
    async fn remove_dead(&self, shared: &Shared) {
        for (owner, seen) in &self.0 {
            for number in &seen.numbers {
                let name = LeaseName::renewal(*owner, *number).object_name();
                // What cannot be removed is waited out by the next one, too.
                drop(shared.store.delete(&name).await);
            }
        }
    }
}

/// What an object of another says; nothing if it is gone.
async fn read(shared: &Shared, name: LeaseName) -> Result<(LeaseHolder, Duration), StoreError> {
    match shared.store.get(&name.object_name(), RECORD_BYTES_MAX).await {
        Ok(record) => {
            let (holder, expiry) = LeaseHolder::read(&record);
            Ok((holder, expiry.unwrap_or_default()))
        }
        Err(error) => match error.kind() {
            StoreErrorKind::NotFound | StoreErrorKind::TooLarge | StoreErrorKind::TooShort => {
                Ok((LeaseHolder::default(), Duration::ZERO))
            }
            _ => Err(error),
        },
    }
}

fn random() -> u128 {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    u128::from_le_bytes(bytes)
}
