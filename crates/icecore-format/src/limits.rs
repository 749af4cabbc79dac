//! The limits of the format, each with its reason.
//!
//! A limit bounds what damaged or hostile storage can make us allocate or compute, so decoders
//! check them before they trust a length.
//!
//! Format: docs/format.md, "Limits".

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Largest chunk, in bytes: what a reader must hold at once to verify an id.
/// An event chunk holds at least one whole record, whose payload is inline up to
/// [`PAYLOAD_INLINE_BYTES_MAX`] and whose metadata and other members count too.
pub const CHUNK_BYTES_MAX: usize = 288 * MIB;

/// Largest block before compression, in bytes: a block holds at least one whole chunk.
pub const BLOCK_BYTES_MAX: usize = CHUNK_BYTES_MAX;

/// Largest block in columns, before they are made: bounds the memory to make and to read them,
/// some times as much. Larger blocks hold single large events, which are best left as they are.
pub const COLUMNS_BYTES_MAX: usize = 16 * MIB;

/// Largest block in a pack, in bytes: a block that does not compress, its frame and its tag.
pub const BLOCK_STORED_BYTES_MAX: usize = BLOCK_BYTES_MAX + 64;

/// Largest pack accepted when reading, in bytes: pack offsets fit 32 bits with room to spare.
pub const PACK_BYTES_MAX: u64 = 1 << 30;

/// Most chunks in one block: bounds the directory that a small pack can claim.
pub const BLOCK_CHUNKS_MAX: usize = 1 << 20;

/// Largest index run, in bytes: about six million chunks.
pub const INDEX_RUN_BYTES_MAX: usize = 256 * MIB;

/// Largest ledger object, in bytes: a replica puts all entries that it is behind into one.
pub const LEDGER_OBJECT_BYTES_MAX: usize = 64 * MIB;

/// Most entries in one ledger object.
pub const LEDGER_OBJECT_ITEMS_MAX: usize = 1 << 16;

/// Largest checkpoint, in bytes.
pub const CHECKPOINT_BYTES_MAX: usize = 256 * MIB;

/// Largest key slot, in bytes. A role's keys are under 4 KiB.
pub const KEY_SLOT_BYTES_MAX: usize = 16 * KIB;

/// Largest config, in bytes.
pub const CONFIG_BYTES_MAX: usize = 4 * KIB;

/// Largest witness, in bytes.
pub const WITNESS_BYTES_MAX: usize = KIB;

/// Most memory that a key slot may ask Argon2id for, in KiB: an attacker who can put a slot must
/// not be able to exhaust the machine of whoever opens the repository.
pub const ARGON2_MEMORY_KIB_MAX: u32 = 1 << 20;

/// Most passes that a key slot may ask Argon2id for.
pub const ARGON2_PASSES_MAX: u32 = 64;

/// Most memory times passes, in KiB: about ten seconds of work. Whoever can put slots must not be
/// able to keep others from opening the repository for hours.
pub const ARGON2_WORK_KIB_MAX: u64 = 8 << 20;

/// Most lanes that a key slot may ask Argon2id for.
pub const ARGON2_LANES_MAX: u32 = 64;

/// Longest stream id, event type or member name, in bytes. Event stores allow at most some
/// hundred; this keeps stream directories in memory.
pub const NAME_BYTES_MAX: usize = 64 * KIB;

/// Largest payload kept inside its event record, in bytes; a larger one is chunked by itself.
pub const PAYLOAD_INLINE_BYTES_MAX: usize = MIB;

/// Largest event, in bytes of its record with the payload inline: what a source may hold at once.
/// PostgreSQL's jsonb ends at 255 MiB.
pub const EVENT_BYTES_MAX: usize = 256 * MIB;

/// Largest form of one event, in bytes: its values with their escapes, and what stood around them.
/// A template may name a large value more than once, so its own length bounds nothing.
pub const FORM_BYTES_MAX: usize = 2 * EVENT_BYTES_MAX;

/// Longest list of stream ids that a snapshot records as it is, in bytes of the ids: every machine
/// replays all entries of the ledger. Of a longer one it records a hash.
pub const SELECTION_BYTES_MAX: usize = 4 * KIB;

/// Largest object of a tail, in bytes: the largest event, and what a flush may have beside it.
pub const TAIL_OBJECT_BYTES_MAX: usize = BLOCK_STORED_BYTES_MAX + 64 * MIB;

/// How many objects of an epoch one may repeat, itself among them: a day of flushes a second is then
/// read as one of flushes a minute, and few are left over at the end.
pub const TAIL_REPEATED_OBJECTS: u64 = 64;

/// Longest that a flush may keep for its source to be gone on from, in bytes: it stands in every
/// object of the tail. What is longer is kept on the machine alone.
pub const TAIL_KEPT_BYTES_MAX: usize = 64 * KIB;

/// Most packs, and most index runs, of one session: bounds what a forged range can make us walk.
/// At 64 MiB a pack this is a pebibyte.
pub const SESSION_OBJECTS_MAX: u32 = 1 << 24;

/// Longest ids of the streams of one page together, in bytes.
pub const STREAM_PAGE_IDS_BYTES_MAX: usize = 4 * MIB;

/// Most chunks in one segment.
pub const SEGMENT_CHUNKS_MAX: usize = 1 << 16;
