//! Packs: many sealed blocks in one object, followed by a sealed directory of them.
//!
//! A pack is written once and never changed. Its key is made for it alone and sealed to the public
//! key of its class, so who writes packs need not be able to read them. Its directory repeats
//! what the index says, so a lost index can be rebuilt from packs alone.
//!
//! Format: docs/format.md, "Packs".

use crate::block::{self, BlockPlace, Compression};
use crate::cipher::{Cipher, SealingKey, TAG_BYTES};
use crate::id::{ChunkId, ChunkKind, PackClass, PackId, RepositoryId};
use crate::keys::class::{ENCAPSULATED_BYTES, KEM_ID, PrivateKey, PublicKey};
use crate::limits::{BLOCK_BYTES_MAX, BLOCK_CHUNKS_MAX, BLOCK_STORED_BYTES_MAX};
use crate::random::Random;
use crate::record::{DecodeError, Reader, put_varint};
use zeroize::Zeroizing;

/// First bytes of every pack.
pub const MAGIC: [u8; 4] = *b"ICEP";
/// Last bytes of every pack.
pub const FOOTER_MAGIC: [u8; 4] = *b"PECI";
/// Bytes of a pack's header.
pub const HEADER_BYTES: usize = 4 + 3 + PackId::BYTES + 2 + ENCAPSULATED_BYTES + 32;
/// Bytes of a pack's footer.
pub const FOOTER_BYTES: usize = 4 + 4;

const VERSION: u8 = 1;
const RECORD: &str = "the pack";
const DIRECTORY: &str = "the pack's directory";
/// The directory's nonce: no pack has that many blocks.
const DIRECTORY_COUNTER: u64 = u64::MAX;

/// One chunk of a block, as the directory lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryChunk {
    /// The chunk's id.
    pub id: ChunkId,
    /// Its length, in bytes.
    pub bytes: u32,
}

/// One block, as the directory lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryBlock {
    /// What its chunks are.
    pub kind: ChunkKind,
    /// Where it begins in the pack, in bytes.
    pub offset: u32,
    /// Its sealed length, in bytes.
    pub stored_bytes: u32,
    /// The length of its chunks together, in bytes.
    pub raw_bytes: u32,
    /// Its chunks, in order.
    pub chunks: Vec<DirectoryChunk>,
}

/// What a pack holds, block by block in order of their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// The blocks.
    pub blocks: Vec<DirectoryBlock>,
}

/// A pack's header, and the key it was made with.
pub struct PackKey {
    /// The pack.
    pub pack: PackId,
    /// Its class.
    pub class: PackClass,
    key: SealingKey,
    header: Vec<u8>,
}

impl std::fmt::Debug for PackKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "PackKey({})", self.pack)
    }
}

impl PackKey {
    /// A new key for `pack`, sealed to the public key of its class.
    pub fn create(
        repository: &RepositoryId,
        pack: PackId,
        class: PackClass,
        cipher: Cipher,
        recipient: &PublicKey,
        random: &dyn Random,
    ) -> Self {
        Self::create_with_secret(repository, pack, class, cipher, recipient, random).0
    }

    /// The same, and the secret from which [`Self::from_secret`] makes the key again: for who seals
    /// a pack in the course of days and has no private key.
    pub fn create_with_secret(
        repository: &RepositoryId,
        pack: PackId,
        class: PackClass,
        cipher: Cipher,
        recipient: &PublicKey,
        random: &dyn Random,
    ) -> (Self, Zeroizing<[u8; 32]>) {
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend_from_slice(&MAGIC);
        header.extend_from_slice(&[VERSION, cipher as u8, class as u8]);
        header.extend_from_slice(&pack.to_bytes());
        header.extend_from_slice(&KEM_ID.to_le_bytes());
        let sealed = recipient.encapsulate(&info(repository, &header), random);
        header.extend_from_slice(&sealed.encapsulated);
        header.extend_from_slice(&sealed.commitment);
        let key = SealingKey::new(cipher, &sealed.key);
        (Self { pack, class, key, header }, sealed.key)
    }

