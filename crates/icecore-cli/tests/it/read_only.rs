//! Reading needs no right to write anything anywhere.

use crate::support::{Outcome, Sandbox, outcome_of, shop};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::SystemTime;

/// A home that nobody can make, not even root.
const NO_HOME: &str = "/proc/nobody";

fn run_without_home(sandbox: &Sandbox, arguments: &[&str]) -> Outcome {
    outcome_of(sandbox.command(arguments).env("HOME", NO_HOME))
}

/// Takes the right to write, or gives it back. Root has it anyway, so what is there is compared.
fn set_writable(path: &Path, writable: bool) {
    let mode = match (path.is_dir(), writable) {
        (true, true) => 0o700,
        (true, false) => 0o500,
        (false, true) => 0o600,
        (false, false) => 0o400,
    };
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            set_writable(&entry.unwrap().path(), writable);
        }
    }
}

fn times(sandbox: &Sandbox) -> Vec<SystemTime> {
    let files = sandbox.files("repository");
    let directories = files.iter().filter_map(|file| file.parent()).map(Path::to_owned);
    let times = directories.chain(files.clone()).map(|path| fs::metadata(path).unwrap());
    times.map(|metadata| metadata.modified().unwrap()).collect()
}

#[test]
fn all_that_reads_works_on_read_only_storage_without_a_home() {
    let sandbox = Sandbox::with_snapshot();
    let before = times(&sandbox);
    set_writable(&sandbox.path("repository"), false);
    for arguments in [
        &["snapshots"][..],
        &["show", "latest"],
        &["streams", "latest"],
        &["check", "--read-data"],
        &["log"],
    ] {
        let outcome = run_without_home(&sandbox, arguments).expect(0);
        assert!(!outcome.stdout.is_empty(), "{arguments:?}");
        assert_eq!(outcome.stderr, "", "{arguments:?}");
    }
    let restored = run_without_home(&sandbox, &["restore", "latest", "--target", "-"]).expect(0);
    assert_eq!(restored.stdout, shop(3));
    assert_eq!(times(&sandbox), before);
    set_writable(&sandbox.path("repository"), true);
}

#[test]
fn backups_work_without_a_home() {
    let sandbox = Sandbox::with_snapshot();
    let source = format!("ndjson:{}", sandbox.text("shop.ndjson"));
    let outcome = run_without_home(&sandbox, &["backup", "events", &source]).expect(0);
    assert_eq!(outcome.stderr, "");
    let mut command = sandbox.command(["snapshots", "--json"]);
    assert_eq!(outcome_of(command.env_remove("HOME")).expect(0).messages().len(), 2);
}

#[test]
fn local_files_go_to_their_xdg_directories_and_nowhere_else() {
    let sandbox = Sandbox::with_snapshot();
    let source = format!("ndjson:{}", sandbox.text("shop.ndjson"));
    sandbox.run(["backup", "events", &source]).expect(0);
    sandbox.run(["restore", "latest", "--target", "-"]).expect(0);
    let home = sandbox.path("home");
    for file in sandbox.files("home") {
        let below = file.strip_prefix(&home).unwrap();
        let allowed = [".cache/icecore", ".local/state/icecore"];
        assert!(allowed.iter().any(|directory| below.starts_with(directory)), "{}", file.display());
    }

    let sandbox = Sandbox::with_snapshot();
    let mut command = sandbox.command(["restore", "latest", "--target", "-"]);
    command
        .env("XDG_CACHE_HOME", sandbox.path("cache"))
        .env("XDG_STATE_HOME", sandbox.path("state"));
    outcome_of(&mut command).expect(0);
    assert!(sandbox.files("home").is_empty());
    assert!(sandbox.path("state/icecore").is_dir());

    let sandbox = Sandbox::with_snapshot();
    let cache = sandbox.text("elsewhere");
    sandbox.run(["restore", "latest", "--target", "-", "--no-cache"]).expect(0);
    assert!(!sandbox.path("home/.cache").exists());
    sandbox.run(["restore", "latest", "--target", "-", "--cache-dir", &cache]).expect(0);
    assert!(!sandbox.path("home/.cache").exists());
    assert!(!sandbox.files("elsewhere").is_empty());
}
