//! What is sealed opens for whom and where it was sealed for, and nowhere else; no bit of it can
//! change unnoticed.

mod generate;

use icecore_format::block::{self, BlockPlace, Compression};
use icecore_format::cipher::{Cipher, SealingKey};
use icecore_format::envelope::{self, EnvelopeKind};
use icecore_format::id::PackClass;
use icecore_format::keys::class::{PUBLIC_KEY_BYTES, PrivateKey, PublicKey};
use icecore_format::keys::slot::{KeySlot, PasswordCost};
use icecore_format::keys::{KeySet, Role};
use icecore_format::limits::{
    ARGON2_LANES_MAX, ARGON2_MEMORY_KIB_MAX, ARGON2_PASSES_MAX, BLOCK_BYTES_MAX, KEY_SLOT_BYTES_MAX,
};
use icecore_format::pack::{
    self, Directory, DirectoryBlock, DirectoryChunk, FOOTER_BYTES, HEADER_BYTES, PackKey,
};
use icecore_format::random::CountingRandom;
use icecore_format::{ChunkId, ChunkKind, DecodeError, Hash, PackId, RepositoryId, SessionId};
use proptest::prelude::*;

const CIPHERS: [Cipher; 2] = [Cipher::Aes256Gcm, Cipher::ChaCha20Poly1305];
const COMPRESSIONS: [Compression; 4] =
    [Compression::None, Compression::Low, Compression::Medium, Compression::High];
const KINDS: [EnvelopeKind; 5] = [
    EnvelopeKind::Ledger,
    EnvelopeKind::Witness,
    EnvelopeKind::Checkpoint,
    EnvelopeKind::IndexRun,
    EnvelopeKind::Tail,
];
const REPOSITORY: RepositoryId = RepositoryId([1; 16]);
const PACK: PackId = PackId { session: SessionId { head: 3, random: [4; 10] }, number: 5 };
const PLACE: BlockPlace = BlockPlace { pack: PACK, number: 6, kind: ChunkKind::Events };

fn flips(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        (bit, flipped)
    })
}

mod envelopes {
    use super::*;

    fn sealed(kind: EnvelopeKind, cipher: Cipher, plaintext: &[u8]) -> Vec<u8> {
        let random = CountingRandom::default();
        envelope::seal(kind, cipher, &[9; 32], "ledger/1", plaintext, &random)
    }

    #[test]
    fn an_envelope_opens_only_as_its_kind_under_its_name_with_its_key() {
        for (kind, cipher) in KINDS.into_iter().flat_map(|kind| CIPHERS.map(|it| (kind, it))) {
            let bytes = sealed(kind, cipher, b"plaintext");
            let opened = envelope::open(kind, &[9; 32], "ledger/1", &bytes);
            assert_eq!(opened.as_deref(), Ok(b"plaintext".as_slice()));
            for other in KINDS.into_iter().filter(|other| *other != kind) {
                assert!(envelope::open(other, &[9; 32], "ledger/1", &bytes).is_err());
            }
            for name in ["", "ledger/2", "ledger/11", "ledger/"] {
                assert!(envelope::open(kind, &[9; 32], name, &bytes).is_err(), "{name}");
            }
            assert!(envelope::open(kind, &[8; 32], "ledger/1", &bytes).is_err());
        }
    }

    #[test]
    fn no_bit_of_an_envelope_can_change_unnoticed() {
        for cipher in CIPHERS {
            let bytes = sealed(EnvelopeKind::Ledger, cipher, b"plaintext");
            for (bit, flipped) in flips(&bytes) {
                let opened = envelope::open(EnvelopeKind::Ledger, &[9; 32], "ledger/1", &flipped);
                assert!(opened.is_err(), "bit {bit}");
            }
        }
    }

    #[test]
    fn an_envelope_that_is_cut_or_longer_does_not_open() {
        let bytes = sealed(EnvelopeKind::Ledger, Cipher::Aes256Gcm, b"plaintext");
        let open = |bytes: &[u8]| envelope::open(EnvelopeKind::Ledger, &[9; 32], "ledger/1", bytes);
        for length in 0..bytes.len() {
            assert!(open(&bytes[..length]).is_err(), "its first {length} bytes");
        }
        assert!(open(&[bytes.as_slice(), &[0]].concat()).is_err());
    }

