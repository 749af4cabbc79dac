//! Garbage is an error, never a panic: the functions that are fuzzed, on random bytes and on valid
//! ones that were damaged.

mod generate;

#[path = "../../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "it is the library of another workspace")]
mod fuzz;

use icecore_format::cipher::Cipher;
use icecore_format::envelope::{self, EnvelopeKind};
use icecore_format::event::{BesideBuilder, FormKind};
use icecore_format::keys::KeySet;
use icecore_format::keys::signing::SigningKey;
use icecore_format::keys::slot::{KeySlot, PasswordCost};
use icecore_format::ledger::SignedEntry;
use icecore_format::pack::{FOOTER_BYTES, HEADER_BYTES, PackKey};
use icecore_format::random::CountingRandom;
use icecore_format::record::{Record, put_varint};
use icecore_format::{Hash, PackClass, PackId, RepositoryId, SessionId, checkpoint};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;
use std::path::Path;

const REPOSITORY: RepositoryId = RepositoryId([1; 16]);

fn records<R: Record>(values: impl Strategy<Value = R> + 'static) -> BoxedStrategy<Vec<u8>> {
    values.prop_map(|value| value.encode()).boxed()
}

/// A number as the targets take it off the front, and then `bytes`.
fn after_number(number: usize, bytes: &[u8]) -> Vec<u8> {
    [&(number as u16).to_le_bytes(), bytes].concat()
}

/// Bytes that the target of this name decodes.
fn valid(name: &str) -> BoxedStrategy<Vec<u8>> {
    match name {
        "beside" => besides(),
        "block" => vec(any::<u8>(), 0..50)
            .prop_map(|raw| {
                let frame = [&[0], (raw.len() as u32).to_le_bytes().as_slice(), &raw].concat();
                after_number(raw.len(), &frame)
            })
            .boxed(),
        "checkpoint" => (generate::ledger_state(), any::<bool>())
            .prop_map(|(state, signed)| {
                let key = SigningKey::from_bytes([7; 32]);
                if signed { checkpoint::sign(&REPOSITORY, &state, &key) } else { state.encode() }
            })
            .boxed(),
        "columns" => generate::blocks::block()
            .prop_map(|block| {
                let block = block.repeat(4);
                let mut columns = Vec::new();
                icecore_format::columns::Encoder::default().encode(&block, 1, &mut columns);
                after_number(block.len(), &columns)
            })
            .boxed(),
        "columns_back" => generate::blocks::block(),
        "config" => generate::config().prop_map(|config| config.to_object()).boxed(),
        "directory" => generate::directory().prop_map(|directory| directory.encode()).boxed(),
        "entry_body" => generate::entry_body()
            .prop_map(|body| [&[body.kind()], body.encode().as_slice()].concat())
            .boxed(),
        "envelope" => (generate::cipher(), generate::bytes())
            .prop_map(|(cipher, plaintext)| {
                let random = CountingRandom::default();
                envelope::seal(EnvelopeKind::Ledger, cipher, &[9; 32], "name", &plaintext, &random)
            })
            .boxed(),
        "event_chunk" => vec(generate::events::event(), 0..5)
            .prop_map(|events| {
                let mut bytes = vec![1];
                for event in &events {
                    event.event().encode_into(&mut bytes);
                }
                bytes
            })
            .boxed(),
        "footer" => (16..1000u32)
            .prop_map(|length| {
                let footer = [&length.to_le_bytes()[..], b"PECI"].concat();
                after_number(length as usize + HEADER_BYTES + FOOTER_BYTES, &footer)
            })
            .boxed(),
        "id" => generate::pack_id().prop_map(|id| id.to_string().into_bytes()).boxed(),
        "index_run" => generate::index_run().prop_map(|run| run.encode()).boxed(),
        "key_set" => Just(keys().encode().to_vec()).boxed(),
        "key_slot" => {
            let random = CountingRandom::default();
            Just(KeySlot::seal(&keys(), b"password", PasswordCost::TRIVIAL, &random).unwrap())
                .boxed()
        }
        "ledger_entry" => entries(),
        "ledger_object" => vec(entries(), 1..3)
            .prop_map(|items| icecore_format::ledger::LedgerObject { items }.encode())
            .boxed(),
        "log_node" => records(generate::log_node()),
        "pack_header" => Just(pack_header()).boxed(),
        "segment" => records(generate::segment()),
        "stream_page" => generate::stream_page().prop_map(|page| page.encode()).boxed(),
        "tail_record" => records(generate::tail_record()),
        "template" => generate::events::parts()
            .prop_map(|parts| {
                let (template, pieces) = generate::events::template(&parts);
                let bytes = [template.as_bytes(), pieces.as_slice()].concat();
                after_number(template.as_bytes().len(), &bytes)
            })
            .boxed(),
        "time_text" => Just(b"2026-11-21T05:30:00.123456Z".to_vec()).boxed(),
        "tree_node" => records(generate::tree_node()),
        "varint" => generate::number()
            .prop_map(|number| {
                let mut bytes = Vec::new();
                put_varint(&mut bytes, number);
                bytes
            })
            .boxed(),
        "witness" => records(generate::witness()),
        _ => panic!("no valid bytes for the target '{name}'"),
    }
}

