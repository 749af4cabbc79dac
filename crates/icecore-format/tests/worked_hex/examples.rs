//! The examples: how each is written, what it has to decode to, and its fields.

use super::notes::{Notes, quoted};
use icecore_format::block::Compression;
use icecore_format::cipher::Cipher;
use icecore_format::config::{self, Config};
use icecore_format::envelope::{self, EnvelopeKind};
use icecore_format::event::time_text;
use icecore_format::event::{
    Beside, BesideBuilder, Commit, Event, EventId, EventTime, FormKind, Member, Members, Payload,
    Pieces, RecordBodies, Style, Template,
};
use icecore_format::index_run::{IndexRun, RunPack};
use icecore_format::keys::class::{ENCAPSULATED_BYTES, KEM_ID, PrivateKey};
use icecore_format::keys::signing::SigningKey;
use icecore_format::keys::slot::{KeySlot, PasswordCost};
use icecore_format::keys::{KeySet, Role};
use icecore_format::ledger::body::Abort;
use icecore_format::ledger::{Entry, SignedEntry, Witness};
use icecore_format::pack::{
    self, Directory, DirectoryBlock, DirectoryChunk, FOOTER_BYTES, HEADER_BYTES, PackKey,
};
use icecore_format::random::CountingRandom;
use icecore_format::record::{Reader, Record as _, put_signed_varint, put_varint};
use icecore_format::{
    ChunkId, ChunkKind, Hash, PackClass, PackId, RepositoryId, SessionId, Timestamp,
};

/// A worked example of the page.
pub(crate) struct Example {
    /// What its block is called.
    pub(crate) name: &'static str,
    /// Its bytes, as they are written today.
    pub(crate) write: fn() -> Vec<u8>,
    /// Requires that these bytes decode to the example's values, and encode again to these bytes.
    pub(crate) check: fn(&[u8]),
    /// The text of the block: hex and notes.
    pub(crate) annotate: fn(&[u8]) -> String,
}

macro_rules! examples {
    ($($name:literal $module:ident,)*) => {
        /// All of them.
        pub(crate) const EXAMPLES: &[Example] = &[$(Example {
            name: $name,
            write: $module::write,
            check: $module::check,
            annotate: $module::annotate,
        }),*];
    };
}

examples! {
    "varint" varint,
    "signed-varint" signed_varint,
    "config" config_object,
    "witness" witness,
    "envelope" envelope_object,
    "directory" directory,
    "pack" whole_pack,
    "index-run" index_run,
    "key-slot" key_slot,
    "ledger-entry" ledger_entry,
    "event-record" event_record,
    "template" template,
    "beside" beside,
}

const REPOSITORY: RepositoryId = RepositoryId(*b"icecore-example!");
const SESSION: SessionId = SessionId { head: 7, random: *b"0123456789" };
const PACK: PackId = PackId { session: SESSION, number: 2 };
const CHUNK: &[u8] = b"hello, ice\n";

fn chunk_id() -> ChunkId {
    ChunkId([0xc1; 32])
}

fn note_pack_id(notes: &mut Notes<'_>) {
    notes.take(8, |_| format!("the session's head: {}", SESSION.head));
    notes.take(10, |_| "the session's random bytes");
    notes.take(4, |_| format!("the pack's number there: {}", PACK.number));
}

mod varint {
    use super::*;

    pub(super) fn write() -> Vec<u8> {
        let mut bytes = Vec::new();
        put_varint(&mut bytes, 300);
        bytes
    }

    pub(super) fn check(bytes: &[u8]) {
        assert_eq!(Reader::new("it", bytes).varint(), Ok(300));
    }

    pub(super) fn annotate(bytes: &[u8]) -> String {
        let mut notes = Notes::new(bytes);
        notes.varint("0x2c + 2 * 128");
        notes.finish()
    }
}

mod signed_varint {
    use super::*;

    pub(super) fn write() -> Vec<u8> {
        let mut bytes = Vec::new();
        for value in [-3, 3] {
            put_signed_varint(&mut bytes, value);
        }
        bytes
    }

