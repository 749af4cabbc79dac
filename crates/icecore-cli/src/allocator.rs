//! What the C library is told about memory.

/// Memory from this size on is mapped by itself, and given back when it is freed, in bytes. Left
/// alone, glibc raises this to 32 MiB after the first large block that is freed: then the pieces
/// that sources and packs are made of fragment its heap, which grew by ten bytes an event of a long
/// backup. Smaller ones are cheap to find again.
const MAPPED_BYTES_MIN: i32 = 1 << 20;

/// Has large blocks given back to the system. To be called before there are threads.
pub(crate) fn give_back_large_blocks() {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: it sets a number, which no other thread reads yet.
        #[expect(unsafe_code, reason = "there is no safe way to say this to glibc")]
        let is_set = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_BYTES_MIN) };
        if is_set == 0 {
            tracing::debug!("glibc does not take a threshold for mapped memory");
        }
    }
}