    #[test]
    fn an_envelope_that_names_the_other_cipher_does_not_open() {
        for cipher in CIPHERS {
            let mut bytes = sealed(EnvelopeKind::Ledger, cipher, b"plaintext");
            assert_eq!(bytes[6], cipher as u8);
            bytes[6] ^= 3;
            let opened = envelope::open(EnvelopeKind::Ledger, &[9; 32], "ledger/1", &bytes);
            let record = EnvelopeKind::Ledger.name();
            assert_eq!(opened, Err(DecodeError::Unauthentic { record }));
        }
    }

    proptest! {
        #![proptest_config(generate::cases(64))]

        #[test]
        fn an_envelope_of_any_length_opens(
            cipher in generate::cipher(),
            plaintext in proptest::collection::vec(any::<u8>(), 0..300),
            name in generate::text(),
        ) {
            let random = CountingRandom::default();
            let kind = EnvelopeKind::IndexRun;
            let first = envelope::seal(kind, cipher, &[9; 32], &name, &plaintext, &random);
            let second = envelope::seal(kind, cipher, &[9; 32], &name, &plaintext, &random);
            prop_assert_ne!(&first, &second, "each has a salt of its own");
            prop_assert_eq!(envelope::open(kind, &[9; 32], &name, &first), Ok(plaintext));
        }
    }
}

mod blocks {
    use super::*;

    fn key(cipher: Cipher) -> SealingKey {
        SealingKey::new(cipher, &[7; 32])
    }

    /// Bytes that compress, and bytes that do not.
    fn contents() -> Vec<Vec<u8>> {
        let mut random = vec![0; 100_000];
        icecore_format::Random::fill(&CountingRandom::default(), &mut random);
        let repeated = b"event 17 of stream order-".repeat(200_000);
        vec![Vec::new(), vec![0], random, repeated]
    }

    /// A frame, sealed as a block whatever it says.
    fn seal_frame(place: &BlockPlace, codec: u8, claimed_bytes: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = [&[codec], claimed_bytes.to_le_bytes().as_slice(), body].concat();
        let mut associated = place.pack.to_bytes().to_vec();
        associated.extend_from_slice(&place.number.to_le_bytes());
        associated.push(place.kind as u8);
        key(Cipher::Aes256Gcm).seal(u64::from(place.number), &associated, &mut bytes, 0);
        bytes
    }

    #[test]
    fn a_block_opens_whatever_its_size_and_compression() {
        for raw in contents() {
            for cipher in CIPHERS {
                for compression in COMPRESSIONS {
                    let sealed = block::seal(&PLACE, &key(cipher), compression, &raw);
                    assert!(sealed.len() <= raw.len() + 21, "{compression:?}");
                    let opened = block::open(&PLACE, &key(cipher), raw.len() as u32, sealed);
                    assert!(opened.as_ref() == Ok(&raw), "{compression:?} of {}", raw.len());
                }
            }
        }
    }

    #[test]
    fn a_block_that_compresses_is_stored_smaller() {
        let raw = contents().pop().unwrap();
        for compression in [Compression::Low, Compression::Medium, Compression::High] {
            let sealed = block::seal(&PLACE, &key(Cipher::Aes256Gcm), compression, &raw);
            assert!(sealed.len() < raw.len() / 100, "{compression:?}: {}", sealed.len());
        }
    }

    #[test]
    fn a_block_opens_only_at_its_place_with_its_key_and_cipher() {
        let raw = b"some bytes".repeat(10);
        for cipher in CIPHERS {
            let sealed = block::seal(&PLACE, &key(cipher), Compression::Medium, &raw);
            let open = |place: &BlockPlace, key: &SealingKey, raw_bytes: usize| {
                block::open(place, key, raw_bytes as u32, sealed.clone())
            };
            assert_eq!(open(&PLACE, &key(cipher), raw.len()).as_ref(), Ok(&raw));
            let session = SessionId { head: 4, ..PACK.session };
            for elsewhere in [
                BlockPlace { number: 7, ..PLACE },
                BlockPlace { kind: ChunkKind::Data, ..PLACE },
                BlockPlace { pack: PackId { number: 6, ..PACK }, ..PLACE },
                BlockPlace { pack: PackId { session, ..PACK }, ..PLACE },
            ] {
                assert!(open(&elsewhere, &key(cipher), raw.len()).is_err(), "{elsewhere:?}");
            }
            let other = SealingKey::new(cipher, &[8; 32]);
            assert!(open(&PLACE, &other, raw.len()).is_err());
            for wrong in CIPHERS.into_iter().filter(|other| *other != cipher) {
                assert!(open(&PLACE, &key(wrong), raw.len()).is_err());
            }
            for wrong in [0, raw.len() - 1, raw.len() + 1] {
                assert!(open(&PLACE, &key(cipher), wrong).is_err());
            }
        }
    }

