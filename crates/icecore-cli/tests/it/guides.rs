//! The units in the guides are what systemd takes. That their commands are what the parser takes is
//! shown beside the parser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const DIRECTORY: &str = "# /etc/systemd/system/";

/// The units in a guide, by name.
fn units(text: &str) -> Vec<(String, String)> {
    let mut units = Vec::<(String, String)>::new();
    let mut is_fenced = false;
    for line in text.lines() {
        if line.starts_with("```") {
            is_fenced = line == "```ini";
        } else if let Some(name) = line.strip_prefix(DIRECTORY).filter(|_| is_fenced) {
            units.push((name.to_owned(), String::new()));
        } else if is_fenced {
            let (_, unit) = units.last_mut().expect("a unit begins with its path");
            unit.push_str(line);
            unit.push('\n');
        }
    }
    units
}

fn guides() -> Vec<PathBuf> {
    let guides = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides");
    fs::read_dir(guides).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn systemd_takes_the_units_of_the_guides() {
    let directory = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for guide in guides() {
        for (name, unit) in units(&fs::read_to_string(guide).unwrap()) {
            // systemd looks whether the program is there.
            let unit = ["/usr/local/bin/icecore", "/usr/bin/icecore"]
                .iter()
                .fold(unit, |unit, path| unit.replace(path, env!("CARGO_BIN_EXE_icecore")));
            let path = directory.path().join(name);
            fs::write(&path, unit).unwrap();
            paths.push(path);
        }
    }
    assert!(paths.len() >= 5, "{paths:?}");
    // Where systemd is not, it says nothing of them.
    let Ok(output) = Command::new("systemd-analyze").arg("verify").args(&paths).output() else {
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let directory = directory.path().to_str().unwrap();
    let of_ours: Vec<_> = said.lines().filter(|line| line.contains(directory)).collect();
    assert!(of_ours.is_empty(), "{of_ours:?}");
}
