//! What is fuzzed: one function per decoder of `icecore-format`. None may panic, whatever the bytes,
//! and what decodes must come back after it was encoded.
//!
//! The targets in `fuzz_targets/` call one each. The test `garbage` of `icecore-format` runs the
//! same functions on the stable compiler, so nothing here may need anything but that crate.

use icecore_format::block::{self, BlockPlace};
use icecore_format::checkpoint::{self, LedgerState};
use icecore_format::cipher::{Cipher, SealingKey};
use icecore_format::columns::{Decoder, Encoder};
use icecore_format::config::Config;
use icecore_format::envelope::{self, EnvelopeKind};
use icecore_format::event::time_text;
use icecore_format::event::{
    Beside, BesideBuilder, Event, EventId, EventTime, FormKind, Members, Payload, Pieces, Template,
    records,
};
use icecore_format::event_log::{LogNode, Segment, StreamPage};
use icecore_format::index_run::IndexRun;
use icecore_format::keys::KeySet;
use icecore_format::keys::class::PrivateKey;
use icecore_format::keys::signing::SigningKey;
use icecore_format::keys::slot::KeySlot;
use icecore_format::ledger::{EntryBody, LedgerObject, SignedEntry, Witness};
use icecore_format::pack::{self, Directory, PackKey};
use icecore_format::random::CountingRandom;
use icecore_format::record::{Reader, Record, put_varint};
use icecore_format::tail::TailRecord;
use icecore_format::tree::TreeNode;
use icecore_format::{
    ChunkKind, DecodeError, KeyId, PackClass, PackId, RepositoryId, SessionId, SnapshotId,
    Timestamp,
};
use std::fmt::{Debug, Display};
use std::str::FromStr;

/// A decoder, as it is fuzzed.
pub struct Target {
    /// What it is called, here and in `fuzz_targets/`.
    pub name: &'static str,
    /// Decodes whatever it is given.
    pub run: fn(&[u8]),
}

macro_rules! targets {
    ($($name:ident,)*) => {
        /// All decoders.
        pub const TARGETS: &[Target] = &[$(Target { name: stringify!($name), run: $name }),*];
    };
}

targets! {
    beside,
    block,
    checkpoint,
    columns,
    columns_back,
    config,
    directory,
    entry_body,
    envelope,
    event_chunk,
    footer,
    id,
    index_run,
    key_set,
    key_slot,
    ledger_entry,
    ledger_object,
    log_node,
    pack_header,
    segment,
    stream_page,
    tail_record,
    template,
    time_text,
    tree_node,
    varint,
    witness,
}

const REPOSITORY: RepositoryId = RepositoryId([1; 16]);
const PACK: PackId = PackId { session: SessionId { head: 3, random: [4; 10] }, number: 5 };

/// Requires that what `bytes` decode to comes back.
fn comes_back<T: PartialEq + Debug>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, DecodeError>,
    encode: impl Fn(&T) -> Vec<u8>,
) {
    if let Ok(value) = decode(bytes) {
        assert_eq!(decode(&encode(&value)), Ok(value));
    }
}

fn record<R: Record + PartialEq + Debug>(bytes: &[u8]) {
    comes_back(bytes, R::decode, R::encode);
}

/// A number from the front of `bytes`, and what follows.
fn number(bytes: &[u8]) -> (u16, &[u8]) {
    match bytes.split_first_chunk() {
        Some((number, rest)) => (u16::from_le_bytes(*number), rest),
        None => (0, bytes),
    }
}

/// The object `config`.
pub fn config(bytes: &[u8]) {
    comes_back(bytes, Config::from_object, Config::to_object);
    record::<Config>(bytes);
}

/// The object of a tree node.
pub fn tree_node(bytes: &[u8]) {
    record::<TreeNode>(bytes);
}

/// A segment of an event log.
pub fn segment(bytes: &[u8]) {
    record::<Segment>(bytes);
}

/// A node of an event log.
pub fn log_node(bytes: &[u8]) {
    record::<LogNode>(bytes);
}