    #[test]
    fn a_block_that_is_sealed_elsewhere_as_it_is_encoded_opens_there_and_nowhere_else() {
        let elsewhere =
            BlockPlace { pack: PackId { number: 9, ..PACK }, number: 2, kind: PLACE.kind };
        let other = SealingKey::new(Cipher::ChaCha20Poly1305, &[8; 32]);
        for raw in contents() {
            for compression in COMPRESSIONS {
                let own = key(Cipher::Aes256Gcm);
                let sealed = block::seal(&PLACE, &own, compression, &raw);
                let encoded = block::unseal(&PLACE, &own, sealed.clone()).unwrap();
                let moved = block::seal_encoded(&elsewhere, &other, encoded);
                assert_eq!(moved.len(), sealed.len());
                let raw_bytes = raw.len() as u32;
                let opened = block::open(&elsewhere, &other, raw_bytes, moved.clone());
                assert!(opened.as_ref() == Ok(&raw), "{compression:?} of {}", raw.len());
                assert!(block::open(&PLACE, &other, raw_bytes, moved.clone()).is_err());
                assert!(block::open(&elsewhere, &own, raw_bytes, moved).is_err());
                // What is not what was sealed is not sealed again.
                let mut flipped = sealed;
                flipped[0] ^= 1;
                assert!(block::unseal(&PLACE, &own, flipped).is_err());
            }
        }
    }

    #[test]
    fn no_bit_of_a_block_can_change_unnoticed() {
        for compression in COMPRESSIONS {
            let raw = b"some bytes".repeat(10);
            let sealed = block::seal(&PLACE, &key(Cipher::Aes256Gcm), compression, &raw);
            for (bit, flipped) in flips(&sealed) {
                let opened =
                    block::open(&PLACE, &key(Cipher::Aes256Gcm), raw.len() as u32, flipped);
                assert!(opened.is_err(), "bit {bit} at {compression:?}");
            }
        }
    }

    #[test]
    fn a_block_that_would_unpack_to_another_length_than_it_says_is_refused() {
        let open = |raw_bytes: u32, sealed: Vec<u8>| {
            block::open(&PLACE, &key(Cipher::Aes256Gcm), raw_bytes, sealed)
        };
        let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 1).unwrap();
        assert!(bomb.len() < 10_000);
        // `seal_frame` seals as the format does.
        let fine = seal_frame(&PLACE, 1, 64 << 20, &bomb);
        assert_eq!(open(64 << 20, fine).map(|raw| raw.len()), Ok(64 << 20));
        for claimed in [0, 1, 1 << 20, (64 << 20) - 1, (64 << 20) + 1] {
            let sealed = seal_frame(&PLACE, 1, claimed, &bomb);
            assert!(open(claimed, sealed).is_err(), "{claimed}");
        }
        // Two frames behind one another are as long as both.
        let one = zstd::bulk::compress(b"one", 1).unwrap();
        let sealed = seal_frame(&PLACE, 1, 3, &[one.as_slice(), &one].concat());
        assert!(open(3, sealed).is_err());
    }

    #[test]
    fn a_frame_that_makes_no_sense_is_refused() {
        let open = |raw_bytes: u32, sealed: Vec<u8>| {
            block::open(&PLACE, &key(Cipher::Aes256Gcm), raw_bytes, sealed)
        };
        assert_eq!(open(3, seal_frame(&PLACE, 0, 3, b"one")), Ok(b"one".to_vec()));
        assert!(open(3, seal_frame(&PLACE, 2, 3, b"one")).is_err());
        assert!(open(3, seal_frame(&PLACE, 0, 3, b"four")).is_err());
        assert!(open(3, seal_frame(&PLACE, 0, 3, b"to")).is_err());
        assert!(open(3, seal_frame(&PLACE, 1, 3, b"one")).is_err());
        let most = BLOCK_BYTES_MAX as u32 + 1;
        assert!(open(most, seal_frame(&PLACE, 0, most, b"one")).is_err());
        assert!(open(0, Vec::new()).is_err());
        assert!(open(0, vec![0; 15]).is_err());
    }
}

