//! Writes a generated event store as NDJSON: `generate-events --events 3000000 --seed 1 --output FILE`.
//!
//! `--shape` selects the payloads (see `icecore_benches::events::Shape`); without `--output` the
//! lines go to standard output.

#![allow(clippy::print_stderr, reason = "a program of developers, run from a terminal")]

use std::fs::File;
use std::io::{self, Write};
use std::process::ExitCode;

use icecore_benches::events::{Generator, Shape};

struct Options {
    shape: Shape,
    events: u64,
    seed: u64,
    output: Option<String>,
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            let shapes = Shape::ALL.map(|(name, _)| name).join("|");
            eprintln!("error: {problem}");
            eprintln!(
                "usage: generate-events --events N --seed N [--output FILE] [--shape {shapes}]"
            );
            return ExitCode::from(2);
        }
    };
    match generate(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: cannot write the events: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { shape: Shape::Orders, events: 3_000_000, seed: 1, output: None };
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse().map_err(|_| format!("{value} is not a number"));
        match name.as_str() {
            "--events" => options.events = number()?,
            "--seed" => options.seed = number()?,
            "--shape" => {
                options.shape = Shape::named(&value).ok_or(format!("there is no shape {value}"))?;
            }
            "--output" => options.output = Some(value),
            _ => return Err(format!("there is no option {name}")),
        }
    }
    Ok(options)
}

/// Bytes collected before each write.
const BUFFER_BYTES: usize = 1 << 20;

fn generate(options: &Options) -> io::Result<()> {
    let mut output: Box<dyn Write> = match &options.output {
        Some(path) => Box::new(File::create(path)?),
        None => Box::new(io::stdout().lock()),
    };
    let mut generator = Generator::new(options.shape, options.seed);
    let mut lines = Vec::with_capacity(BUFFER_BYTES);
    for _ in 0..options.events {
        generator.append_line(&mut lines);
        if lines.len() >= BUFFER_BYTES {
            output.write_all(&lines)?;
            lines.clear();
        }
    }
    output.write_all(&lines)?;
    output.flush()
}
