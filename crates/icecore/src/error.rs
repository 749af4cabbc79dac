//! Errors that several operations share.

use icecore_format::{ChunkId, DecodeError, PackClass, Role};
use icecore_store::{ObjectName, StoreError, StoreErrorKind};

/// Something in the repository could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The storage did not give it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is damaged, or was never ours.
    #[error("cannot make sense of {object}")]
    Damaged {
        /// The object.
        object: ObjectName,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// No usable pack holds the chunk.
    #[error("chunk {id} is in no pack of this repository")]
    ChunkMissing {
        /// The chunk.
        id: ChunkId,
    },
    /// What a pack holds for a chunk is not what its id says.
    #[error("what {object} holds for chunk {id} is something else")]
    ChunkWrong {
        /// The chunk.
        id: ChunkId,
        /// The pack.
        object: ObjectName,
    },
    /// An object of a tail is not there, and others after it are, or count.
    #[error("{object} is missing")]
    TailMissing {
        /// The object.
        object: ObjectName,
    },
    /// A chunk's plaintext does not decode.
    #[error("cannot make sense of chunk {id}")]
    ChunkMalformed {
        /// The chunk.
        id: ChunkId,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// The role of the key that opened the repository cannot read this.
    #[error("a {} key cannot read {}", role.name(), match class {
        PackClass::Data => "backed-up data",
        PackClass::Metadata => "snapshots' structure",
    })]
    NotAllowed {
        /// The key's role.
        role: Role,
        /// What it cannot read.
        class: PackClass,
    },
    /// The same failure that another reader of the same thing met.
    #[error(transparent)]
    Shared(std::sync::Arc<ReadError>),
}

impl ReadError {
    /// Whether the object or chunk is not there at all.
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Store(error) => error.kind() == StoreErrorKind::NotFound,
            Self::ChunkMissing { .. } | Self::TailMissing { .. } => true,
            Self::Shared(error) => error.is_missing(),
            _ => false,
        }
    }

    /// Whether something is missing or not what it should be, rather than out of reach.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Store(error) => matches!(
                error.kind(),
                StoreErrorKind::NotFound
                    | StoreErrorKind::TooLarge
                    | StoreErrorKind::TooShort
                    | StoreErrorKind::Permanent
            ),
            Self::Shared(error) => error.is_damage(),
            Self::NotAllowed { .. } => false,
            Self::Damaged { .. }
            | Self::ChunkMissing { .. }
            | Self::TailMissing { .. }
            | Self::ChunkWrong { .. }
            | Self::ChunkMalformed { .. } => true,
        }
    }

    pub(crate) fn damaged(object: ObjectName) -> impl FnOnce(DecodeError) -> Self {
        |source| Self::Damaged { object, source }
    }
}