mod packs {
    use super::*;

    fn private() -> PrivateKey {
        PrivateKey::from_bytes([3; 32])
    }

    fn create(cipher: Cipher) -> PackKey {
        let random = CountingRandom::default();
        PackKey::create(&REPOSITORY, PACK, PackClass::Data, cipher, &private().public(), &random)
    }

    fn open(header: &[u8]) -> Result<PackKey, DecodeError> {
        PackKey::open(&REPOSITORY, PACK, PackClass::Data, &private(), header)
    }

    fn directory() -> Directory {
        Directory {
            blocks: vec![DirectoryBlock {
                kind: ChunkKind::Events,
                offset: HEADER_BYTES as u32,
                stored_bytes: 100,
                raw_bytes: 50,
                chunks: vec![DirectoryChunk { id: ChunkId([6; 32]), bytes: 50 }],
            }],
        }
    }

    #[test]
    fn a_pack_opens_with_the_private_key_of_its_class() {
        for cipher in CIPHERS {
            let key = create(cipher);
            let block = key.seal_block(0, ChunkKind::Events, Compression::Medium, b"records");
            let end = key.seal_directory(&directory());
            assert_eq!(key.header().len(), HEADER_BYTES);
            assert_eq!(PackKey::class_of(key.header()), Some(PackClass::Data));

            let opened = open(key.header()).unwrap();
            let raw = opened.open_block(0, ChunkKind::Events, 7, block.clone());
            assert_eq!(raw.as_deref(), Ok(b"records".as_slice()));
            let pack_bytes = (HEADER_BYTES + block.len() + end.len()) as u64;
            let (sealed, footer) = end.split_at(end.len() - FOOTER_BYTES);
            let length = pack::directory_bytes(footer, pack_bytes).unwrap();
            assert_eq!(length as usize, sealed.len());
            assert_eq!(opened.open_directory(sealed.to_vec()), Ok(directory()));
        }
    }

    #[test]
    fn a_pack_opens_under_no_other_name_class_repository_or_key() {
        let key = create(Cipher::Aes256Gcm);
        let header = key.header();
        let (data, other) = (PackClass::Data, PackId { number: 6, ..PACK });
        let elsewhere = RepositoryId([2; 16]);
        let stranger = PrivateKey::from_bytes([4; 32]);
        assert!(open(header).is_ok());
        assert!(PackKey::open(&elsewhere, PACK, data, &private(), header).is_err());
        assert!(PackKey::open(&REPOSITORY, other, data, &private(), header).is_err());
        let metadata = PackClass::Metadata;
        assert!(PackKey::open(&REPOSITORY, PACK, metadata, &private(), header).is_err());
        assert!(PackKey::open(&REPOSITORY, PACK, data, &stranger, header).is_err());
        // Another pack's name, also written into the header.
        let mut renamed = header.to_vec();
        renamed[7..7 + PackId::BYTES].copy_from_slice(&other.to_bytes());
        assert!(PackKey::open(&REPOSITORY, other, data, &private(), &renamed).is_err());
        // The other cipher.
        let mut crossed = header.to_vec();
        crossed[5] ^= 3;
        assert!(open(&crossed).is_err());
    }

    #[test]
    fn no_bit_of_a_pack_s_header_can_change_unnoticed() {
        let key = create(Cipher::ChaCha20Poly1305);
        for (bit, flipped) in flips(key.header()) {
            assert!(open(&flipped).is_err(), "bit {bit}");
        }
        for length in [0, 4, 6, 30, HEADER_BYTES - 1] {
            assert!(open(&key.header()[..length]).is_err(), "its first {length} bytes");
        }
        assert!(open(&[key.header(), &[0]].concat()).is_err());
    }

    #[test]
    fn no_bit_of_a_sealed_directory_can_change_unnoticed() {
        let key = create(Cipher::Aes256Gcm);
        let mut sealed = key.seal_directory(&directory());
        sealed.truncate(sealed.len() - FOOTER_BYTES);
        for (bit, flipped) in flips(&sealed) {
            assert!(key.open_directory(flipped).is_err(), "bit {bit}");
        }
        let other = create(Cipher::ChaCha20Poly1305);
        assert!(other.open_directory(sealed).is_err());
    }