    pub(super) fn check(bytes: &[u8]) {
        let mut reader = Reader::new("it", bytes);
        assert_eq!((reader.signed_varint(), reader.signed_varint()), (Ok(-3), Ok(3)));
    }

    pub(super) fn annotate(bytes: &[u8]) -> String {
        let mut notes = Notes::new(bytes);
        notes.signed_varint("2 * 3 - 1, the odd ones are negative");
        notes.signed_varint("2 * 3");
        notes.finish()
    }
}

mod config_object {
    use super::*;

    pub(super) fn value() -> Config {
        Config::new(REPOSITORY, Cipher::Aes256Gcm)
    }

    pub(super) fn write() -> Vec<u8> {
        value().to_object()
    }

    pub(super) fn check(bytes: &[u8]) {
        assert_eq!(Config::from_object(bytes), Ok(value()));
        assert_eq!(value().to_object(), bytes);
    }

    pub(super) fn annotate(bytes: &[u8]) -> String {
        let mut notes = Notes::new(bytes);
        notes.take(config::MAGIC.len(), |magic| format!("magic: {}", quoted(magic)));
        notes.byte("version");
        notes.take(16, |id| format!("repository: {}", quoted(id)));
        notes.byte("cipher");
        for what in ["events", "data"] {
            for size in ["min", "average", "max"] {
                notes.varint(&format!("{what}, {size}, in bytes"));
            }
        }
        notes.finish()
    }
}

mod witness {
    use super::*;

    pub(super) const VALUE: Witness = Witness { number: 41, head: Hash([0xaa; 32]) };

    pub(super) fn write() -> Vec<u8> {
        VALUE.encode()
    }

    pub(super) fn check(bytes: &[u8]) {
        assert_eq!(Witness::decode(bytes), Ok(VALUE));
        assert_eq!(VALUE.encode(), bytes);
    }

    pub(super) fn annotate(bytes: &[u8]) -> String {
        let mut notes = Notes::new(bytes);
        notes.byte("version");
        notes.varint("number");
        notes.take(32, |_| "head");
        notes.finish()
    }
}

mod envelope_object {
    use super::*;

    const KIND: EnvelopeKind = EnvelopeKind::Witness;
    const KEY: [u8; 32] = [9; 32];
    const NAME: &str = "witness/00000000000000000041";

    pub(super) fn write() -> Vec<u8> {
        let (random, cipher) = (CountingRandom::default(), Cipher::ChaCha20Poly1305);
        envelope::seal(KIND, cipher, &KEY, NAME, &witness::write(), &random)
    }

    pub(super) fn check(bytes: &[u8]) {
        assert_eq!(envelope::open(KIND, &KEY, NAME, bytes), Ok(witness::write()));
    }

    pub(super) fn annotate(bytes: &[u8]) -> String {
        let mut notes = Notes::new(bytes);
        notes.take(4, |magic| format!("magic: {}", quoted(magic)));
        notes.byte("version");
        notes.byte("kind");
        notes.byte("cipher");
        notes.take(32, |_| "salt");
        notes.take(32, |_| "key commitment");
        notes.take(witness::write().len(), |_| "the witness, sealed");
        notes.take(16, |_| "tag");
        notes.finish()
    }
}

mod directory {
    use super::*;

    pub(super) fn value() -> Directory {
        Directory {
            blocks: vec![DirectoryBlock {
                kind: ChunkKind::Data,
                offset: HEADER_BYTES as u32,
                stored_bytes: CHUNK.len() as u32 + 21,
                raw_bytes: CHUNK.len() as u32,
                chunks: vec![DirectoryChunk { id: chunk_id(), bytes: CHUNK.len() as u32 }],
            }],
        }
    }

    pub(super) fn write() -> Vec<u8> {
        value().encode()
    }

    pub(super) fn check(bytes: &[u8]) {
        assert_eq!(Directory::decode(bytes), Ok(value()));
        assert_eq!(value().encode(), bytes);
    }

