//! What objects are called, and what a name says about an object.
//!
//! Format: docs/format.md, "Names".

use icecore_format::hash::hash_parts;
use icecore_format::tail::{group_of, repeats_from};
use icecore_format::{KeyId, PackId, RunId, SessionId};
use icecore_store::ObjectName;

/// What an object is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectRole {
    /// The config.
    Config,
    /// A key slot.
    KeySlot(KeyId),
    /// A key slot that was given another password: the key, and the beginning of the hash of its bytes.
    RenewedKeySlot(KeyId, u64),
    /// Ledger entries, from this number on.
    Ledger(u64),
    /// The witness of this entry.
    Witness(u64),
    /// The ledger's state before this entry, as the key slot signed it. The name says who signed,
    /// since nobody else's checkpoints are worth reading.
    Checkpoint(u64, KeyId),
    /// A pack.
    Pack(PackId),
    /// An index run.
    IndexRun(RunId),
    /// An object of the tail whose epoch this session is.
    Tail(SessionId, u64),
    /// What is left of a test of the storage.
    Probe(u64),
}

impl ObjectRole {
    /// Where ledger objects are.
    pub const LEDGER_PREFIX: &'static str = "ledger/";
    /// Where key slots are.
    pub const KEYS_PREFIX: &'static str = "keys/";
    /// Where witnesses are.
    pub const WITNESS_PREFIX: &'static str = "witness/";
    /// Where packs are.
    pub const PACK_PREFIX: &'static str = "packs/";
    /// Where index runs are.
    pub const INDEX_PREFIX: &'static str = "index/";
    /// Where tails are.
    pub const TAIL_PREFIX: &'static str = "tail/";
    /// Where checkpoints are.
    pub const CHECKPOINT_PREFIX: &'static str = "checkpoint/";

    /// Where single writers keep others off; not the repository's, and in no listing of its objects.
    pub const LEASE_PREFIX: &'static str = icecore_store::LEASE_PREFIX;

    /// Where the objects of an epoch's tail are that may repeat others: few of all.
    pub fn repeats_prefix(session: SessionId) -> String {
        format!("{}{session}/repeats/", Self::TAIL_PREFIX)
    }

    /// Where the objects of a group of an epoch's tail are, but for the one that may repeat them.
    pub fn group_prefix(session: SessionId, group: u64) -> String {
        format!("{}{session}/{group:018}/", Self::TAIL_PREFIX)
    }

    /// A key slot with these bytes, which is given to a key that has or had another.
    pub fn renewed_slot(id: KeyId, bytes: &[u8]) -> Self {
        let hash = hash_parts("icecore 2026 key slot name", &[bytes]).0;
        let digits = hash.first_chunk().copied().unwrap_or_default();
        Self::RenewedKeySlot(id, u64::from_be_bytes(digits))
    }

    /// The key of a key slot.
    pub fn key_of_slot(&self) -> Option<KeyId> {
        match self {
            Self::KeySlot(id) | Self::RenewedKeySlot(id, _) => Some(*id),
            _ => None,
        }
    }

    /// The object's name.
    pub fn object_name(&self) -> ObjectName {
        let name = match self {
            Self::Config => "config".to_owned(),
            Self::KeySlot(id) => format!("keys/{id}"),
            Self::RenewedKeySlot(id, digits) => format!("keys/{id}-{digits:016x}"),
            Self::Ledger(number) => format!("ledger/{number:020}"),
            Self::Witness(number) => format!("witness/{number:020}"),
            Self::Checkpoint(number, author) => format!("checkpoint/{number:020}-{author}"),
            // The first byte of the random part spreads packs over 256 directories.
            Self::Pack(id) => format!("packs/{:02x}/{id}", id.session.random[0]),
            Self::IndexRun(id) => format!("index/{id}"),
            Self::Tail(session, number) => match repeats_from(*number) {
                Some(_) => format!("{}{number:020}", Self::repeats_prefix(*session)),
                None => format!("{}{number:020}", Self::group_prefix(*session, group_of(*number))),
            },
            Self::Probe(number) => format!("probe/{number:016x}"),
        };
        name.try_into().expect("our names are valid object names")
    }

    /// The object that has this name; `None` if none of ours can.
    pub fn of(name: &ObjectName) -> Option<Self> {
        let text = name.as_str();
        let number = |digits: &str| digits.parse().ok();
        let role = match text.split_once('/') {
            None => (text == "config").then_some(Self::Config),
            Some(("keys", rest)) => match rest.split_once('-') {
                None => rest.parse().ok().map(Self::KeySlot),
                Some((id, digits)) => id.parse().ok().and_then(|id| {
                    Some(Self::RenewedKeySlot(id, u64::from_str_radix(digits, 16).ok()?))
                }),
            },
            Some(("ledger", digits)) => number(digits).map(Self::Ledger),
            Some(("witness", digits)) => number(digits).map(Self::Witness),
            Some(("checkpoint", rest)) => rest.split_once('-').and_then(|(digits, author)| {
                Some(Self::Checkpoint(number(digits)?, author.parse().ok()?))
            }),
            Some(("packs", rest)) => {
                rest.split_once('/').and_then(|(_, id)| id.parse().ok()).map(Self::Pack)
            }
            Some(("index", id)) => id.parse().ok().map(Self::IndexRun),
            Some(("tail", rest)) => rest.split_once('/').and_then(|(session, rest)| {
                let (_, digits) = rest.split_once('/')?;
                Some(Self::Tail(session.parse().ok()?, number(digits)?))
            }),
            Some(("probe", digits)) => u64::from_str_radix(digits, 16).ok().map(Self::Probe),
            Some(_) => None,
        };
        // One name per object: "ledger/1" names nothing.
        role.filter(|role| role.object_name() == *name)
    }
}