    #[test]
    fn a_block_is_no_directory_and_a_directory_no_block() {
        let key = create(Cipher::Aes256Gcm);
        let mut directory = key.seal_directory(&directory());
        directory.truncate(directory.len() - FOOTER_BYTES);
        assert!(key.open_block(0, ChunkKind::Events, 50, directory).is_err());
        let block = key.seal_block(0, ChunkKind::Events, Compression::None, &[1, 0]);
        assert!(key.open_directory(block).is_err());
    }

    #[test]
    fn a_footer_that_points_outside_of_the_pack_is_refused() {
        let pack_bytes = (HEADER_BYTES + FOOTER_BYTES + 100) as u64;
        let footer = |length: u32| [&length.to_le_bytes()[..], b"PECI"].concat();
        assert_eq!(pack::directory_bytes(&footer(100), pack_bytes), Ok(100));
        assert_eq!(pack::directory_bytes(&footer(16), pack_bytes), Ok(16));
        for wrong in [0, 15, 101, u32::MAX] {
            assert!(pack::directory_bytes(&footer(wrong), pack_bytes).is_err(), "{wrong}");
        }
        assert!(pack::directory_bytes(&footer(100), 0).is_err());
        assert!(pack::directory_bytes(b"\x64\0\0\0PECK", pack_bytes).is_err());
        assert!(pack::directory_bytes(b"", pack_bytes).is_err());
    }

    #[test]
    fn a_public_key_that_somebody_made_up_is_refused_or_seals_to_nobody() {
        let random = CountingRandom::default();
        let mut made_up = vec![vec![0; PUBLIC_KEY_BYTES], vec![0xff; PUBLIC_KEY_BYTES]];
        made_up.push(vec![0; PUBLIC_KEY_BYTES - 1]);
        made_up.push(vec![0; PUBLIC_KEY_BYTES + 1]);
        let genuine = private().public().to_bytes();
        assert_eq!(genuine.len(), PUBLIC_KEY_BYTES);
        // A low-order point of X25519 behind a good key of ML-KEM.
        made_up.push([&genuine[..PUBLIC_KEY_BYTES - 32], &[0; 32]].concat());
        for bytes in made_up {
            if let Ok(key) = PublicKey::from_bytes(&bytes) {
                let class = PackClass::Data;
                let cipher = Cipher::Aes256Gcm;
                let made = PackKey::create(&REPOSITORY, PACK, class, cipher, &key, &random);
                assert!(open(made.header()).is_err());
            }
        }
    }
}

mod slots {
    use super::*;

    const PASSWORD: &[u8] = b"correct horse";
    /// Where a slot's cost begins: magic, version, kind, repository, id.
    const COST: usize = 4 + 2 + 16 + 16;

    fn keys(role: Role) -> KeySet {
        let random = CountingRandom::default();
        KeySet::found(REPOSITORY, Hash([2; 32]), &random).for_role(role, &random)
    }

    fn sealed(role: Role) -> Vec<u8> {
        let random = CountingRandom::default();
        KeySlot::seal(&keys(role), PASSWORD, PasswordCost::TRIVIAL, &random).unwrap()
    }