/// A page of a stream directory.
pub fn stream_page(bytes: &[u8]) {
    if let Ok(page) = StreamPage::decode(bytes) {
        assert_eq!(page.encode(), bytes, "one spelling");
        for stream in page.streams {
            assert_eq!(stream.chunk_indices().count(), stream.chunks.len());
        }
    }
}

/// A witness.
pub fn witness(bytes: &[u8]) {
    record::<Witness>(bytes);
}

/// The record of an object of a tail.
pub fn tail_record(bytes: &[u8]) {
    record::<TailRecord>(bytes);
}

/// A ledger object, and whatever of its items is an entry.
pub fn ledger_object(bytes: &[u8]) {
    comes_back(bytes, LedgerObject::open, LedgerObject::encode);
    if let Ok(object) = LedgerObject::open(bytes) {
        object.items.iter().for_each(|item| ledger_entry(item));
    }
}

/// A signed entry.
pub fn ledger_entry(bytes: &[u8]) {
    comes_back(bytes, SignedEntry::from_bytes, SignedEntry::to_bytes);
    if let Ok(signed) = SignedEntry::from_bytes(bytes) {
        assert_eq!(signed.to_bytes(), bytes);
        let key = SigningKey::from_bytes([7; 32]);
        signed.is_signed_by(&REPOSITORY, &key.verifying_key());
        let again = SignedEntry::sign(&REPOSITORY, signed.entry().clone(), &key);
        assert_eq!(again.entry(), signed.entry());
    }
}

/// The body of an entry; the first byte is its kind.
pub fn entry_body(bytes: &[u8]) {
    if let Some((&kind, body)) = bytes.split_first() {
        comes_back(body, |body| EntryBody::decode(kind, body), EntryBody::encode);
        if let Ok(EntryBody::Commit(commit)) = EntryBody::decode(kind, body)
            && let Some(log) = commit.snapshot.event_log
        {
            log.span();
        }
    }
}

/// A checkpoint: its state, and with its signature.
pub fn checkpoint(bytes: &[u8]) {
    record::<LedgerState>(bytes);
    let key = SigningKey::from_bytes([7; 32]).verifying_key();
    let open = |bytes: &[u8]| checkpoint::open(&REPOSITORY, |_| Some(key), bytes);
    let sign = |state: &LedgerState| {
        checkpoint::sign(&REPOSITORY, state, &SigningKey::from_bytes([7; 32]))
    };
    comes_back(bytes, open, sign);
}

/// The plaintext of a pack's directory.
pub fn directory(bytes: &[u8]) {
    comes_back(bytes, Directory::decode, Directory::encode);
    if let Ok(directory) = Directory::decode(bytes) {
        // Varints are the shortest, so there is one spelling.
        assert_eq!(directory.encode(), bytes);
    }
}

/// A pack's footer, in a pack of some length.
pub fn footer(bytes: &[u8]) {
    let (length, footer) = number(bytes);
    let pack_bytes = u64::from(length);
    if let Ok(directory) = pack::directory_bytes(footer, pack_bytes) {
        assert!(u64::from(directory) < pack_bytes);
    }
}

/// A pack's header.
pub fn pack_header(bytes: &[u8]) {
    let private = PrivateKey::from_bytes([3; 32]);
    PackKey::class_of(bytes);
    for class in PackClass::ALL {
        if let Ok(key) = PackKey::open(&REPOSITORY, PACK, class, &private, bytes) {
            assert_eq!(key.header(), bytes);
        }
    }
}

