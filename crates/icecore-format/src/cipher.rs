//! The two ciphers, behind one type that seals and opens with a counter as the nonce.
//!
//! A key is used for one object only, and a counter once per key: no nonce is ever drawn at
//! random, and none repeats.
//!
//! Format: docs/format.md, "Ciphers". Sources: AES-256-GCM, NIST SP 800-38D;
//! ChaCha20-Poly1305, RFC 8439.

use crate::record::DecodeError;
use ring::aead;
use serde::{Deserialize, Serialize};

/// Bytes that sealing adds.
pub const TAG_BYTES: usize = 16;

/// Authenticated encryption with associated data; chosen at init, and recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
#[repr(u8)]
pub enum Cipher {
    /// Fastest where the processor has AES instructions.
    Aes256Gcm = 1,
    /// Fastest elsewhere.
    ChaCha20Poly1305 = 2,
}

impl Cipher {
    /// The cipher with this number.
    pub fn from_byte(byte: u8) -> Option<Self> {
        [Self::Aes256Gcm, Self::ChaCha20Poly1305].into_iter().find(|cipher| *cipher as u8 == byte)
    }

    /// The cipher's name, as `init --cipher` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "aes-256-gcm",
            Self::ChaCha20Poly1305 => "chacha20-poly1305",
        }
    }
}

impl From<Cipher> for u8 {
    fn from(cipher: Cipher) -> Self {
        cipher as Self
    }
}

impl TryFrom<u8> for Cipher {
    type Error = &'static str;

    fn try_from(byte: u8) -> Result<Self, &'static str> {
        Self::from_byte(byte).ok_or("an unknown cipher")
    }
}

/// A cipher with a key that belongs to one object.
pub struct SealingKey(aead::LessSafeKey);

impl SealingKey {
    /// A key of 32 bytes for `cipher`.
    pub fn new(cipher: Cipher, key: &[u8; 32]) -> Self {
        let algorithm = match cipher {
            Cipher::Aes256Gcm => &aead::AES_256_GCM,
            Cipher::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
        };
        let key = aead::UnboundKey::new(algorithm, key).expect("both ciphers take 32 bytes");
        Self(aead::LessSafeKey::new(key))
    }

    /// Seals `bytes` from index `start` on in place and appends the tag. `counter` must not be used twice with this key.
    pub fn seal(&self, counter: u64, associated: &[u8], bytes: &mut Vec<u8>, start: usize) {
        let tag = self
            .0
            .seal_in_place_separate_tag(
                nonce(counter),
                aead::Aad::from(associated),
                &mut bytes[start..],
            )
            .expect("a block is far below the ciphers' limit of 64 GiB");
        bytes.extend_from_slice(tag.as_ref());
    }

    /// Opens `bytes` in place and returns the plaintext, called `record` in errors.
    pub fn open<'a>(
        &self,
        record: &'static str,
        counter: u64,
        associated: &[u8],
        bytes: &'a mut [u8],
    ) -> Result<&'a mut [u8], DecodeError> {
        self.0
            .open_in_place(nonce(counter), aead::Aad::from(associated), bytes)
            .map_err(|_| DecodeError::Unauthentic { record })
    }
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SealingKey(..)")
    }
}

/// Twelve bytes: four of zero, then the counter in big-endian order.
fn nonce(counter: u64) -> aead::Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&counter.to_be_bytes());
    aead::Nonce::assume_unique_for_key(bytes)
}