    pub(super) fn annotate(bytes: &[u8]) -> String {
        let mut notes = Notes::new(bytes);
        notes.byte("version");
        let blocks = notes.varint("blocks");
        for _ in 0..blocks {
            notes.byte("kind of chunks");
            notes.varint("offset in the pack");
            notes.varint("stored bytes");
            let chunks = notes.varint("chunks");
            for _ in 0..chunks {
                notes.take(32, |_| "id");
                notes.varint("bytes");
            }
        }
        notes.finish()
    }
}

mod whole_pack {
    use super::*;

    fn private() -> PrivateKey {
        PrivateKey::from_bytes([3; 32])
    }

    pub(super) fn write() -> Vec<u8> {
        let key = PackKey::create(
            &REPOSITORY,
            PACK,
            PackClass::Data,
            Cipher::Aes256Gcm,
            &private().public(),
            &CountingRandom::default(),
        );
        let block = key.seal_block(0, ChunkKind::Data, Compression::None, CHUNK);
        [key.header(), &block, &key.seal_directory(&directory::value())].concat()
    }

    pub(super) fn check(bytes: &[u8]) {
        let (header, rest) = bytes.split_at(HEADER_BYTES);
        let key = PackKey::open(&REPOSITORY, PACK, PackClass::Data, &private(), header).unwrap();
        let (rest, footer) = rest.split_at(rest.len() - FOOTER_BYTES);
        let length = pack::directory_bytes(footer, bytes.len() as u64).unwrap() as usize;
        let (block, sealed) = rest.split_at(rest.len() - length);
        let listed = key.open_directory(sealed.to_vec()).unwrap();
        assert_eq!(listed, directory::value());
        assert_eq!(listed.blocks[0].stored_bytes as usize, block.len());
        let raw_bytes = listed.blocks[0].raw_bytes;
        let raw = key.open_block(0, ChunkKind::Data, raw_bytes, block.to_vec());
        assert_eq!(raw.as_deref(), Ok(CHUNK));
    }

    pub(super) fn annotate(bytes: &[u8]) -> String {
        let mut notes = Notes::new(bytes);
        notes.take(4, |magic| format!("magic: {}", quoted(magic)));
        notes.byte("version");
        notes.byte("cipher");
        notes.byte("class");
        note_pack_id(&mut notes);
        notes.take(2, |_| format!("KEM: {KEM_ID:#06x}"));
        notes.take(ENCAPSULATED_BYTES, |_| "encapsulated key");
        notes.take(32, |_| "key commitment");
        notes.take(5 + CHUNK.len(), |_| "block 0: codec, length and chunk, sealed");
        notes.take(16, |_| "tag");
        let length = directory::write().len();
        notes.take(length, |_| "the directory, sealed");
        notes.take(16, |_| "tag");
        let found = notes.u32("bytes of the sealed directory");
        assert_eq!(found as usize, length + 16);
        notes.take(4, |magic| format!("magic: {}", quoted(magic)));
        notes.finish()
    }
}

mod index_run {
    use super::*;

    fn value() -> IndexRun {
        let object = whole_pack::write();
        let pack = RunPack {
            id: PACK,
            class: PackClass::Data,
            bytes: object.len() as u64,
            hash: Hash(*blake3::hash(&object).as_bytes()),
        };
        let mut run = IndexRun::default();
        run.add(pack, &directory::value());
        run.sort();
        run
    }

    pub(super) fn write() -> Vec<u8> {
        value().encode()
    }

    pub(super) fn check(bytes: &[u8]) {
        let run = IndexRun::decode(bytes).unwrap();
        assert_eq!(run, value());
        assert_eq!(run.encode(), bytes);
        assert_eq!(run.find_all(&chunk_id()).count(), 1);
    }

