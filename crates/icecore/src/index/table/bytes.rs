//! The bytes of a table: a mapped file, or memory. The only unsafe code of the library.

use memmap2::Mmap;
use std::fs::File;
use std::io;
use std::ops::Deref;

/// The bytes of a table.
#[derive(Debug)]
pub(in crate::index) enum TableBytes {
    /// A file of the cache.
    Mapped(Mmap),
    /// Memory, where there is no cache.
    Held(Vec<u8>),
}

impl TableBytes {
    /// Maps a whole file of the cache.
    pub(in crate::index) fn map(file: &File) -> io::Result<Self> {
        // SAFETY: a map is sound as long as nobody changes the file below it. Files of the cache are
        // written under a temporary name and given their own only when they are complete; from then
        // on every program of ours only maps or unlinks them, and an unlinked file stays whole for
        // those who have it mapped. A bit that changes on the disk all the same is found by the
        // code of its page, and whatever the bytes are, they are read as plain bytes. Somebody else
        // who shortens a file while it is mapped makes the kernel end the process (SIGBUS), as they
        // could by other means: the directory is that of the user who runs it.
        #[allow(unsafe_code, reason = "see above")]
        let map = unsafe { Mmap::map(file)? };
        Ok(Self::Mapped(map))
    }

    /// Whether the bytes are those of a file.
    pub(in crate::index) fn is_mapped(&self) -> bool {
        matches!(self, Self::Mapped(_))
    }
}

impl Deref for TableBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Held(bytes) => bytes,
        }
    }
}
