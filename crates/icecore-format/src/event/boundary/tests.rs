use super::Boundary;
use crate::config::ChunkBytes;
use crate::random::{CountingRandom, Random, random_bytes};

const SIZES: ChunkBytes = ChunkBytes { min: 1 << 10, average: 4 << 10, max: 16 << 10 };

/// Records of random bytes whose lengths are spread evenly up to `longest`.
fn records(random: &CountingRandom, longest: u32, total_bytes: usize) -> Vec<Vec<u8>> {
    let (mut records, mut bytes) = (Vec::new(), 0);
    while bytes < total_bytes {
        let length = 1 + u32::from_le_bytes(random_bytes(random)) % longest;
        let mut record = vec![0; length as usize];
        random.fill(&mut record);
        bytes += record.len();
        records.push(record);
    }
    records
}

/// A boundary under a key as random as keys are.
fn boundary(key: u8) -> Boundary {
    Boundary::new(blake3::hash(&[key]).as_bytes(), SIZES)
}

fn is_after(boundary: &Boundary, record: &[u8]) -> bool {
    boundary.is_after(boundary.hash(record), record.len())
}

fn boundaries(key: u8, records: &[Vec<u8>]) -> Vec<bool> {
    let boundary = boundary(key);
    records.iter().map(|record| is_after(&boundary, record)).collect()
}

#[test]
fn boundaries_are_the_average_apart_whatever_the_length_of_records() {
    let random = CountingRandom::default();
    for longest in [64, 700, 3000] {
        let records = records(&random, longest, 8 << 20);
        let bytes: usize = records.iter().map(Vec::len).sum();
        let count = boundaries(1, &records).into_iter().filter(|is| *is).count();
        let mean = bytes as f64 / count as f64;
        let expected = f64::from(SIZES.average);
        assert!((mean / expected - 1.0).abs() < 0.1, "{mean} with records of up to {longest}");
    }
}

#[test]
fn boundaries_of_records_that_differ_in_a_counter_alone_are_the_average_apart() {
    let records: Vec<_> = (0..40_000u32)
        .map(|number| format!("{{\"order\":{number},\"customer\":\"{}\"}}", number % 50))
        .map(|record| record.repeat(5).into_bytes())
        .collect();
    let bytes: usize = records.iter().map(Vec::len).sum();
    let count = boundaries(1, &records).into_iter().filter(|is| *is).count();
    let mean = bytes as f64 / count as f64;
    assert!((mean / f64::from(SIZES.average) - 1.0).abs() < 0.1, "{mean}");
}

#[test]
fn a_boundary_depends_on_the_record_and_the_key_alone() {
    let records = records(&CountingRandom::default(), 700, 1 << 20);
    let first = boundaries(1, &records);
    let mut backwards = records.clone();
    backwards.reverse();
    let mut reversed = boundaries(1, &backwards);
    reversed.reverse();
    assert_eq!(first, reversed);
    assert_ne!(first, boundaries(2, &records));
}

#[test]
fn any_byte_of_a_record_can_make_it_a_boundary() {
    let boundary = boundary(1);
    for length in [1, 15, 16, 17, 40, 64, 130] {
        for at in 0..length {
            let record = |byte| {
                let mut record = vec![0; length];
                record[at] = byte;
                record
            };
            let hashes: std::collections::BTreeSet<_> =
                (0..=255).map(|byte| boundary.hash(&record(byte))).collect();
            assert_eq!(hashes.len(), 256, "byte {at} of {length}");
        }
    }
    assert_ne!(boundary.hash(&[0; 3]), boundary.hash(&[0; 4]));
}

#[test]
fn a_record_as_long_as_a_chunk_is_a_boundary_and_an_empty_one_never() {
    let boundary = boundary(1);
    for byte in 0..=255 {
        assert!(is_after(&boundary, &vec![byte; SIZES.average as usize]));
    }
    assert!(!is_after(&boundary, b""));
}

/// The hash as docs/format.md, "Event chunks", has it: step by step.
fn hash_by_the_page(key: &[u8; 32], body: &[u8]) -> u64 {
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        product as u64 ^ (product >> 64) as u64
    };
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
    let [k0, k1, k2, k3] = [0, 8, 16, 24].map(|at| word(&key[at..at + 8]));
    let mut lanes = [k0, k3, k0.rotate_left(32), k3.rotate_left(32)];
    for (i, step) in body.chunks(16).enumerate() {
        let mut padded = [0; 16];
        padded[..step.len()].copy_from_slice(step);
        let (low, high) = (word(&padded[..8]), word(&padded[8..]));
        let lane = lanes[i % 4];
        lanes[i % 4] = fold(low ^ k1 ^ lane, high ^ k2) ^ lane.rotate_left(23);
    }
    let [a, b, c, d] = lanes;
    let all = fold(a ^ k1, b.rotate_left(17) ^ k2) ^ fold(c ^ k3, d.rotate_left(41) ^ k0);
    fold(all ^ k1, body.len() as u64 ^ k2)
}

#[test]
fn the_hash_is_the_one_that_the_page_describes() {
    let mut bytes = vec![0; 300];
    CountingRandom::default().fill(&mut bytes);
    for key in 0..4 {
        for length in 0..bytes.len() {
            let expected = hash_by_the_page(blake3::hash(&[key]).as_bytes(), &bytes[..length]);
            assert_eq!(boundary(key).hash(&bytes[..length]), expected, "{length}");
        }
    }
}
