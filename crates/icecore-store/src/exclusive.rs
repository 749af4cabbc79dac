//! The self-test of the one promise that everything rests on: put-if-absent is exclusive.
//!
//! Servers exist that accept the condition of a put and ignore it, and then say "done" to every
//! writer. A repository on such a storage would lose commits in silence, so it is tried out before
//! the first write.
//!
//! Specified in docs/concurrency.md, "What storage must promise".

use bytes::Bytes;
use futures::future::join_all;

use crate::{Content, ObjectName, Store, StoreError, StoreErrorKind};

/// How many puts race for the name. A storage that checks first and writes later lets several of
/// so many through; one that ignores the condition lets all through.
pub const CONTENDERS: usize = 16;

/// Largest content of a contender, in bytes: bounds what is read back.
const CONTENT_BYTES_MAX: u64 = 64;

/// Why a storage must not be written to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotExclusive {
    /// The storage told several writers of one name that they were the first.
    #[error("{winners} of {CONTENDERS} writers of one name were told that they were the first")]
    SeveralWinners {
        /// How many.
        winners: usize,
    },
    /// The storage told every writer that the name is taken: it was, or nobody can write.
    #[error("none of {CONTENDERS} writers of one name was told that it was the first")]
    NoWinner,
    /// One writer was told that it was the first, and the object has another's content.
    #[error("the object does not have the content of the one writer that was the first")]
    WrongContent,
    /// A request failed, so nothing is known.
    #[error("the race for one name could not be finished")]
    Unfinished {
        /// The request that failed.
        #[source]
        source: StoreError,
    },
}

/// Lets [`CONTENDERS`] puts of different content race for `name`, which must be fresh.
///
/// `Ok` if exactly one succeeded, all others were told `AlreadyExists`, and the object has the
/// winner's content. Also if none succeeded and the object has the content of one of them, whose
/// answer was lost on the way. The object is deleted afterwards; where the storage lets nobody delete, it
/// stays, and does no harm.
pub async fn prove_exclusive_by_race(
    store: &dyn Store,
    name: &ObjectName,
) -> Result<(), NotExclusive> {
    let outcome = race(store, name).await;
    // Whether the name can be freed says nothing about exclusiveness: writers may lack the right.
    drop(store.delete(name).await);
    outcome
}

