//! Every record comes back as it was encoded, and nothing shorter or longer decodes.

mod generate;

use icecore_format::checkpoint::{self, LedgerState};
use icecore_format::config::Config;
use icecore_format::event::{Event, records};
use icecore_format::index_run::IndexRun;
use icecore_format::keys::signing::SigningKey;
use icecore_format::keys::{KeySet, Role};
use icecore_format::ledger::{EntryBody, LedgerObject, SignedEntry, chain};
use icecore_format::pack::Directory;
use icecore_format::random::CountingRandom;
use icecore_format::record::{Reader, Record, put_signed_varint, put_varint};
use icecore_format::{
    ChunkId, ChunkKind, DecodeError, Hash, KeyId, PackId, RepositoryId, RunId, SnapshotId,
};
use proptest::prelude::*;
use std::fmt::{Debug, Display};
use std::str::FromStr;

/// Requires that exactly `bytes` decode to `value`: nothing shorter does, and nothing longer.
fn only_these_bytes<T: PartialEq + Debug>(
    value: &T,
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, DecodeError>,
) -> Result<(), TestCaseError> {
    let decoded = decode(bytes);
    prop_assert_eq!(decoded.as_ref(), Ok(value));
    for length in 0..bytes.len() {
        let prefix = decode(&bytes[..length]);
        prop_assert!(prefix.is_err(), "its first {} bytes decode to {:?}", length, prefix);
    }
    for byte in [0, 1, 0x80, 0xff] {
        let longer = decode(&[bytes, &[byte]].concat());
        prop_assert!(longer.is_err(), "with {} behind it decodes to {:?}", byte, longer);
    }
    Ok(())
}

fn round_trip<R: Record + PartialEq + Debug>(value: &R) -> Result<(), TestCaseError> {
    let bytes = value.encode();
    prop_assert_eq!(bytes[0], R::VERSION);
    only_these_bytes(value, &bytes, R::decode)?;
    let mut newer = bytes;
    newer[0] += 1;
    let refused = DecodeError::Version { record: R::NAME, version: R::VERSION + 1 };
    prop_assert_eq!(R::decode(&newer), Err(refused));
    Ok(())
}

fn id_round_trip<T: FromStr + Display + PartialEq + Debug>(id: &T) -> Result<(), TestCaseError>
where
    T::Err: Debug,
{
    let text = id.to_string();
    prop_assert_eq!(&text.parse::<T>().unwrap(), id);
    prop_assert!(text[1..].parse::<T>().is_err());
    let upper = text.to_uppercase();
    prop_assert!(upper == text || upper.parse::<T>().is_err());
    Ok(())
}