    /// A slot as an attacker would make it, who needs no key to compute a checksum.
    fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
        let body = bytes.len() - 32;
        let context = "icecore 2026 key slot checksum";
        let checksum = icecore_format::hash::hash_parts(context, &[&bytes[..body]]);
        bytes[body..].copy_from_slice(&checksum.0);
        bytes
    }

    #[test]
    fn a_slot_opens_with_its_password_alone() {
        for role in [Role::Admin, Role::Reader, Role::Writer] {
            let bytes = sealed(role);
            assert!(bytes.len() <= KEY_SLOT_BYTES_MAX);
            let slot = KeySlot::decode(&bytes).unwrap();
            assert_eq!(slot.repository, REPOSITORY);
            assert_eq!(slot.id, keys(role).signing.verifying_key().id());
            let opened = slot.open(PASSWORD).unwrap().unwrap();
            assert_eq!(opened.encode(), keys(role).encode());
            for wrong in [b"".as_slice(), b"correct hors", b"correct horse "] {
                assert!(slot.open(wrong).unwrap().is_none());
            }
        }
    }

    #[test]
    fn no_bit_of_a_slot_can_change_unnoticed() {
        let bytes = sealed(Role::Writer);
        let memory = COST * 8..COST * 8 + 32;
        for (bit, flipped) in flips(&bytes) {
            // Between these lies what is allowed, and takes long.
            if memory.contains(&bit) && (12..20).contains(&(bit - memory.start)) {
                continue;
            }
            assert!(KeySlot::decode(&flipped).is_err(), "bit {bit}");
            if bit >= (bytes.len() - 32) * 8 {
                continue;
            }
            let forged = with_checksum(flipped);
            let opened = KeySlot::decode(&forged).and_then(|slot| slot.open(PASSWORD));
            // A slot with another salt, cost or commitment is one that another password opens.
            assert!(!matches!(opened, Ok(Some(_))), "bit {bit}");
        }
    }

    #[test]
    fn a_slot_that_is_cut_or_longer_does_not_open() {
        let bytes = sealed(Role::Writer);
        let open = |bytes: &[u8]| KeySlot::decode(bytes).and_then(|slot| slot.open(PASSWORD));
        for length in (0..200).chain(bytes.len() - 20..bytes.len()) {
            assert!(!matches!(open(&bytes[..length]), Ok(Some(_))), "its first {length} bytes");
        }
        assert!(open(&[bytes.as_slice(), &[0]].concat()).is_err());
        assert!(KeySlot::decode(&[bytes, vec![0; KEY_SLOT_BYTES_MAX]].concat()).is_err());
    }

    #[test]
    fn a_slot_that_asks_for_more_work_than_anyone_needs_is_refused_before_any_is_done() {
        let bytes = sealed(Role::Writer);
        let too_much = [
            [ARGON2_MEMORY_KIB_MAX + 1, 1, 1],
            [u32::MAX, u32::MAX, u32::MAX],
            [8, ARGON2_PASSES_MAX + 1, 1],
            [ARGON2_MEMORY_KIB_MAX, 9, 1],
            [8 * (ARGON2_LANES_MAX + 1), 1, ARGON2_LANES_MAX + 1],
        ];
        let senseless = [[0, 1, 1], [7, 1, 1], [8, 0, 1], [8, 1, 0], [8, 1, 2]];
        for (costs, is_limit) in [(&too_much[..], true), (&senseless[..], false)] {
            for cost in costs {
                let mut hostile = bytes.clone();
                let cost_bytes = cost.map(u32::to_le_bytes).concat();
                hostile[COST..COST + 12].copy_from_slice(&cost_bytes);
                let hostile = with_checksum(hostile);
                let opened = KeySlot::decode(&hostile).unwrap().open(PASSWORD).map(drop);
                assert!(opened.is_err(), "{cost:?}");
                let refused = matches!(opened, Err(DecodeError::Limit { .. }));
                assert_eq!(refused, is_limit, "{cost:?}: {opened:?}");
            }
        }
    }

    #[test]
    fn a_slot_is_not_made_with_a_cost_that_would_not_open() {
        let random = CountingRandom::default();
        let cost = PasswordCost { passes: ARGON2_PASSES_MAX + 1, ..PasswordCost::TRIVIAL };
        assert!(KeySlot::seal(&keys(Role::Admin), PASSWORD, cost, &random).is_err());
    }

    #[test]
    fn a_slot_whose_keys_are_of_another_repository_or_id_does_not_open() {
        // Sealed by someone who knows the password, under a header that names others.
        let random = CountingRandom::default();
        let mut stranger = keys(Role::Admin);
        stranger.repository = RepositoryId([2; 16]);
        let bytes = KeySlot::seal(&stranger, PASSWORD, PasswordCost::TRIVIAL, &random).unwrap();
        let slot = KeySlot::decode(&bytes).unwrap();
        assert_eq!(slot.repository, stranger.repository);
        let mut renamed = bytes;
        renamed[6..22].copy_from_slice(&REPOSITORY.0);
        let renamed = with_checksum(renamed);
        assert!(KeySlot::decode(&renamed).unwrap().open(PASSWORD).is_err());
    }
}

