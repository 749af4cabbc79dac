use super::*;
use std::fs;

fn shell(script: &str) -> Invocation {
    Invocation {
        program: "/bin/sh".into(),
        arguments: vec!["-c".to_owned(), script.to_owned()],
        environment: vec![
            ("PATH".into(), "/usr/bin:/bin".into()),
            ("GREETING".into(), "hello".into()),
        ],
        folder: "/".into(),
    }
}

/// Returns when a process that was killed is gone, or dead and not waited for yet by whoever adopted
/// it; one that was not killed would be there for a thousand seconds.
fn wait_until_gone(process: &str) {
    loop {
        let state = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        if state.is_empty() || state.contains(") Z ") {
            return;
        }
        thread::yield_now();
    }
}

#[test]
fn a_program_is_told_its_environment_and_nothing_else() {
    let output = shell("echo $GREETING$HOME$CARGO").output(&Interrupt::default()).unwrap();
    assert_eq!(output, b"hello\n");
}

#[test]
fn children_count_for_memory_and_time() {
    // A child of the shell fills a variable of 32 MB, and counts.
    let script = "sh -c 'x=$(head -c 32000000 /dev/zero | tr \"\\0\" x); i=0; \
                  while [ $i -lt 200000 ]; do i=$((i+1)); done'; true";
    let usage = shell(script).run(&Interrupt::default()).unwrap();
    assert!(usage.peak_anonymous_bytes > 30_000_000, "{usage:?}");
    assert!(usage.peak_resident_bytes >= usage.peak_anonymous_bytes, "{usage:?}");
    assert!(usage.user_s > 0.0, "{usage:?}");
}

#[test]
fn memory_that_a_child_has_of_its_parent_counts_once() {
    // Parts of the shell's own script, one in the other, which run beside it and are no other program.
    let script = "x=$(head -c 32000000 /dev/zero | tr '\\0' x); \
                  (i=0; (while [ $i -lt 200000 ]; do i=$((i+1)); done; true); true); true";
    let usage = shell(script).run(&Interrupt::default()).unwrap();
    // To fill the variable takes twice what it holds.
    assert!((30_000_000..80_000_000).contains(&usage.peak_anonymous_bytes), "{usage:?}");
}

#[test]
fn a_failure_names_the_command_and_ends_with_what_it_said() {
    let script = "for i in $(seq 5000); do echo line $i >&2; done; exit 7";
    let error = shell(script).run(&Interrupt::default()).unwrap_err();
    let RunError::Failed { command, status, stderr_end } = error else { panic!("{error}") };
    assert!(command.starts_with("sh -c for i in"), "{command}");
    assert_eq!(status.code(), Some(7));
    assert!(stderr_end.ends_with("line 4999\nline 5000"), "{stderr_end}");
    assert!(stderr_end.len() <= STDERR_BYTES_KEPT);
}

#[test]
fn a_program_that_is_not_there_is_an_error_of_its_own() {
    let missing = Invocation { program: "/nowhere/restic".into(), ..shell("") };
    let error = missing.run(&Interrupt::default()).unwrap_err();
    assert!(matches!(error, RunError::Run { .. }), "{error}");
}

#[test]
fn an_interruption_ends_a_program_and_everything_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let started = folder.path().join("started");
    // The first child ignores what the shell gets, the second outlives it.
    let script =
        format!("sleep 1000 & echo $! $$ > {}.part; mv {0}.part {0}; wait", started.display());
    let interrupt = Interrupt::default();
    let clone = interrupt.clone();
    let running = thread::spawn(move || shell(&script).run(&clone));
    let processes = loop {
        if let Ok(processes) = fs::read_to_string(&started) {
            break processes;
        }
        thread::yield_now();
    };
    interrupt.interrupt();
    assert!(matches!(running.join().unwrap(), Err(RunError::Interrupted)));
    for process in processes.split_whitespace() {
        wait_until_gone(process);
    }
}

#[test]
fn what_a_program_leaves_running_is_ended_and_not_waited_for() {
    let output = shell("sleep 1000 & echo $!").output(&Interrupt::default()).unwrap();
    let process = String::from_utf8(output).unwrap();
    wait_until_gone(process.trim());
}

#[test]
fn nothing_is_started_after_an_interruption() {
    let interrupt = Interrupt::default();
    interrupt.interrupt();
    let error = shell("exit 0").run(&interrupt).unwrap_err();
    assert!(matches!(error, RunError::Interrupted), "{error}");
}