    pub(super) fn annotate(bytes: &[u8]) -> String {
        let mut notes = Notes::new(bytes);
        notes.byte("version");
        let rows = ["packs", "blocks", "chunks"].map(|what| notes.u32(what));
        assert_eq!(rows, [1, 1, 1]);
        note_pack_id(&mut notes);
        notes.byte("class");
        notes.take(8, |bytes| {
            let length = u64::from_le_bytes(bytes.try_into().unwrap());
            format!("bytes of the pack: {length}")
        });
        notes.take(32, |_| "BLAKE3 of the pack");
        for what in
            ["the block's pack", "number there", "offset there", "stored bytes", "raw bytes"]
        {
            notes.u32(what);
        }
        notes.byte("kind of chunks");
        notes.take(32, |_| "id");
        for what in ["the chunk's block", "offset there", "bytes"] {
            notes.u32(what);
        }
        notes.finish()
    }
}

mod key_slot {
    use super::*;

    const PASSWORD: &[u8] = b"correct horse battery staple";

    fn keys() -> KeySet {
        let random = CountingRandom::default();
        let config = config_object::value().hash();
        KeySet::found(REPOSITORY, config, &random).for_role(Role::Writer, &random)
    }

    pub(super) fn write() -> Vec<u8> {
        let random = CountingRandom::default();
        KeySlot::seal(&keys(), PASSWORD, PasswordCost::TRIVIAL, &random).unwrap()
    }

    pub(super) fn check(bytes: &[u8]) {
        let slot = KeySlot::decode(bytes).unwrap();
        assert_eq!(slot.repository, REPOSITORY);
        assert_eq!(slot.id, keys().signing.verifying_key().id());
        let opened = slot.open(PASSWORD).unwrap().expect("the password is the page's");
        assert_eq!(opened.encode(), keys().encode());
        assert!(slot.open(b"another password").unwrap().is_none());
    }

    pub(super) fn annotate(bytes: &[u8]) -> String {
        let mut notes = Notes::new(bytes);
        notes.take(4, |magic| format!("magic: {}", quoted(magic)));
        notes.byte("version");
        notes.byte("kind");
        notes.take(16, |id| format!("repository: {}", quoted(id)));
        notes.take(16, |_| "key id");
        for what in ["memory, in KiB", "passes", "lanes"] {
            notes.u32(what);
        }
        notes.take(32, |_| "salt");
        notes.take(32, |_| "key commitment");
        notes.take(keys().encode().len(), |_| "the key set of a writer, sealed");
        notes.take(16, |_| "tag");
        notes.take(32, |_| "checksum");
        notes.finish()
    }
}

mod ledger_entry {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_bytes([7; 32])
    }

    fn value() -> Entry {
        Entry {
            number: 41,
            previous: Hash([0xaa; 32]),
            author: key().verifying_key().id(),
            nonce: *b"sixteen at will.",
            time: Timestamp(1_795_239_000_123_456_000),
            body: Abort { sessions: vec![SESSION], floor: 0 }.into(),
        }
    }

    pub(super) fn write() -> Vec<u8> {
        SignedEntry::sign(&REPOSITORY, value(), &key()).to_bytes()
    }

    pub(super) fn check(bytes: &[u8]) {
        let signed = SignedEntry::from_bytes(bytes).unwrap();
        assert_eq!(signed.entry(), &value());
        assert!(signed.is_signed_by(&REPOSITORY, &key().verifying_key()));
        assert_eq!(signed.to_bytes(), bytes);
    }

    pub(super) fn annotate(bytes: &[u8]) -> String {
        let mut notes = Notes::new(bytes);
        notes.take(
            64,
            |_| "signature over 'icecore ledger entry', the repository's id and what follows",
        );
        notes.byte("version");
        notes.varint("number");
        notes.take(32, |_| "previous");
        notes.take(16, |_| "author: the signing key's id");
        notes.take(16, |nonce| format!("nonce: {}", quoted(nonce)));
        notes.signed_varint("time, in nanoseconds");
        notes.byte("kind");
        notes.varint("bytes of the body");
        notes.byte("version");
        notes.varint("sessions");
        notes.varint("the session's head");
        notes.take(10, |random| format!("its random bytes: {}", quoted(random)));
        notes.varint("floor");
        notes.finish()
    }
}