/// The frame of a block, sealed as by somebody who has the key. The first two bytes are the length
/// that the directory has.
pub fn block(bytes: &[u8]) {
    let (raw_bytes, frame) = number(bytes);
    let place = BlockPlace { pack: PACK, number: 6, kind: ChunkKind::Events };
    let mut associated = PACK.to_bytes().to_vec();
    associated.extend_from_slice(&place.number.to_le_bytes());
    associated.push(place.kind as u8);
    let key = SealingKey::new(Cipher::Aes256Gcm, &[7; 32]);
    let mut sealed = frame.to_vec();
    key.seal(u64::from(place.number), &associated, &mut sealed, 0);
    let raw_bytes = u32::from(raw_bytes);
    if let Ok(raw) = block::open(&place, &key, raw_bytes, sealed) {
        assert_eq!(raw.len(), raw_bytes as usize);
    }
    assert!(block::open(&place, &key, raw_bytes, frame.to_vec()).is_err());
}

/// A block in columns; the first two bytes are the length of what is in them.
pub fn columns(bytes: &[u8]) {
    let (raw_bytes, columns) = number(bytes);
    if let Ok(raw) = Decoder::default().decode(columns, raw_bytes.into()) {
        assert_eq!(raw.len(), usize::from(raw_bytes));
        columns_back(&raw);
    }
}

/// The plaintext of a block of events. What is put in columns comes back; repeated, most of it is.
pub fn columns_back(bytes: &[u8]) {
    let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
    for times in [1, 8] {
        let raw = bytes.repeat(times);
        let mut columns = Vec::new();
        if encoder.encode(&raw, 1, &mut columns) {
            assert!(columns.len() < raw.len());
            assert!(decoder.decode(&columns, raw.len()).as_ref() == Ok(&raw));
        }
    }
}

/// The plaintext of an index run.
pub fn index_run(bytes: &[u8]) {
    comes_back(bytes, IndexRun::decode, IndexRun::encode);
    if let Ok(run) = IndexRun::decode(bytes) {
        assert_eq!(run.encode(), bytes);
        for chunk in &run.chunks {
            assert!(run.find_all(&chunk.id).any(|found| found == chunk));
        }
    }
}

/// An envelope of each kind.
pub fn envelope(bytes: &[u8]) {
    for kind in [
        EnvelopeKind::Ledger,
        EnvelopeKind::Witness,
        EnvelopeKind::Checkpoint,
        EnvelopeKind::IndexRun,
    ] {
        if let Ok(plaintext) = envelope::open(kind, &[9; 32], "name", bytes) {
            assert!(plaintext.len() < bytes.len());
        }
    }
}

/// A key slot; it is not opened, since hostile costs take long.
pub fn key_slot(bytes: &[u8]) {
    if let Ok(slot) = KeySlot::decode(bytes) {
        assert_eq!(bytes.get(6..22), Some(slot.repository.0.as_slice()));
    }
}

/// A key set, and making a pack with its public keys.
pub fn key_set(bytes: &[u8]) {
    if let Ok(keys) = KeySet::decode(bytes) {
        let encoded = keys.encode();
        assert_eq!(KeySet::decode(&encoded).expect("it was encoded").encode(), encoded);
        for class in PackClass::ALL {
            let (random, public) = (CountingRandom::default(), keys.public(class));
            PackKey::create(&REPOSITORY, PACK, class, Cipher::Aes256Gcm, public, &random);
        }
    }
}

/// A chunk of event records.
pub fn event_chunk(bytes: &[u8]) {
    let Ok(bodies) = records(bytes) else { return };
    let mut again = bytes.get(..1).unwrap_or_default().to_vec();
    let mut whole = true;
    for body in bodies {
        let Some(event) = body.ok().and_then(|body| Event::decode_body(body).ok()) else {
            whole = false;
            continue;
        };
        event.members.iter().for_each(drop);
        if let Payload::Chunked(payload) = event.payload {
            assert!(payload.ids().count() > 0);
        }
        event.encode_into(&mut again);
    }
    if whole {
        assert_eq!(again, bytes, "an event has one spelling");
    }
}

