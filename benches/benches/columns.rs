//! Blocks of events in columns and in rows, encoded (with the verification) and decoded, for every
//! shape of events. `cargo bench -p icecore-benches --bench columns`.
//!
//! `cargo bench -p icecore-benches --bench columns -- --table [LEVEL]` prints ratios, which are
//! exact, and the best of some rounds of each block, which other work on the machine disturbs
//! least: docs/decisions/0004-columns.md quotes these.

#![allow(clippy::print_stdout, reason = "a program of developers, run from a terminal")]

use criterion::{Criterion, Throughput};
use icecore::source::{Source, SourceRequest};
use icecore_benches::events::{Generator, Shape};
use icecore_format::columns::{Decoder, Encoder};
use icecore_sources::events::ndjson::{MemberMap, NdjsonSource};
use std::time::Instant;
use tokio::runtime::Runtime;

/// As the product has them, by default: docs/decisions/0002-event-chunks.md.
const BLOCK_BYTES: usize = 2 << 20;
const CHUNK_BYTES: usize = 156 << 10;

/// Events of one shape.
struct Sample {
    /// Plaintexts of blocks.
    blocks: Vec<Vec<u8>>,
    /// The same events as NDJSON, in bytes.
    source_bytes: u64,
}

impl Sample {
    /// About `bytes` of NDJSON, in blocks of at most `events_max` events.
    fn new(shape: Shape, bytes: usize, block_bytes: usize, events_max: usize) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let path = directory.path().join("events.ndjson");
        let (mut generator, mut lines) = (Generator::new(shape, 1), Vec::new());
        while lines.len() < bytes {
            generator.append_line(&mut lines);
        }
        std::fs::write(&path, &lines).expect("a file can be written");
        let source = NdjsonSource::new(path, MemberMap::default());
        let (mut blocks, mut chunk, mut events) = (vec![vec![1]], 0, 0);
        let runtime = Runtime::new().expect("a runtime starts");
        runtime.block_on(async {
            let mut reader = source.open(&SourceRequest::default()).await.expect("it opens");
            while let Some(batch) = reader.next().await.expect("it can be read") {
                let batch = batch.parse().expect("it is JSON");
                let starts = [0].into_iter().chain(batch.record_ends.iter().copied());
                for (start, end) in starts.zip(&batch.record_ends) {
                    let record = &batch.records[start..*end];
                    let block = blocks.last_mut().expect("there is one");
                    if block.len() + record.len() > block_bytes || events == events_max {
                        blocks.push([&[1], record].concat());
                        (chunk, events) = (record.len(), 1);
                        continue;
                    }
                    if chunk > CHUNK_BYTES {
                        block.push(1);
                        chunk = 0;
                    }
                    block.extend_from_slice(record);
                    chunk += record.len();
                    events += 1;
                }
            }
        });
        Self { blocks, source_bytes: lines.len() as u64 }
    }
}

/// What encoding and decoding took, and what came out.
#[derive(Default)]
struct Figures {
    stored_bytes: u64,
    encode_nanos: u64,
    decode_nanos: u64,
}

impl Figures {
    /// The best of `rounds` for each block.
    fn of(
        sample: &Sample,
        rounds: u32,
        mut encode: impl FnMut(&[u8], &mut Vec<u8>),
        mut decode: impl FnMut(&[u8], usize),
    ) -> Self {
        let mut figures = Self::default();
        let mut encoded = Vec::new();
        for block in &sample.blocks {
            let (mut encode_nanos, mut decode_nanos) = (u128::MAX, u128::MAX);
            for _ in 0..rounds {
                encoded.clear();
                let start = Instant::now();
                encode(block, &mut encoded);
                encode_nanos = encode_nanos.min(start.elapsed().as_nanos());
                let start = Instant::now();
                decode(&encoded, block.len());
                decode_nanos = decode_nanos.min(start.elapsed().as_nanos());
            }
            // What a block costs beside its content.
            figures.stored_bytes += encoded.len() as u64 + 64;
            figures.encode_nanos += encode_nanos as u64;
            figures.decode_nanos += decode_nanos as u64;
        }
        figures
    }

    /// A ratio, and megabytes of NDJSON a second.
    fn cells(&self, source_bytes: u64) -> String {
        let speed = |nanos: u64| source_bytes as f64 * 1000.0 / nanos as f64;
        format!(
            "{:.2} | {:.0} | {:.0}",
            source_bytes as f64 / self.stored_bytes as f64,
            speed(self.encode_nanos),
            speed(self.decode_nanos),
        )
    }
}

fn rows(sample: &Sample, level: i32, rounds: u32) -> Figures {
    let mut compressor = zstd::bulk::Compressor::new(level).expect("there is memory");
    let mut decompressor = zstd::bulk::Decompressor::new().expect("there is memory");
    Figures::of(
        sample,
        rounds,
        |block, encoded| {
            encoded.reserve(zstd::zstd_safe::compress_bound(block.len()));
            compressor.compress_to_buffer(block, encoded).expect("there is room");
        },
        |encoded, length| {
            decompressor.decompress(encoded, length).expect("it was compressed");
        },
    )
}

fn columns(sample: &Sample, level: i32, rounds: u32) -> Figures {
    let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
    Figures::of(
        sample,
        rounds,
        |block, encoded| assert!(encoder.encode(block, level, encoded), "not worth it"),
        |encoded, length| {
            decoder.decode(encoded, length).expect("it was encoded");
        },
    )
}

fn table(level: i32) {
    println!(
        "| shape, level {level} | rows: ratio | encode | decode | columns: ratio | encode | decode |"
    );
    println!("|---|---|---|---|---|---|---|");
    let print = |name: &str, sample: &Sample| {
        let (rows, columns) = (rows(sample, level, 7), columns(sample, level, 7));
        let cells = [&rows, &columns].map(|figures| figures.cells(sample.source_bytes));
        println!("| {name} | {} |", cells.join(" | "));
    };
    for (name, shape) in Shape::ALL {
        print(name, &Sample::new(shape, 20 << 20, BLOCK_BYTES, usize::MAX));
    }
    for kib in [64, 256, 512, 1024, 4096] {
        let sample = Sample::new(Shape::Orders, 20 << 20, kib << 10, usize::MAX);
        print(&format!("orders, {kib} KiB"), &sample);
    }
    for events in [8, 32, 100, 1000] {
        let sample = Sample::new(Shape::Orders, 10 << 20, BLOCK_BYTES, events);
        print(&format!("orders, {events} events"), &sample);
    }
}

fn measure(criterion: &mut Criterion) {
    for (name, shape) in Shape::ALL {
        let sample = Sample::new(shape, 3 << 20, BLOCK_BYTES, usize::MAX);
        let block = sample.blocks.first().expect("there is one");
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(block.len() as u64)).sample_size(20);
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
        let mut block_in_columns = Vec::new();
        group.bench_function("encode", |bencher| {
            bencher.iter(|| {
                block_in_columns.clear();
                encoder.encode(block, 1, &mut block_in_columns)
            });
        });
        group.bench_function("decode", |bencher| {
            bencher.iter(|| decoder.decode(&block_in_columns, block.len()));
        });
        let mut compressor = zstd::bulk::Compressor::new(1).expect("there is memory");
        group.bench_function("rows", |bencher| bencher.iter(|| compressor.compress(block)));
        group.finish();
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--table") {
        let level = arguments.get(at + 1).and_then(|level| level.parse().ok()).unwrap_or(1);
        return table(level);
    }
    let mut criterion = Criterion::default().configure_from_args();
    measure(&mut criterion);
    criterion.final_summary();
}