fn besides() -> BoxedStrategy<Vec<u8>> {
    let position = proptest::option::of(generate::number());
    let event = (position, generate::event_commit(), generate::events::parts());
    vec(event, 0..8)
        .prop_map(|events| {
            let mut builder = BesideBuilder::new(FormKind::Lines);
            for (position, commit, parts) in &events {
                let (template, pieces) = generate::events::template(parts);
                builder.commit(*commit);
                builder.push(*position, Some((&template, &pieces)));
            }
            after_number(events.len(), &builder.finish().unwrap())
        })
        .boxed()
}

fn entries() -> BoxedStrategy<Vec<u8>> {
    let key = SigningKey::from_bytes([7; 32]);
    generate::entry(key.verifying_key().id())
        .prop_map(move |entry| SignedEntry::sign(&REPOSITORY, entry, &key).to_bytes())
        .boxed()
}

fn keys() -> KeySet {
    KeySet::found(REPOSITORY, Hash([2; 32]), &CountingRandom::default())
}

fn pack_header() -> Vec<u8> {
    let private = icecore_format::keys::class::PrivateKey::from_bytes([3; 32]);
    let pack = PackId { session: SessionId { head: 3, random: [4; 10] }, number: 5 };
    let (public, random) = (private.public(), CountingRandom::default());
    let class = PackClass::Data;
    let key = PackKey::create(&REPOSITORY, pack, class, Cipher::Aes256Gcm, &public, &random);
    key.header().to_vec()
}

/// What happens to bytes on the way.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, Index),
    Repeat(Index, Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let byte = prop_oneof![any::<u8>(), Just(0), Just(1), Just(0x7f), Just(0x80), Just(0xff)];
    prop_oneof![
        (any::<Index>(), 0..8u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        (any::<Index>(), byte).prop_map(|(at, byte)| Damage::Set(at, byte)),
        (any::<Index>(), vec(any::<u8>(), 1..9)).prop_map(|(at, new)| Damage::Insert(at, new)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Damage::Remove(from, to)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Damage::Repeat(from, to)),
    ]
}

fn apply(bytes: &mut Vec<u8>, damage: &Damage) {
    let range = |from: &Index, to: &Index| {
        let (from, to) = (from.index(bytes.len() + 1), to.index(bytes.len() + 1));
        from.min(to)..from.max(to)
    };
    match damage {
        _ if bytes.is_empty() => {}
        Damage::Flip(at, bit) => {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        Damage::Set(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        Damage::Insert(at, new) => {
            let at = at.index(bytes.len() + 1);
            bytes.splice(at..at, new.iter().copied());
        }
        Damage::Remove(from, to) => {
            bytes.drain(range(from, to));
        }
        Damage::Repeat(from, to) => {
            let range = range(from, to);
            let copy = bytes[range.clone()].to_vec();
            bytes.splice(range.end..range.end, copy);
        }
    }
}

/// Runs each decoder on what `inputs` makes for it.
fn run_all(cases: u32, inputs: impl Fn(&str) -> BoxedStrategy<Vec<u8>>) {
    for target in fuzz::TARGETS {
        let mut runner = TestRunner::new(generate::cases(cases));
        let outcome = runner.run(&inputs(target.name), |bytes| {
            (target.run)(&bytes);
            Ok(())
        });
        if let Err(error) = outcome {
            panic!("{}: {error}", target.name);
        }
    }
}

#[test]
fn no_decoder_panics_on_random_bytes() {
    run_all(300, |_| prop_oneof![vec(any::<u8>(), 0..64), vec(0..3u8, 0..64)].boxed());
}

#[test]
fn no_decoder_panics_on_random_bytes_of_the_right_version() {
    run_all(300, |name| {
        let prefix = match name {
            "config" => b"icecore repository\n\x01".to_vec(),
            "envelope" => b"ICEE\x01\x01\x01".to_vec(),
            "key_slot" => b"ICEK\x01\x00".to_vec(),
            "pack_header" => pack_header()[..31].to_vec(),
            "beside" => vec![3, 0, 1],
            "entry_body" => vec![1, 1],
            "ledger_entry" => [vec![0; 64], vec![1]].concat(),
            _ => vec![1],
        };
        vec(any::<u8>(), 0..64).prop_map(move |rest| [prefix.as_slice(), &rest].concat()).boxed()
    });
}

#[test]
fn valid_bytes_pass_every_decoder() {
    run_all(30, valid);
}

#[test]
fn no_decoder_panics_on_valid_bytes_that_were_damaged() {
    run_all(200, |name| {
        (valid(name), vec(damage(), 1..4))
            .prop_map(|(mut bytes, damages)| {
                for damage in &damages {
                    apply(&mut bytes, damage);
                }
                bytes
            })
            .boxed()
    });
}

#[test]
fn every_decoder_has_a_fuzz_target_and_every_fuzz_target_is_a_decoder() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let files: BTreeSet<_> = std::fs::read_dir(directory.join("fuzz_targets"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let expected: BTreeSet<_> =
        fuzz::TARGETS.iter().map(|target| format!("{}.rs", target.name)).collect();
    assert_eq!(files, expected);
    let manifest = std::fs::read_to_string(directory.join("Cargo.toml")).unwrap();
    for file in files {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{file}\"")), "{file}");
    }
}