/// What stands beside events; the first two bytes are their number.
pub fn beside(bytes: &[u8]) {
    let (events, bytes) = number(bytes);
    let Ok(decoded) = Beside::decode(bytes, u32::from(events)) else { return };
    let first_position = Some(u64::MAX - 1);
    let mut builder = BesideBuilder::new(decoded.form);
    let (mut forms, mut pieces) = decoded.forms(first_position);
    for _ in 0..events {
        let form = forms.next_form();
        assert_eq!(form.template.is_some(), decoded.form != FormKind::None);
        let Some(template) = form.template else {
            builder.push(form.position, None);
            continue;
        };
        let before = pieces.rest();
        if template.take_pieces(&mut pieces).is_err() {
            return;
        }
        let own = before.get(..before.len() - pieces.rest().len()).unwrap_or_default();
        builder.push(form.position, Some((template, own)));
    }
    let first_position = builder.first_position();
    let Some(again) = builder.finish() else { return };
    let again = Beside::decode(&again, u32::from(events)).expect("it was built");
    let ((mut expected, _), (mut found, mut pieces)) =
        (decoded.forms(Some(u64::MAX - 1)), again.forms(first_position));
    for _ in 0..events {
        let (expected, found) = (expected.next_form(), found.next_form());
        assert_eq!(found.position, expected.position);
        assert_eq!(found.template, expected.template);
        if let Some(template) = found.template {
            template.take_pieces(&mut pieces).expect("they were taken before");
        }
    }
    assert!(pieces.rest().is_empty());
}

/// A template; the first two bytes are its length, and its pieces follow.
pub fn template(bytes: &[u8]) {
    let (length, rest) = number(bytes);
    let (template, piece_bytes) = rest.split_at(usize::from(length).min(rest.len()));
    let Ok(template) = Template::decode(template) else { return };
    assert!(template.parts().all(|part| part.is_ok()));
    let mut members = Vec::new();
    Members::put(&mut members, "tenant", b"\"acme\"");
    let event = Event {
        stream: "order-\"7\"",
        version: 3,
        event_type: "Paid",
        id: EventId::Uuid([0xab; 16]),
        time: EventTime::At(Timestamp(1_795_239_000_123_456_789)),
        metadata: Some(b"{}"),
        members: Members::new(&members),
        payload: Payload::Inline(b"[1, 2]"),
    };
    let pieces = || Pieces::new(piece_bytes);
    let mut rendered = Vec::new();
    let outcome = template.render(&event, Some(500), b"[1, 2]", &mut pieces(), &mut rendered);
    let mut scratch = Vec::new();
    let renders = |scratch: &mut Vec<u8>, expected: &[u8]| {
        template.renders(&event, Some(500), b"[1, 2]", &mut pieces(), expected, scratch)
    };
    assert_eq!(renders(&mut scratch, &rendered), outcome.clone().map(|()| true));
    rendered.push(0);
    assert_eq!(renders(&mut scratch, &rendered), outcome.clone().map(|()| false));
    if outcome.is_ok() {
        assert!(template.take_pieces(&mut pieces()).is_ok());
    }
}

/// A time as text.
pub fn time_text(bytes: &[u8]) {
    if let Some((time, style)) = time_text::parse(bytes) {
        let mut again = Vec::new();
        time_text::put(&mut again, time, style);
        assert_eq!(again, bytes);
    }
}

/// A varint, and a signed one.
pub fn varint(bytes: &[u8]) {
    let mut reader = Reader::new("it", bytes);
    if let Ok(value) = reader.varint() {
        let mut again = Vec::new();
        put_varint(&mut again, value);
        assert_eq!(Some(again.as_slice()), bytes.get(..bytes.len() - reader.remaining()));
    }
    Reader::new("it", bytes).signed_varint().ok();
}

/// Ids as text.
pub fn id(bytes: &[u8]) {
    fn one_spelling<T: FromStr + Display>(text: &str) {
        if let Ok(id) = text.parse::<T>() {
            assert_eq!(id.to_string(), text);
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        one_spelling::<PackId>(text);
        one_spelling::<SessionId>(text);
        one_spelling::<KeyId>(text);
        one_spelling::<SnapshotId>(text);
        one_spelling::<icecore_format::ChunkId>(text);
    }
}