proptest! {
    #![proptest_config(generate::cases(64))]

    #[test]
    fn a_varint_comes_back_and_has_one_spelling(value in generate::number()) {
        let mut bytes = Vec::new();
        put_varint(&mut bytes, value);
        let decode = |bytes: &[u8]| {
            let mut reader = Reader::new("it", bytes);
            let value = reader.varint()?;
            reader.finish().map(|()| value)
        };
        only_these_bytes(&value, &bytes, decode)?;
        // The same number, one byte longer.
        *bytes.last_mut().unwrap() |= 0x80;
        bytes.push(0);
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn a_signed_varint_comes_back(value in any::<i64>()) {
        let mut bytes = Vec::new();
        put_signed_varint(&mut bytes, value);
        let mut reader = Reader::new("it", &bytes);
        prop_assert_eq!(reader.signed_varint(), Ok(value));
        prop_assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn an_id_comes_back_from_its_only_spelling(
        session in generate::session_id(),
        number in any::<u32>(),
        short in any::<[u8; 16]>(),
        long in any::<[u8; 32]>(),
    ) {
        id_round_trip(&session)?;
        id_round_trip(&PackId { session, number })?;
        id_round_trip(&RunId { session, number })?;
        id_round_trip(&RepositoryId(short))?;
        id_round_trip(&SnapshotId(short))?;
        id_round_trip(&KeyId(short))?;
        id_round_trip(&ChunkId(long))?;
        id_round_trip(&Hash(long))?;
        let pack = PackId { session, number };
        prop_assert_eq!(PackId::from_bytes(pack.to_bytes()), pack);
        let zeros = format!("{session}-0{number}");
        prop_assert!(zeros.parse::<PackId>().is_err());
        let signed = format!("{session}-+{number}");
        prop_assert!(signed.parse::<PackId>().is_err());
    }

    #[test]
    fn a_config_comes_back(config in generate::config()) {
        round_trip(&config)?;
        only_these_bytes(&config, &config.to_object(), Config::from_object)?;
    }

    #[test]
    fn an_inner_node_comes_back(node in generate::log_node()) {
        round_trip(&node)?;
    }

    #[test]
    fn a_segment_comes_back(segment in generate::segment()) {
        round_trip(&segment)?;
    }

    #[test]
    fn a_page_of_streams_comes_back(page in generate::stream_page()) {
        prop_assert_eq!(icecore_format::event_log::StreamPage::decode(&page.encode()), Ok(page));
    }

    #[test]
    fn a_tree_node_comes_back(node in generate::tree_node()) {
        round_trip(&node)?;
    }

    #[test]
    fn a_ledger_object_comes_back(object in generate::ledger_object()) {
        round_trip(&object)?;
        only_these_bytes(&object, &object.encode(), LedgerObject::open)?;
    }

    #[test]
    fn a_witness_comes_back(witness in generate::witness()) {
        round_trip(&witness)?;
    }

    #[test]
    fn a_record_of_a_tail_comes_back(record in generate::tail_record()) {
        round_trip(&record)?;
    }

    #[test]
    fn a_ledger_state_comes_back(state in generate::ledger_state()) {
        round_trip(&state)?;
    }

    #[test]
    fn a_body_of_any_kind_comes_back(body in generate::entry_body()) {
        let bytes = body.encode();
        let decode = |bytes: &[u8]| EntryBody::decode(body.kind(), bytes);
        if matches!(body, EntryBody::Unknown { .. }) {
            prop_assert_eq!(decode(&bytes), Ok(body.clone()));
        } else {
            only_these_bytes(&body, &bytes, decode)?;
        }
    }

    #[test]
    fn a_body_of_a_newer_version_is_kept_as_unknown(body in generate::entry_body()) {
        let mut bytes = body.encode();
        prop_assume!(!bytes.is_empty());
        bytes[0] = 2;
        let decoded = EntryBody::decode(body.kind(), &bytes).unwrap();
        prop_assert_eq!(decoded.encode(), bytes.clone());
        prop_assert_eq!(decoded, EntryBody::Unknown { kind: body.kind(), bytes });
    }

    #[test]
    fn a_signed_entry_comes_back_and_only_its_author_signed_it(
        key in generate::signing_key(),
        other in generate::signing_key(),
        repository in generate::repository_id(),
        entry in generate::entry(KeyId([0; 16])),
    ) {
        let verifying = key.verifying_key();
        let entry = icecore_format::ledger::Entry { author: verifying.id(), ..entry };
        let signed = SignedEntry::sign(&repository, entry.clone(), &key);
        only_these_bytes(&signed, &signed.to_bytes(), SignedEntry::from_bytes)?;
        prop_assert_eq!(signed.entry(), &entry);
        prop_assert!(signed.is_signed_by(&repository, &verifying));
        prop_assert!(!signed.is_signed_by(&repository, &other.verifying_key()));
        let elsewhere = RepositoryId(repository.0.map(|byte| byte ^ 1));
        prop_assert!(!signed.is_signed_by(&elsewhere, &verifying));
        // An author who is named and did not sign.
        let forged = SignedEntry::sign(&repository, entry, &other);
        prop_assert!(!forged.is_signed_by(&repository, &verifying));
        prop_assert!(!forged.is_signed_by(&repository, &other.verifying_key()));
    }

    #[test]
    fn a_checkpoint_comes_back_from_who_is_trusted(
        key in generate::signing_key(),
        repository in generate::repository_id(),
        state in generate::ledger_state(),
        flip in any::<prop::sample::Index>(),
    ) {
        let own = key.verifying_key();
        let trusted = |id: &KeyId| (*id == own.id()).then_some(own);
        let mut bytes = checkpoint::sign(&repository, &state, &key);
        let open = |bytes: &[u8]| checkpoint::open(&repository, trusted, bytes);
        only_these_bytes(&state, &bytes, open)?;
        prop_assert!(checkpoint::open(&repository, |_| None, &bytes).is_err());
        let elsewhere = RepositoryId(repository.0.map(|byte| byte ^ 1));
        prop_assert!(checkpoint::open(&elsewhere, trusted, &bytes).is_err());
        let bit = flip.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(open(&bytes).is_err());
    }

    #[test]
    fn a_directory_comes_back(directory in generate::directory()) {
        only_these_bytes(&directory, &directory.encode(), Directory::decode)?;
    }

    #[test]
    fn an_index_run_comes_back(run in generate::index_run()) {
        only_these_bytes(&run, &run.encode(), IndexRun::decode)?;
    }

    #[test]
    fn an_event_comes_back(owned in generate::events::event()) {
        let event = owned.event();
        let mut bytes = vec![1];
        event.encode_into(&mut bytes);
        let bodies: Vec<_> = records(&bytes).unwrap().collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(bodies.len(), 1);
        let decoded = Event::decode_body(bodies[0]).unwrap();
        prop_assert_eq!(decoded, event);
        let members: Vec<_> =
            decoded.members.iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect();
        prop_assert_eq!(&members, &owned.members);
        // One spelling: what decodes encodes to the same bytes.
        let mut again = vec![1];
        decoded.encode_into(&mut again);
        prop_assert_eq!(&again, &bytes);
    }

    #[test]
    fn events_of_a_chunk_come_back_in_order_and_a_cut_chunk_is_an_error(
        events in proptest::collection::vec(generate::events::event(), 1..5),
        cut in any::<prop::sample::Index>(),
    ) {
        let (mut bytes, mut ends) = (vec![1], vec![1]);
        for event in &events {
            event.event().encode_into(&mut bytes);
            ends.push(bytes.len());
        }
        let decoded: Vec<_> = records(&bytes).unwrap().collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(decoded.len(), events.len());
        for (body, event) in decoded.into_iter().zip(&events) {
            prop_assert_eq!(Event::decode_body(body), Ok(event.event()));
        }
        let length = cut.index(bytes.len());
        match records(&bytes[..length]) {
            Err(_) => prop_assert_eq!(length, 0),
            Ok(bodies) => {
                let whole = bodies.collect::<Result<Vec<_>, _>>().is_ok();
                prop_assert_eq!(whole, ends.contains(&length));
            }
        }
    }
}

#[test]
fn the_key_set_of_each_role_comes_back_and_a_writer_can_open_nothing() {
    let random = CountingRandom::default();
    let admin = KeySet::found(RepositoryId([1; 16]), Hash([2; 32]), &random);
    for role in [Role::Admin, Role::Reader, Role::Writer] {
        let keys = admin.for_role(role, &random);
        let bytes = keys.encode();
        let decoded = KeySet::decode(&bytes).unwrap();
        assert_eq!(decoded.encode(), bytes);
        assert_eq!(decoded.role, role);
        assert_eq!(decoded.metadata_private.is_some(), role != Role::Writer);
        assert_eq!(decoded.data_private.is_some(), role != Role::Writer);
        assert_eq!(decoded.founder, admin.founder);
        assert_ne!(decoded.signing.to_bytes(), admin.signing.to_bytes());
        for kind in ChunkKind::ALL {
            assert_eq!(decoded.chunk_id(kind, b"same"), admin.chunk_id(kind, b"same"));
        }
        for length in 0..bytes.len() {
            assert!(KeySet::decode(&bytes[..length]).is_err(), "its first {length} bytes");
        }
        assert!(KeySet::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
    }
}

#[test]
fn the_same_bytes_have_another_id_as_each_kind_of_chunk_and_in_each_repository() {
    let random = CountingRandom::default();
    let mut ids = Vec::new();
    for repository in [1, 2] {
        let keys = KeySet::found(RepositoryId([repository; 16]), Hash([0; 32]), &random);
        ids.extend(ChunkKind::ALL.map(|kind| keys.chunk_id(kind, b"same")));
    }
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), 2 * ChunkKind::ALL.len());
}

#[test]
fn the_chain_depends_on_every_item_and_on_their_order() {
    let start = Hash([0; 32]);
    let (a, b) = (chain(&start, b"a"), chain(&start, b"b"));
    assert_ne!(a, b);
    assert_ne!(chain(&a, b"b"), chain(&b, b"a"));
}

#[test]
fn a_ledger_object_without_items_is_refused() {
    let bytes = LedgerObject { items: Vec::new() }.encode();
    assert!(LedgerObject::open(&bytes).is_err());
}

#[test]
fn a_config_whose_chunk_sizes_make_no_sense_is_refused() {
    let config = Config::new(RepositoryId([1; 16]), icecore_format::cipher::Cipher::Aes256Gcm);
    for wrong in [
        Config { events: icecore_format::config::ChunkBytes { min: 0, ..config.events }, ..config },
        Config { data: icecore_format::config::ChunkBytes { average: 0, ..config.data }, ..config },
        Config {
            data: icecore_format::config::ChunkBytes { max: u32::MAX, ..config.data },
            ..config
        },
    ] {
        assert!(Config::from_object(&wrong.to_object()).is_err());
    }
}

#[test]
fn a_tree_with_a_name_that_leads_out_of_it_is_refused() {
    use icecore_format::tree::{TreeContent, TreeEntry, TreeNode};
    let entry = |name: &str| TreeEntry {
        name: name.as_bytes().to_vec(),
        content: TreeContent::File { bytes: 0, chunks: Vec::new() },
    };
    for names in [&[""][..], &["."], &[".."], &["a/b"], &["a\0"], &["a", "a"], &["b", "a"]] {
        let node = TreeNode { entries: names.iter().copied().map(entry).collect() };
        assert!(TreeNode::decode(&node.encode()).is_err(), "{names:?}");
    }
    let fine = TreeNode { entries: [".a", "a", "a..b"].map(entry).to_vec() };
    assert_eq!(TreeNode::decode(&fine.encode()), Ok(fine));
}

#[test]
fn a_claimed_length_costs_no_memory() {
    // A list of 2^60 items, and nothing behind it.
    let claim = [1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
    assert!(LedgerObject::decode(&claim).is_err());
    assert!(LedgerState::decode(&[&claim[..1], &[0; 33], &claim[1..]].concat()).is_err());
    assert!(Directory::decode(&claim).is_err());
}

#[test]
fn a_key_signs_the_same_message_the_same_way() {
    let key = SigningKey::from_bytes([7; 32]);
    assert_eq!(key.sign(b"message"), key.sign(b"message"));
    assert!(key.verifying_key().verifies(b"message", &key.sign(b"message")));
    assert!(!key.verifying_key().verifies(b"massage", &key.sign(b"message")));
    assert!(!key.verifying_key().verifies(b"message", &[]));
}
