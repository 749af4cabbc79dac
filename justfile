# Thin names for what the tools do. `just` lists them.

_default:
    @just --list

# Formatting, lints, documentation: what must be clean before anything is merged.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --all-features -- --deny warnings
    RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --no-deps --all-features

# What programs that embed icecore can use, as docs/api has it: written anew, or with --check compared.
public-api *ARGS:
    scripts/public-api {{ARGS}}

# All tests.
test *ARGS:
    scripts/test {{ARGS}}

# Random operations against a map in memory, thousands of times: minutes.
model:
    cargo test --release -p icecore-tests --test it -- --ignored --nocapture model::

# All properties ROUNDS times, with other random cases each time.
properties ROUNDS="20":
    for round in $(seq {{ROUNDS}}); do cargo nextest run --workspace --all-features --lib --test '*'; done

# ROUNDS times a hundred backups that are killed at a random moment.
torture ROUNDS="10":
    for round in $(seq {{ROUNDS}}); do cargo test --release -p icecore-cli --test it -- --ignored kill::; done

# MINUTES of four writers to PostgreSQL, while the follower is killed every few seconds; then all is compared.
follow-torture MINUTES="15":
    ICECORE_TORTURE_MINUTES={{MINUTES}} cargo test --release -p icecore-cli --test it -- --ignored --exact --nocapture follow_postgres::torture

# One stream after ten thousand incremental backups: minutes.
incrementals:
    cargo test --release -p icecore-tests --test it -- --ignored --nocapture incremental::

# Writes the golden repositories of the present format anew: only before it is released.
golden:
    cargo test -p icecore-tests --test it -- --ignored --exact compat::write_golden

# Licences and advisories.
deny:
    cargo deny check

# Data for benchmarks: events as NDJSON, the same bytes on every machine.
generate EVENTS OUTPUT SEED="1":
    cargo run --release -p icecore-benches --bin generate-events -- --events {{EVENTS}} --seed {{SEED}} --output {{OUTPUT}}

# icecore beside its peers on the same data: WHAT is events, or postgres; see docs/comparison.md. `--help` shows ARGS.
compare WHAT="events" *ARGS:
    cargo build --release -p icecore-cli -p icecore-benches --bin icecore --bin compare
    "${CARGO_TARGET_DIR:-target}/release/compare" {{WHAT}} {{ARGS}}

# EVENTS narrow events in PostgreSQL: whether memory stays what it is. Takes 200 bytes an event of disk.
narrow EVENTS="100000000":
    just compare postgres-narrow --events {{EVENTS}} --rounds 1

# A follower at work: how late events are durable, what that takes, and what recovery takes then.
follow *ARGS:
    just compare follow {{ARGS}}

# A day of tail, one flush a second against one a minute: time, memory, requests. Minutes, and 2 GB of disk.
tail-scale *ARGS:
    just compare tail-scale {{ARGS}}

# A repository on S3 that is 30 ms away each way, beside one on a disk: minutes, and 6 GB of disk.
latency *ARGS:
    just compare latency {{ARGS}}

# An index of CHUNKS chunks from RUNS index runs: time, memory, bytes. Takes 50 bytes a chunk of disk twice.
index-scale CHUNKS="10000000" RUNS="10000":
    cargo bench -p icecore-benches --bench index-scale -- --chunks {{CHUNKS}} --runs {{RUNS}}

# A prune's plan for CHUNKS chunks and SNAPSHOTS snapshots: time and memory. Takes 300 bytes a chunk of disk.
prune-scale CHUNKS="1000000" SNAPSHOTS="1000":
    cargo bench -p icecore-benches --bench prune-scale -- --chunks {{CHUNKS}} --snapshots {{SNAPSHOTS}}

# Every fuzz target for SECONDS each; corpora are kept below fuzz/corpus. Needs cargo-fuzz.
fuzz-all SECONDS="60":
    #!/usr/bin/env bash
    set -euo pipefail
    cd fuzz
    for target in $(RUSTC_BOOTSTRAP=1 cargo fuzz list); do
        RUSTC_BOOTSTRAP=1 cargo fuzz run "$target" -- -max_total_time={{SECONDS}}
    done
