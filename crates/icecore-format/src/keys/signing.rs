//! Signing keys: one per key slot, so that every ledger entry says who wrote it.
//!
//! Format: docs/format.md, "Keys". Source: Ed25519, RFC 8032.

use crate::hash::hash_parts;
use crate::id::KeyId;
use crate::random::{Random, random_bytes};
use ring::signature::{self, KeyPair};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;

/// Verifies what one key slot signed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VerifyingKey(pub [u8; 32]);

impl VerifyingKey {
    /// The id of the slot that this key belongs to.
    pub fn id(&self) -> KeyId {
        let mut id = [0; 16];
        id.copy_from_slice(&hash_parts("icecore 2026 key id", &[&self.0]).0[..16]);
        KeyId(id)
    }

    /// Whether `signature` is this key's over `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        signature::UnparsedPublicKey::new(&signature::ED25519, &self.0)
            .verify(message, signature)
            .is_ok()
    }
}

impl std::fmt::Debug for VerifyingKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "VerifyingKey({})", self.id())
    }
}

/// Signs in the name of one key slot. It is made from 32 random bytes, and is them.
#[derive(Clone)]
pub struct SigningKey(Zeroizing<[u8; 32]>);

impl SigningKey {
    /// A new key.
    pub fn generate(random: &dyn Random) -> Self {
        Self(Zeroizing::new(random_bytes(random)))
    }

    /// The key with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The key's bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        *self.0
    }

    /// The key that verifies what this one signs.
    pub fn verifying_key(&self) -> VerifyingKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.pair().public_key().as_ref());
        VerifyingKey(bytes)
    }

    /// Signs `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        let mut bytes = [0; SIGNATURE_BYTES];
        bytes.copy_from_slice(self.pair().sign(message).as_ref());
        bytes
    }

    fn pair(&self) -> signature::Ed25519KeyPair {
        signature::Ed25519KeyPair::from_seed_unchecked(self.0.as_slice())
            .expect("any 32 bytes are an Ed25519 seed")
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "SigningKey({})", self.verifying_key().id())
    }
}
