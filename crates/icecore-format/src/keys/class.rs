//! The key pairs of the two pack classes. Whoever has the public half can make packs; only who
//! has the private half can read them.
//!
//! A pack's key is what HPKE's sender and recipient both export; nothing is sealed by HPKE itself.
//! The KEM is X-Wing (X25519 and ML-KEM-768 together), since backups that are copied today may be
//! kept until X25519 alone has fallen.
//!
//! Format: docs/format.md, "Pack keys". Sources: RFC 9180 (HPKE), draft-ietf-hpke-pq (X-Wing as a KEM of HPKE).

use crate::random::{Random, random_bytes};
use crate::record::DecodeError;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem as _, OpModeR, OpModeS, Serializable};
use std::convert::Infallible;
use zeroize::Zeroizing;

/// X-Wing's number in HPKE's registry.
pub const KEM_ID: u16 = 0x647a;
/// Bytes of an encapsulated key.
pub const ENCAPSULATED_BYTES: usize = 1120;
/// Bytes of a public key.
pub const PUBLIC_KEY_BYTES: usize = 1216;

const RECORD: &str = "the pack's key";
type Kdf = hpke::kdf::HkdfSha256;
type Aead = hpke::aead::ExportOnlyAead;

/// Seals pack keys.
#[derive(Clone)]
pub struct PublicKey(<XWing as hpke::Kem>::PublicKey);

/// Opens pack keys. It is made from 32 random bytes, and is them.
#[derive(Clone)]
pub struct PrivateKey(Zeroizing<[u8; 32]>);

/// A new pack key and what is stored of it.
pub(crate) struct SealedKey {
    pub(crate) key: Zeroizing<[u8; 32]>,
    pub(crate) encapsulated: Vec<u8>,
    pub(crate) commitment: [u8; 32],
}

impl PublicKey {
    /// The key with these bytes ([`PUBLIC_KEY_BYTES`]).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        <XWing as hpke::Kem>::PublicKey::from_bytes(bytes)
            .map(Self)
            .map_err(|_| DecodeError::Malformed { record: "the public key", what: "no X-Wing key" })
    }

    /// The key's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes().to_vec()
    }

    pub(crate) fn encapsulate(&self, info: &[u8], random: &dyn Random) -> SealedKey {
        let mut randomness = Randomness(random);
        let (encapsulated, context) = hpke::setup_sender_with_rng::<Aead, Kdf, XWing>(
            &OpModeS::Base,
            &self.0,
            info,
            &mut randomness,
        )
        .expect("encapsulating to a key that decoded does not fail");
        let (key, commitment) = exports(|label, output| context.export(label, output));
        SealedKey { key, encapsulated: encapsulated.to_bytes().to_vec(), commitment }
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PublicKey(..)")
    }
}

impl PrivateKey {
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

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(XWing::sk_to_pk(&self.inner()))
    }

    pub(crate) fn decapsulate(
        &self,
        info: &[u8],
        encapsulated: &[u8],
        commitment: &[u8; 32],
    ) -> Result<Zeroizing<[u8; 32]>, DecodeError> {
        let unauthentic = DecodeError::Unauthentic { record: RECORD };
        let encapsulated = <XWing as hpke::Kem>::EncappedKey::from_bytes(encapsulated)
            .map_err(|_| unauthentic.clone())?;
        let context = hpke::setup_receiver::<Aead, Kdf, XWing>(
            &OpModeR::Base,
            &self.inner(),
            &encapsulated,
            info,
        )
        .map_err(|_| unauthentic.clone())?;
        let (key, found) = exports(|label, output| context.export(label, output));
        if found == *commitment { Ok(key) } else { Err(unauthentic) }
    }

    fn inner(&self) -> <XWing as hpke::Kem>::PrivateKey {
        <XWing as hpke::Kem>::PrivateKey::from_bytes(self.0.as_slice())
            .expect("any 32 bytes are an X-Wing key")
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PrivateKey(..)")
    }
}

/// The pack's key and its commitment, from an HPKE context.
fn exports(
    export: impl Fn(&[u8], &mut [u8]) -> Result<(), hpke::HpkeError>,
) -> (Zeroizing<[u8; 32]>, [u8; 32]) {
    let (mut key, mut commitment) = (Zeroizing::new([0; 32]), [0; 32]);
    for (label, output) in [
        (b"icecore pack key".as_slice(), key.as_mut_slice()),
        (b"icecore pack key commitment".as_slice(), commitment.as_mut_slice()),
    ] {
        export(label, output).expect("32 bytes are within what HKDF exports");
    }
    (key, commitment)
}

/// Our randomness, in the shape that the hpke crate takes.
struct Randomness<'a>(&'a dyn Random);

impl hpke::rand_core::TryRng for Randomness<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(random_bytes(self.0)))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(random_bytes(self.0)))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl hpke::rand_core::TryCryptoRng for Randomness<'_> {}
