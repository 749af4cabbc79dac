//! Ctrl-C and SIGTERM.

use crate::support::{Sandbox, shop};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};
use std::time::Duration;

/// Time for a signal to arrive: it is handled at once, but by another process.
const MOMENT: Duration = Duration::from_millis(300);

/// A backup from standard input that has read some of it and waits for more.
fn waiting_backup(sandbox: &Sandbox) -> Child {
    let mut child =
        sandbox.command(["backup", "events", "-", "--json"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(shop(3).as_bytes()).unwrap();
    let mut status = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut status).unwrap();
    assert!(status.contains("\"status\""), "{status}");
    child
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
    std::thread::sleep(MOMENT);
}

#[test]
fn an_interrupted_backup_commits_nothing() {
    for signal_kind in [Signal::INT, Signal::TERM] {
        let sandbox = Sandbox::new();
        let mut child = waiting_backup(&sandbox);
        signal(&child, signal_kind);
        // As when Ctrl-C ends the program that writes, too: what was read looks complete.
        drop(child.stdin.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130));
        assert!(String::from_utf8(output.stderr).unwrap().contains("\"code\":130"));
        assert!(sandbox.json(["snapshots"]).is_empty());
        sandbox.run(["check", "--read-data"]).expect(0);
    }
}

#[test]
fn a_second_interruption_waits_for_nothing() {
    let sandbox = Sandbox::new();
    let mut child = waiting_backup(&sandbox);
    signal(&child, Signal::INT);
    assert_eq!(child.try_wait().unwrap(), None);
    signal(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(sandbox.json(["snapshots"]).is_empty());
}

#[test]
fn what_has_nothing_to_end_safely_ends_at_once() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(["snapshots"]);
    command.env("ICECORE_PASSWORD_COMMAND", "sleep 20").env_remove("ICECORE_PASSWORD");
    let mut child = command.spawn().unwrap();
    std::thread::sleep(MOMENT);
    signal(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
