//! What holds of the source tree: who may know whom, and that every module says what it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// For each of our packages, those of ours that it depends on, but for tests.
fn edges() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let name = |value: &serde_json::Value| value["name"].as_str().unwrap().to_owned();
    let ours: BTreeSet<String> = packages.iter().map(name).collect();
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            let needed = dependencies.filter(|dependency| dependency["kind"] != "dev");
            (name(package), needed.map(name).filter(|name| ours.contains(name)).collect())
        })
        .collect()
}

#[test]
fn crates_know_only_those_that_the_architecture_lets_them_know() {
    let allowed: [(&str, &[&str]); 9] = [
        ("icecore", &["icecore-format", "icecore-store"]),
        (
            "icecore-benches",
            &[
                "icecore",
                "icecore-format",
                "icecore-sources",
                "icecore-store",
                "icecore-test-cluster",
                "icecore-test-servers",
            ],
        ),
        ("icecore-cli", &["icecore", "icecore-format", "icecore-sources", "icecore-store"]),
        ("icecore-format", &[]),
        ("icecore-sources", &["icecore", "icecore-format"]),
        ("icecore-store", &[]),
        ("icecore-test-cluster", &[]),
        ("icecore-test-servers", &[]),
        (
            "icecore-tests",
            &["icecore", "icecore-benches", "icecore-format", "icecore-sources", "icecore-store"],
        ),
    ];
    let edges = edges();
    let known: Vec<&str> = edges.keys().map(String::as_str).collect();
    assert_eq!(known, allowed.map(|(name, _)| name), "a new package needs its line here");
    for (name, may_know) in allowed {
        for other in &edges[name] {
            assert!(may_know.contains(&other.as_str()), "{name} must not know {other}");
        }
    }
}

/// The Rust files below the directories `directories` of all packages.
pub(crate) fn rust_files(directories: &[&str]) -> Vec<PathBuf> {
    let mut packages = vec![root().join("tests"), root().join("benches")];
    packages.extend(std::fs::read_dir(root().join("crates")).unwrap().map(|it| it.unwrap().path()));
    let below =
        |package: &PathBuf| directories.iter().map(|it| package.join(it)).collect::<Vec<_>>();
    let mut pending: Vec<PathBuf> = packages.iter().flat_map(below).collect();
    let mut files = Vec::new();
    while let Some(path) = pending.pop() {
        if let Ok(entries) = std::fs::read_dir(&path) {
            pending.extend(entries.map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    assert!(files.len() > 50, "the source files are elsewhere");
    files.sort_unstable();
    files
}

#[test]
fn every_module_begins_with_what_it_is() {
    // Tests beside a module are sentences already.
    let is_test = |path: &PathBuf| path.iter().any(|part| part == "tests" || part == "tests.rs");
    let is_bare = |path: &PathBuf| !std::fs::read_to_string(path).unwrap().starts_with("//! ");
    let mut bare = rust_files(&["src"]);
    bare.retain(|path| is_bare(path) && !is_test(&path.strip_prefix(root()).unwrap().to_owned()));
    assert!(bare.is_empty(), "without a header: {bare:#?}");
}

#[test]
fn every_document_that_a_module_names_is_there() {
    let mut missing = BTreeSet::new();
    for path in rust_files(&["src", "it", "tests"]) {
        let text = std::fs::read_to_string(&path).unwrap();
        for after in text.split("docs/").skip(1) {
            let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || "-_./".contains(c)));
            let name = &after[..end.unwrap_or(after.len())];
            let Some((document, _)) = name.split_once(".md") else { continue };
            let document = format!("docs/{document}.md");
            if !root().join(&document).exists() {
                missing.insert((document, path.strip_prefix(root()).unwrap().to_owned()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// A section that a header names in quotes, as in `Format: docs/format.md, "Packs"`.
#[test]
fn every_section_that_a_header_names_is_in_its_document() {
    let mut missing = BTreeSet::new();
    for path in rust_files(&["src"]) {
        let text = std::fs::read_to_string(&path).unwrap();
        let header: String = text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .map(|line| line.trim_start_matches("//!"))
            .collect();
        for after in header.split("docs/").skip(1) {
            let Some((document, rest)) = after.split_once(".md, \"") else { continue };
            if document.contains(char::is_whitespace) {
                continue;
            }
            let Some((section, _)) = rest.split_once('"') else { continue };
            let document = format!("docs/{document}.md");
            let content = std::fs::read_to_string(root().join(&document)).unwrap_or_default();
            let is_it = |line: &str| {
                line.starts_with('#') && line.trim_start_matches('#').trim() == section
            };
            if !content.lines().any(is_it) {
                missing.insert((
                    document,
                    section.to_owned(),
                    path.strip_prefix(root()).unwrap().to_owned(),
                ));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