mod event_record {
    use super::*;

    const UUID: [u8; 16] = 0x0193_4e5f_8a1c_7def_8123_4567_89ab_cdef_u128.to_be_bytes();

    pub(super) fn with_value<T>(f: impl FnOnce(&Event<'_>) -> T) -> T {
        let mut members = Vec::new();
        Members::put(&mut members, "tenant", b"\"acme\"");
        f(&Event {
            stream: "order-7",
            version: 3,
            event_type: "Paid",
            id: EventId::Uuid(UUID),
            time: EventTime::At(Timestamp(1_795_239_000_123_456_000)),
            metadata: Some(b"{}"),
            members: Members::new(&members),
            payload: Payload::Inline(b"{\"cents\":1250}"),
        })
    }

    pub(super) fn write() -> Vec<u8> {
        let mut bytes = Vec::new();
        with_value(|event| event.encode_into(&mut bytes));
        bytes
    }

    pub(super) fn check(bytes: &[u8]) {
        let body = RecordBodies::unversioned(bytes).next().unwrap().unwrap();
        let decoded = Event::decode_body(body).unwrap();
        with_value(|event| assert_eq!(&decoded, event));
        let mut again = Vec::new();
        decoded.encode_into(&mut again);
        assert_eq!(again, bytes);
    }

    pub(super) fn annotate(bytes: &[u8]) -> String {
        let mut notes = Notes::new(bytes);
        notes.varint("bytes of the body");
        notes.take(1, |flags| format!("flags: {:#010b}", flags[0]));
        notes.text("type");
        notes.text("stream");
        notes.varint("version");
        notes.take(8, |bytes| {
            let nanoseconds = i64::from_le_bytes(bytes.try_into().unwrap());
            let mut text = Vec::new();
            time_text::put(&mut text, Timestamp(nanoseconds), time_text::TimeStyle::MICROSECONDS);
            format!("time: {nanoseconds}, {}", quoted(&text))
        });
        notes.take(16, |_| "id: a UUID");
        notes.text("payload");
        notes.varint("members, in bytes");
        notes.text("name");
        notes.text("value");
        notes.rest(|metadata| format!("metadata: {}", quoted(metadata)));
        notes.finish()
    }
}

mod template {
    use super::*;

    /// A line of NDJSON whose author writes versions as text.
    pub(super) const LINE: &str = "{\"position\":500,\"stream_id\":\"order-7\",\"version\":3.0,\
        \"recorded_at\":\"2026-11-21T05:30:00.123456Z\",\"data\":{\"cents\":1250}}\n";

    pub(super) fn value() -> Template {
        let mut template = Template::default();
        let time = Style::Time(time_text::TimeStyle::MICROSECONDS);
        for (name, member, style) in [
            ("{\"position\":", Member::Position, Style::Canonical),
            (",\"stream_id\":", Member::Stream, Style::Canonical),
            (",\"version\":", Member::Version, Style::Verbatim),
            (",\"recorded_at\":", Member::Time, time),
            (",\"data\":", Member::Payload, Style::Canonical),
        ] {
            template.literal(name.as_bytes());
            template.hole(member, style);
        }
        template.literal(b"}\n");
        template
    }

    pub(super) fn pieces() -> Vec<u8> {
        let mut pieces = Vec::new();
        Pieces::put(&mut pieces, b"3.0");
        pieces
    }

    pub(super) fn write() -> Vec<u8> {
        value().as_bytes().to_vec()
    }

    pub(super) fn check(bytes: &[u8]) {
        let decoded = Template::decode(bytes).unwrap();
        assert_eq!(decoded, value());
        event_record::with_value(|event| {
            let Payload::Inline(payload) = event.payload else { panic!("it is inline") };
            let (mut line, pieces) = (Vec::new(), pieces());
            let mut pieces = Pieces::new(&pieces);
            decoded.render(event, Some(500), payload, &mut pieces, &mut line).unwrap();
            assert_eq!(String::from_utf8_lossy(&line), LINE);
        });
    }

