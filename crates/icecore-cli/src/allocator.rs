//! What the C library is told about memory.

/// Memory from this size on is mapped by itself, and given back when it is freed, in bytes. Left
/// alone, glibc raises this to 32 MiB after the first large block that is freed: then the pieces
/// that sources and packs are made of fragment its heap, which grew by ten bytes an event of a long
/// backup. Smaller ones are cheap to find again.
const MAPPED_BYTES_MIN: i32 = 1 << 20;

/// What is free at the end of a heap, of which each thread has one, is kept up to this many bytes.
/// Left alone it is 128 KiB once the other is fixed: then a heap is cut back with each chunk that is
/// freed and grown with the next, and an eighth of a backup's time goes into pages that are mapped
/// again.
const KEPT_BYTES_MAX: i32 = 8 << 20;

/// Has large blocks given back to the system, and small ones kept. To be called before there are
/// threads.
pub(crate) fn give_back_large_blocks() {
    #[cfg(target_env = "gnu")]
    for (parameter, bytes) in
        [(libc::M_MMAP_THRESHOLD, MAPPED_BYTES_MIN), (libc::M_TRIM_THRESHOLD, KEPT_BYTES_MAX)]
    {
        // SAFETY: it sets a number, which no other thread reads yet.
        #[expect(unsafe_code, reason = "there is no safe way to say this to glibc")]
        let is_set = unsafe { libc::mallopt(parameter, bytes) };
        if is_set == 0 {
            tracing::debug!(parameter, bytes, "glibc does not take what it is told of memory");
        }
    }
}