    /// The key that was created with this header and secret. It opens blocks; nothing is to be
    /// sealed with it, since nobody knows which numbers were used.
    pub fn from_secret(
        pack: PackId,
        class: PackClass,
        header: &[u8],
        secret: &[u8; 32],
    ) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(RECORD, header);
        reader.take(MAGIC.len() + 1)?;
        let cipher = Cipher::from_byte(reader.byte()?)
            .ok_or_else(|| reader.malformed("an unknown cipher"))?;
        Ok(Self { pack, class, key: SealingKey::new(cipher, secret), header: header.to_vec() })
    }

    /// The key of the pack that begins with `header` ([`HEADER_BYTES`] long), whose name says it
    /// is `pack`.
    pub fn open(
        repository: &RepositoryId,
        pack: PackId,
        class: PackClass,
        private: &PrivateKey,
        header: &[u8],
    ) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(RECORD, header);
        if reader.array()? != MAGIC {
            return Err(reader.malformed("it does not begin as a pack does"));
        }
        let version = reader.byte()?;
        if version != VERSION {
            return Err(DecodeError::Version { record: RECORD, version });
        }
        let cipher = Cipher::from_byte(reader.byte()?)
            .ok_or_else(|| reader.malformed("an unknown cipher"))?;
        if reader.byte()? != class as u8 {
            return Err(reader.malformed("it is of another class"));
        }
        if PackId::from_bytes(reader.array()?) != pack {
            return Err(reader.malformed("it is stored under the name of another pack"));
        }
        if reader.u16()? != KEM_ID {
            return Err(reader.malformed("an unknown KEM"));
        }
        let bound = header.len() - reader.remaining();
        let encapsulated = reader.take(ENCAPSULATED_BYTES)?;
        let commitment: [u8; 32] = reader.array()?;
        reader.finish()?;
        let info = info(repository, header.get(..bound).unwrap_or_default());
        let key = private.decapsulate(&info, encapsulated, &commitment)?;
        Ok(Self { pack, class, key: SealingKey::new(cipher, &key), header: header.to_vec() })
    }

    /// The class that a header claims: which private key to try.
    pub fn class_of(header: &[u8]) -> Option<PackClass> {
        header.get(6).copied().and_then(PackClass::from_byte)
    }

    /// The header, the first bytes of the pack.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// Compresses and seals a block. A number must not be used for two blocks.
    pub fn seal_block(
        &self,
        number: u32,
        kind: ChunkKind,
        compression: Compression,
        raw: &[u8],
    ) -> Vec<u8> {
        block::seal(&self.place(number, kind), &self.key, compression, raw)
    }

    /// Opens a block that is `raw_bytes` long when decoded.
    pub fn open_block(
        &self,
        number: u32,
        kind: ChunkKind,
        raw_bytes: u32,
        sealed: Vec<u8>,
    ) -> Result<Vec<u8>, DecodeError> {
        block::open(&self.place(number, kind), &self.key, raw_bytes, sealed)
    }

    /// Opens the seal of a block, and leaves what is in it as it is encoded.
    pub fn unseal_block(
        &self,
        number: u32,
        kind: ChunkKind,
        sealed: Vec<u8>,
    ) -> Result<Vec<u8>, DecodeError> {
        block::unseal(&self.place(number, kind), &self.key, sealed)
    }

    /// Seals a block of another pack, as [`Self::unseal_block`] gave it. A number must not be used for two
    /// blocks.
    pub fn seal_encoded_block(&self, number: u32, kind: ChunkKind, encoded: Vec<u8>) -> Vec<u8> {
        block::seal_encoded(&self.place(number, kind), &self.key, encoded)
    }

    /// The directory, sealed, and the footer: the last bytes of the pack.
    pub fn seal_directory(&self, directory: &Directory) -> Vec<u8> {
        let mut bytes = directory.encode();
        self.key.seal(DIRECTORY_COUNTER, &self.header, &mut bytes, 0);
        let length = bytes.len() as u32;
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&FOOTER_MAGIC);
        bytes
    }

    /// Opens a sealed directory, without its footer.
    pub fn open_directory(&self, mut sealed: Vec<u8>) -> Result<Directory, DecodeError> {
        Directory::decode(self.key.open(DIRECTORY, DIRECTORY_COUNTER, &self.header, &mut sealed)?)
    }

    fn place(&self, number: u32, kind: ChunkKind) -> BlockPlace {
        BlockPlace { pack: self.pack, number, kind }
    }
}