    pub(super) fn annotate(bytes: &[u8]) -> String {
        let mut notes = Notes::new(bytes);
        note_parts(&mut notes, bytes.len());
        notes.finish()
    }

    pub(super) fn note_parts(notes: &mut Notes<'_>, bytes: usize) {
        let decoded = value();
        assert_eq!(decoded.as_bytes().len(), bytes);
        for part in decoded.parts() {
            use icecore_format::event::template::Part;
            match part.unwrap() {
                Part::Literal(literal) => {
                    notes.byte("a literal");
                    notes.varint("bytes");
                    notes.take(literal.len(), quoted);
                }
                Part::Hole(member, style) => {
                    let style = match style {
                        Style::Canonical => "our spelling".to_owned(),
                        Style::Time(style) => format!("time style {}", style.byte()),
                        Style::Verbatim => "verbatim".to_owned(),
                    };
                    notes.take(2, |_| format!("a hole: {member:?}, {style}").to_lowercase());
                }
            }
        }
    }
}

mod beside {
    use super::*;

    /// Three events: the second follows the first, the third leaves two positions out.
    const POSITIONS: [Option<u64>; 3] = [Some(500), Some(501), Some(504)];
    /// The first two are of one transaction, the third is of the next.
    const COMMITS: [Commit; 3] = [
        Commit { time: Timestamp(1_000), lsn: 70 },
        Commit { time: Timestamp(1_000), lsn: 70 },
        Commit { time: Timestamp(1_020), lsn: 75 },
    ];

    pub(super) fn write() -> Vec<u8> {
        let mut builder = BesideBuilder::new(FormKind::Lines);
        for (position, commit) in POSITIONS.into_iter().zip(COMMITS) {
            builder.commit(Some(commit));
            builder.push(position, Some((&template::value(), &template::pieces())));
        }
        assert_eq!(builder.first_position(), POSITIONS[0]);
        builder.finish().unwrap()
    }

    pub(super) fn check(bytes: &[u8]) {
        let decoded = Beside::decode(bytes, POSITIONS.len() as u32).unwrap();
        assert_eq!(decoded.form, FormKind::Lines);
        let (mut forms, mut pieces) = decoded.forms(POSITIONS[0]);
        let mut again = BesideBuilder::new(decoded.form);
        for (position, commit) in POSITIONS.into_iter().zip(COMMITS) {
            let form = forms.next_form();
            assert_eq!(form.position, position);
            assert_eq!(form.commit, Some(commit));
            again.commit(form.commit);
            assert_eq!(form.template, Some(&template::value()));
            form.template.unwrap().take_pieces(&mut pieces).unwrap();
            again.push(form.position, Some((&template::value(), &template::pieces())));
        }
        assert_eq!(again.finish().as_deref(), Some(bytes));
    }

    pub(super) fn annotate(bytes: &[u8]) -> String {
        let mut notes = Notes::new(bytes);
        notes.byte("version");
        notes.byte("form");
        notes.varint("events");
        notes.byte("kind of positions");
        for what in ["the first", "one after the other", "beyond one after the last"] {
            notes.byte("has a position");
            notes.signed_varint(what);
        }
        notes.varint("runs of one transaction");
        for (time, lsn) in [("time", "place in the log"), ("later by", "further by")] {
            notes.varint("events of the transaction");
            notes.byte("it is known");
            notes.signed_varint(time);
            notes.signed_varint(lsn);
        }
        notes.varint("templates");
        let length = notes.varint("bytes of the template") as usize;
        template::note_parts(&mut notes, length);
        notes.varint("runs");
        notes.varint("template of the run");
        notes.varint("events of the run");
        for _ in POSITIONS {
            notes.text("piece");
        }
        notes.finish()
    }
}
