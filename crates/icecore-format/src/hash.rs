//! BLAKE3 in the ways in which the format uses it: always with a context of its own.
//!
//! Format: docs/format.md, "Hashes and ids". Source: BLAKE3, <https://github.com/BLAKE3-team/BLAKE3-specs>.

use crate::id::Hash;

/// Derives a 32-byte key from `material` for the purpose named by `context`.
pub fn derive_key(context: &'static str, material: &[u8]) -> [u8; 32] {
    blake3::derive_key(context, material)
}

/// Hashes `parts` one after the other under `context`. Parts of varying length must be framed by
/// the caller: only their concatenation is hashed.
pub fn hash_parts(context: &'static str, parts: &[&[u8]]) -> Hash {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    Hash(*hasher.finalize().as_bytes())
}

/// A key and its commitment, derived from a secret and the public salt or header that it is for.
///
/// The commitment is stored in clear and compared before anything is decrypted: AES-GCM and
/// ChaCha20-Poly1305 do not commit to their key, so without it one ciphertext could be made to
/// open under two keys.
pub fn derive_committed_key(context: &'static str, parts: &[&[u8]]) -> ([u8; 32], [u8; 32]) {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    let mut output = [0; 64];
    hasher.finalize_xof().fill(&mut output);
    let (mut key, mut commitment) = ([0; 32], [0; 32]);
    key.copy_from_slice(&output[..32]);
    commitment.copy_from_slice(&output[32..]);
    (key, commitment)
}