/// What the pack's key is bound to beside its encapsulation.
fn info(repository: &RepositoryId, header: &[u8]) -> Vec<u8> {
    [b"icecore pack".as_slice(), &repository.0, header].concat()
}

/// The length of the sealed directory, in bytes, from the last [`FOOTER_BYTES`] of a pack that is
/// `pack_bytes` long. The directory ends where the footer begins.
pub fn directory_bytes(footer: &[u8], pack_bytes: u64) -> Result<u32, DecodeError> {
    let mut reader = Reader::new(RECORD, footer);
    let length = reader.u32()?;
    if reader.array()? != FOOTER_MAGIC {
        return Err(reader.malformed("it does not end as a pack does"));
    }
    reader.finish()?;
    let room = pack_bytes.saturating_sub((HEADER_BYTES + FOOTER_BYTES) as u64);
    if u64::from(length) > room || (length as usize) < TAG_BYTES {
        return Err(DecodeError::Malformed {
            record: RECORD,
            what: "its footer points outside of it",
        });
    }
    Ok(length)
}

impl Directory {
    const VERSION: u8 = 1;

    /// The directory's bytes, before sealing.
    pub fn encode(&self) -> Vec<u8> {
        let chunks: usize = self.blocks.iter().map(|block| block.chunks.len()).sum();
        let mut bytes = Vec::with_capacity(16 + self.blocks.len() * 16 + chunks * 36);
        bytes.push(Self::VERSION);
        put_varint(&mut bytes, self.blocks.len() as u64);
        for block in &self.blocks {
            bytes.push(block.kind as u8);
            put_varint(&mut bytes, u64::from(block.offset));
            put_varint(&mut bytes, u64::from(block.stored_bytes));
            put_varint(&mut bytes, block.chunks.len() as u64);
            for chunk in &block.chunks {
                bytes.extend_from_slice(&chunk.id.0);
                put_varint(&mut bytes, u64::from(chunk.bytes));
            }
        }
        bytes
    }

    /// Decodes exactly `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(DIRECTORY, bytes);
        let version = reader.byte()?;
        if version != Self::VERSION {
            return Err(DecodeError::Version { record: DIRECTORY, version });
        }
        // A block takes at least four bytes and a chunk 33, so counts beyond what is left are
        // refused before anything is allocated for them.
        let count = reader.length("the number of blocks", reader.remaining() / 4)?;
        let mut blocks = Vec::with_capacity(count);
        for _ in 0..count {
            let kind = ChunkKind::from_byte(reader.byte()?)
                .ok_or_else(|| reader.malformed("an unknown kind of chunk"))?;
            let offset = reader.length("an offset", u32::MAX as usize)? as u32;
            let stored_bytes = reader.length("a block's length", BLOCK_STORED_BYTES_MAX)? as u32;
            let limit = BLOCK_CHUNKS_MAX.min(reader.remaining() / 33);
            let chunk_count = reader.length("the number of chunks", limit)?;
            let mut chunks = Vec::with_capacity(chunk_count);
            let mut raw_bytes = 0usize;
            for _ in 0..chunk_count {
                let id = ChunkId(reader.array()?);
                let bytes = reader.length("a chunk's length", BLOCK_BYTES_MAX - raw_bytes)?;
                raw_bytes += bytes;
                chunks.push(DirectoryChunk { id, bytes: bytes as u32 });
            }
            let raw_bytes = raw_bytes as u32;
            blocks.push(DirectoryBlock { kind, offset, stored_bytes, raw_bytes, chunks });
        }
        reader.finish()?;
        Ok(Self { blocks })
    }
}
