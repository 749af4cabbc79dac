//! The proof that the storage keeps writers apart, which whoever adds anything begins with.
//!
//! Specification: docs/durability.md, "What storage must promise".

use super::Repository;
use crate::layout::ObjectRole;
use icecore_store::{Content, ObjectName, StoreError, StoreErrorKind};

/// Times that the storage is asked to refuse the config before its failure counts.
const PROOFS_MAX: usize = 5;

/// A storage that is not to be written to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExclusiveError {
    /// The storage took an object under a name that was taken.
    #[error("the storage at {place} cannot keep writers apart: it took {object} a second time")]
    NotExclusive {
        /// Where.
        place: String,
        /// The object that was put again.
        object: ObjectName,
    },
    /// The storage neither took it nor said that it is there.
    #[error("cannot write to the repository")]
    Write(#[from] StoreError),
}

impl Repository {
    /// Puts the config again, which a storage that keeps writers apart must refuse. One that failed for
    /// the moment is asked again: no answer proves nothing.
    pub(crate) async fn prove_exclusive(&self) -> Result<(), ExclusiveError> {
        let object = ObjectRole::Config.object_name();
        let mut attempt = 1;
        loop {
            let content = Content::from(self.config.to_object());
            match self.store.put_new(&object, content).await {
                Ok(()) => {
                    let place = self.store.place();
                    return Err(ExclusiveError::NotExclusive { place, object });
                }
                Err(error) if error.kind() == StoreErrorKind::AlreadyExists => return Ok(()),
                Err(error) if error.outcome_unknown() && attempt < PROOFS_MAX => attempt += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }
}