async fn race(store: &dyn Store, name: &ObjectName) -> Result<(), NotExclusive> {
    let puts = (0..CONTENDERS).map(|contender| async move {
        let content = Bytes::from(format!("contender {contender}"));
        (content.clone(), store.put_new(name, Content::from(content)).await)
    });
    let mut winners = Vec::new();
    let mut losers = Vec::new();
    for (content, result) in join_all(puts).await {
        match result {
            Ok(()) => winners.push(content),
            Err(error) if error.kind() == StoreErrorKind::AlreadyExists => losers.push(content),
            Err(source) => return Err(NotExclusive::Unfinished { source }),
        }
    }
    if winners.len() > 1 {
        return Err(NotExclusive::SeveralWinners { winners: winners.len() });
    }
    match (store.get(name, CONTENT_BYTES_MAX).await, winners.first()) {
        (Ok(content), Some(winner)) if content == *winner => Ok(()),
        (Ok(_), Some(_)) => Err(NotExclusive::WrongContent),
        // One was first, was not told, asked again and met itself.
        (Ok(content), None) if losers.contains(&content) => Ok(()),
        (Ok(_), None) => Err(NotExclusive::NoWinner),
        (Err(source), _) => Err(NotExclusive::Unfinished { source }),
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;
    use std::sync::Arc;

    use async_trait::async_trait;

    use super::*;
    use crate::testing::{Effect, FaultyStore, Matcher};
    use crate::{MemoryStore, ObjectInfo, Operation};

    fn name() -> ObjectName {
        "exclusive/1".parse().unwrap()
    }

    /// A storage that takes every put; the last one wins, or the first.
    #[derive(Debug, Default)]
    struct Careless {
        inner: MemoryStore,
        keeps_first: bool,
        refuses_losers: bool,
    }

    #[async_trait]
    impl Store for Careless {
        async fn put_new(&self, name: &ObjectName, content: Content) -> Result<(), StoreError> {
            let taken = self.inner.content(name).is_some();
            if !(taken && self.keeps_first) {
                self.inner.insert(name.clone(), content.to_bytes());
            }
            if taken && self.refuses_losers {
                return Err(StoreError::of_object(
                    StoreErrorKind::AlreadyExists,
                    Operation::PutNew,
                    name,
                    self.place(),
                ));
            }
            Ok(())
        }

        async fn get(&self, name: &ObjectName, bytes_max: u64) -> Result<Bytes, StoreError> {
            self.inner.get(name, bytes_max).await
        }

        async fn get_range(
            &self,
            name: &ObjectName,
            range: Range<u64>,
        ) -> Result<Bytes, StoreError> {
            self.inner.get_range(name, range).await
        }

        async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, StoreError> {
            self.inner.list(prefix).await
        }

        async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
            self.inner.delete(name).await
        }

        fn place(&self) -> String {
            self.inner.place()
        }
    }

    #[tokio::test]
    async fn an_exclusive_storage_passes_and_is_left_as_it_was() {
        let store = MemoryStore::new();
        prove_exclusive_by_race(&store, &name()).await.unwrap();
        assert!(store.names().is_empty());
    }

    #[tokio::test]
    async fn a_storage_that_ignores_the_condition_is_found_out() {
        for keeps_first in [false, true] {
            let store = Careless { keeps_first, ..Careless::default() };
            let error = prove_exclusive_by_race(&store, &name()).await.unwrap_err();
            assert!(
                matches!(error, NotExclusive::SeveralWinners { winners: CONTENDERS }),
                "{error}"
            );
            assert!(store.inner.names().is_empty());
        }
    }

    #[tokio::test]
    async fn a_storage_that_refuses_losers_but_keeps_their_content_is_found_out() {
        let store = Careless { refuses_losers: true, ..Careless::default() };
        let error = prove_exclusive_by_race(&store, &name()).await.unwrap_err();
        assert!(matches!(error, NotExclusive::WrongContent), "{error}");
    }

    #[tokio::test]
    async fn a_name_that_is_taken_proves_nothing() {
        let store = MemoryStore::new();
        store.insert(name(), "old");
        let error = prove_exclusive_by_race(&store, &name()).await.unwrap_err();
        assert!(matches!(error, NotExclusive::NoWinner), "{error}");
    }

    #[tokio::test]
    async fn a_winner_whose_answer_was_lost_is_one() {
        /// Repeats a put that got no answer.
        #[derive(Debug)]
        struct Repeating(Arc<FaultyStore>);

        #[async_trait]
        impl Store for Repeating {
            async fn put_new(&self, name: &ObjectName, content: Content) -> Result<(), StoreError> {
                match self.0.put_new(name, content.clone()).await {
                    Err(error) if error.outcome_unknown() => self.0.put_new(name, content).await,
                    result => result,
                }
            }

            async fn get(&self, name: &ObjectName, bytes_max: u64) -> Result<Bytes, StoreError> {
                self.0.get(name, bytes_max).await
            }

            async fn get_range(
                &self,
                name: &ObjectName,
                range: Range<u64>,
            ) -> Result<Bytes, StoreError> {
                self.0.get_range(name, range).await
            }

            async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, StoreError> {
                self.0.list(prefix).await
            }

            async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
                self.0.delete(name).await
            }

            fn place(&self) -> String {
                self.0.place()
            }
        }

        let faulty = FaultyStore::new(Arc::new(MemoryStore::new()));
        faulty.add(Matcher::first(Operation::PutNew, ""), Effect::LoseAcknowledgement);
        prove_exclusive_by_race(&Repeating(faulty.clone()), &name()).await.unwrap();
        faulty.assert_all_exercised();
    }

    #[tokio::test]
    async fn a_failed_request_leaves_the_question_open() {
        for operation in [Operation::PutNew, Operation::Get] {
            let store = FaultyStore::new(Arc::new(MemoryStore::new()));
            store.add(Matcher::first(operation, ""), Effect::Fail(StoreErrorKind::Denied));
            let error = prove_exclusive_by_race(&*store, &name()).await.unwrap_err();
            let NotExclusive::Unfinished { source } = error else { panic!("{error}") };
            assert_eq!(source.operation(), operation);
            store.assert_all_exercised();
        }
    }

    #[tokio::test]
    async fn a_writer_without_the_right_to_delete_can_still_prove_it() {
        let store = FaultyStore::new(Arc::new(MemoryStore::new()));
        let denied = Effect::Fail(StoreErrorKind::Denied);
        store.add(Matcher::first(Operation::Delete, ""), denied);
        prove_exclusive_by_race(&*store, &name()).await.unwrap();
        store.assert_all_exercised();
    }
}
