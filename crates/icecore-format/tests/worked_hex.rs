//! The worked examples of `docs/format.md`: each block of hex there decodes to what stands beside
//! it, and is what the encoders write.
//!
//! After a change of the format, the blocks are written anew by
//! `cargo nextest run -p icecore-format --run-ignored only write_the_examples`.

#[path = "worked_hex/columns.rs"]
mod columns;
#[path = "worked_hex/examples.rs"]
mod examples;
#[path = "worked_hex/notes.rs"]
mod notes;

use examples::{EXAMPLES, Example};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A fenced block of hex on the page.
#[derive(Debug, PartialEq, Eq)]
struct Block {
    name: String,
    text: String,
}

impl Block {
    /// The bytes: digits before a `#`.
    fn bytes(&self) -> Vec<u8> {
        let digits: String = self
            .text
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default())
            .flat_map(str::split_whitespace)
            .collect();
        let pairs = digits.as_bytes().chunks(2);
        let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        pairs.map(byte).collect()
    }
}

fn page() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/format.md")
}

/// The page with every block of hex replaced by what `replace` makes of it.
fn with_blocks(page: &str, mut replace: impl FnMut(Block) -> String) -> String {
    let mut written = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        writeln!(written, "{line}").unwrap();
        let Some(name) = line.strip_prefix("```hex") else { continue };
        let name = name.trim().strip_prefix("name=").expect("a block of hex has a name");
        let body = lines.by_ref().take_while(|line| *line != "```");
        let text = body.fold(String::new(), |text, line| text + line + "\n");
        written += &replace(Block { name: name.to_owned(), text });
        written += "```\n";
    }
    written
}

fn blocks() -> Vec<Block> {
    let text = std::fs::read_to_string(page()).unwrap();
    let mut blocks = Vec::new();
    with_blocks(&text, |block| {
        blocks.push(block);
        String::new()
    });
    blocks
}

fn all() -> impl Iterator<Item = &'static Example> {
    EXAMPLES.iter().chain([&columns::COLUMNS, &columns::PLAN])
}

fn example(name: &str) -> &'static Example {
    let known = all().find(|example| example.name == name);
    known.unwrap_or_else(|| panic!("no test knows the example '{name}' of docs/format.md"))
}

#[test]
fn every_example_on_the_page_is_tested_and_every_tested_one_is_on_the_page_once() {
    let blocks = blocks();
    let names: BTreeSet<_> = blocks.iter().map(|block| example(&block.name).name).collect();
    assert_eq!(names.len(), blocks.len(), "an example stands on the page twice");
    for example in all() {
        assert!(names.contains(example.name), "the page has no example '{}'", example.name);
    }
}

#[test]
fn every_example_decodes_to_what_stands_beside_it() {
    for block in blocks() {
        let (example, bytes) = (example(&block.name), block.bytes());
        (example.check)(&bytes);
        assert_eq!((example.annotate)(&bytes), block.text, "{}", block.name);
    }
}

#[test]
fn every_example_is_what_is_written_today() {
    for block in blocks() {
        assert_eq!((example(&block.name).write)(), block.bytes(), "{}", block.name);
    }
}

/// The Rust sources below a directory.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn every_section_that_a_module_names_is_on_the_page() {
    let text = std::fs::read_to_string(page()).unwrap();
    let sections: BTreeSet<_> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let crates = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut named = 0;
    for file in sources(&crates) {
        let source = std::fs::read_to_string(&file).unwrap();
        for line in source.lines().filter(|line| line.starts_with("//! ")) {
            let Some((_, rest)) = line.split_once("docs/format.md, \"") else { continue };
            let section = rest.split('"').next().unwrap_or_default();
            assert!(sections.contains(section), "{}: {section}", file.display());
            named += 1;
        }
    }
    assert!(named > 20, "only {named} modules name a section");
}

#[test]
#[ignore = "writes docs/format.md: run it after a change of the format"]
fn write_the_examples() {
    let text = std::fs::read_to_string(page()).unwrap();
    let written = with_blocks(&text, |block| {
        let example = example(&block.name);
        (example.annotate)(&(example.write)())
    });
    std::fs::write(page(), written).unwrap();
}