mod tails {
    use super::*;
    use icecore_format::Timestamp;
    use icecore_format::event_log::Span;
    use icecore_format::tail::{
        Flush, SealOptions, TailChunk, TailObject, TailRecord, TailSealer, hash, pack_of,
        repeated_by, repeats_from, seal_terminator,
    };

    const SESSION: SessionId = PACK.session;
    const NAME: &str = "tail/example/1";

    fn keys() -> KeySet {
        KeySet::found(REPOSITORY, Hash([2; 32]), &CountingRandom::default())
    }

    fn key(keys: &KeySet) -> PackKey {
        let (pack, class) = (pack_of(SESSION), PackClass::Data);
        let random = CountingRandom::default();
        PackKey::create(&REPOSITORY, pack, class, Cipher::Aes256Gcm, keys.public(class), &random)
    }

    fn flush() -> Flush {
        Flush {
            previous: Hash([7; 32]),
            time: Timestamp(5),
            chunks: Vec::new(),
            span: Span::default(),
            total: Span::default(),
            resume: Some(b"from here".to_vec()),
            kept: None,
            first_block: 0,
            blocks: Vec::new(),
            blocks_hash: Hash([0; 32]),
            repeat: None,
            unrepeated: 0,
        }
    }

    fn chunk<'a>(keys: &KeySet, kind: ChunkKind, plaintext: &'a [u8]) -> TailChunk<'a> {
        TailChunk { kind, id: keys.chunk_id(kind, plaintext), plaintext }
    }

    /// Two objects of one epoch, and the header that opens them.
    fn objects(keys: &KeySet) -> (Vec<u8>, [Vec<u8>; 2]) {
        let key = key(keys);
        let header = key.header().to_vec();
        let mut sealer = TailSealer::new(key);
        let random = CountingRandom::default();
        let compression = Compression::Medium;
        let options = SealOptions { keys, cipher: Cipher::Aes256Gcm, compression, random: &random };
        let first = [chunk(keys, ChunkKind::Events, b"first")];
        let second =
            [chunk(keys, ChunkKind::Beside, b"beside"), chunk(keys, ChunkKind::Events, b"second")];
        let objects = [
            sealer.seal("tail/example/0", flush(), &first, &options),
            sealer.seal(NAME, flush(), &second, &options),
        ];
        (header, objects)
    }

    fn open_key(keys: &KeySet, header: &[u8]) -> PackKey {
        let (pack, class) = (pack_of(SESSION), PackClass::Data);
        let private = keys.private(class).unwrap();
        PackKey::open(&REPOSITORY, pack, class, private, header).unwrap()
    }

    #[test]
    fn every_role_reads_the_record_and_the_private_key_opens_the_chunks() {
        let keys = keys();
        let (header, [_, second]) = objects(&keys);
        let writer = keys.for_role(Role::Writer, &CountingRandom::default());
        let object = TailObject::open(&writer, NAME, &second).unwrap();
        let TailRecord::Flush(found) = &object.record else { panic!("it is a flush") };
        assert_eq!((found.first_block, found.blocks.len()), (1, 2));
        assert_eq!(found.resume.as_deref(), Some(b"from here".as_slice()));

        let key = open_key(&keys, &header);
        for (kind, plaintext) in [(ChunkKind::Beside, b"beside"), (ChunkKind::Events, b"second")] {
            let id = keys.chunk_id(kind, plaintext);
            let opened = object.chunk(&keys, &key, id).unwrap();
            assert_eq!(opened.as_deref(), Some(plaintext.as_slice()));
        }
        let elsewhere = keys.chunk_id(ChunkKind::Events, b"first");
        assert_eq!(object.chunk(&keys, &key, elsewhere), Ok(None));
    }

    #[test]
    fn no_bit_of_an_object_changes_unnoticed() {
        let keys = keys();
        let (header, [_, second]) = objects(&keys);
        let key = open_key(&keys, &header);
        let opens = |name: &str, bytes: &[u8]| -> Result<(), DecodeError> {
            let object = TailObject::open(&keys, name, bytes)?;
            let TailRecord::Flush(flush) = &object.record else { panic!("it is a flush") };
            for block in &flush.blocks {
                object.chunk(&keys, &key, block.id)?;
            }
            Ok(())
        };
        assert_eq!(opens(NAME, &second), Ok(()));
        assert!(opens("tail/example/2", &second).is_err());
        for (bit, flipped) in flips(&second) {
            assert!(opens(NAME, &flipped).is_err(), "bit {bit}");
            assert_ne!(hash(&flipped), hash(&second));
        }
        for length in 0..second.len() {
            assert!(opens(NAME, &second[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_block_of_another_object_of_the_epoch_is_none_of_this_one() {
        let keys = keys();
        let (header, [first, _]) = objects(&keys);
        let key = key(&keys);
        let mut sealer = TailSealer::new(key);
        let random = CountingRandom::default();
        let compression = Compression::Medium;
        let options =
            SealOptions { keys: &keys, cipher: Cipher::Aes256Gcm, compression, random: &random };
        // As long as the first block of the epoch, and under another number.
        let filler = [chunk(&keys, ChunkKind::Events, b"other")];
        sealer.seal("tail/example/0", flush(), &filler, &options);
        let events = [chunk(&keys, ChunkKind::Events, b"first")];
        let moved = sealer.seal(NAME, flush(), &events, &options);
        let other = TailObject::open(&keys, "tail/example/0", &first).unwrap();
        let object = TailObject::open(&keys, NAME, &moved).unwrap();
        let TailRecord::Flush(flush) = &object.record else { panic!("it is a flush") };
        assert_eq!(other.blocks.len(), object.blocks.len());
        let key = open_key(&keys, &header);
        let opened = |blocks| flush.chunk(blocks, &keys, &key, events[0].id);
        assert_eq!(opened(object.blocks).unwrap().as_deref(), Some(b"first".as_slice()));
        assert!(opened(other.blocks).is_err());
        let mut swapped = moved.clone();
        let at = swapped.len() - other.blocks.len();
        swapped[at..].copy_from_slice(other.blocks);
        assert!(TailObject::open(&keys, NAME, &swapped).is_err());
    }

    #[test]
    fn a_role_that_opens_no_block_sees_that_one_is_damaged() {
        let keys = keys();
        let (_, [_, second]) = objects(&keys);
        let writer = keys.for_role(Role::Writer, &CountingRandom::default());
        let blocks = TailObject::open(&writer, NAME, &second).unwrap().blocks.len();
        for (bit, flipped) in flips(&second).filter(|(bit, _)| bit / 8 >= second.len() - blocks) {
            assert!(TailObject::open(&writer, NAME, &flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn one_object_in_sixty_four_may_repeat_those_before_it() {
        let repeating = (0..200).filter_map(|number| Some((number, repeats_from(number)?)));
        assert_eq!(repeating.collect::<Vec<_>>(), [(63, 0), (127, 64), (191, 128)]);
        assert_eq!([0, 62, 63, 64].map(repeated_by), [63, 63, 63, 127]);
    }

    #[test]
    fn a_chunk_that_is_repeated_as_it_is_stands_once() {
        let keys = keys();
        let key = key(&keys);
        let header = key.header().to_vec();
        let (random, compression) = (CountingRandom::default(), Compression::Medium);
        let options =
            SealOptions { keys: &keys, cipher: Cipher::Aes256Gcm, compression, random: &random };
        let events = chunk(&keys, ChunkKind::Events, b"events");
        let sealed = TailSealer::new(key).seal(NAME, flush(), &[events, events], &options);
        let object = TailObject::open(&keys, NAME, &sealed).unwrap();
        let TailRecord::Flush(found) = &object.record else { panic!("it is a flush") };
        assert_eq!(found.blocks.len(), 1);
        let opened = object.chunk(&keys, &open_key(&keys, &header), events.id).unwrap();
        assert_eq!(opened.as_deref(), Some(b"events".as_slice()));
    }

    #[test]
    fn a_terminator_names_what_goes_on() {
        let keys = keys();
        let random = CountingRandom::default();
        let compression = Compression::None;
        let options = SealOptions {
            keys: &keys,
            cipher: Cipher::ChaCha20Poly1305,
            compression,
            random: &random,
        };
        let bytes = seal_terminator(NAME, SESSION, &options);
        let object = TailObject::open(&keys, NAME, &bytes).unwrap();
        assert_eq!(object.record, TailRecord::Terminator(SESSION));
        let longer = [bytes.as_slice(), b"x"].concat();
        assert!(TailObject::open(&keys, NAME, &longer).is_err());
    }
}
