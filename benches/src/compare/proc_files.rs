//! What Linux tells about a process in `/proc`: memory while it runs, processor time when it ended.
//!
//! Source: `proc_pid_status(5)`, `proc_pid_stat(5)`.

use std::fs;

/// `USER_HZ`, the unit of times in `/proc/PID/stat`: 100 on every architecture that Linux runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Memory of one process, or the sum of several, in bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    /// What it allocated for itself and is resident; mapped files do not count.
    pub(super) anonymous: u64,
    /// All that is resident, with mapped files and the program's own code.
    pub(super) resident: u64,
    /// The most that was ever resident, as the kernel remembers it.
    pub(super) resident_most: u64,
}

/// Processor time of a process and of those of its children that it waited for, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ProcessorTime {
    pub(super) user: f64,
    pub(super) system: f64,
}

/// Memory of a process and all that it started and that still run.
///
/// A child that has not begun the program it was started for has the memory of its parent, which is
/// not counted again: it still has its command line.
pub(super) fn memory_of_tree(process: u32) -> Memory {
    let mut sum = Memory::default();
    let mut waiting = vec![(process, None)];
    while let Some((process, parents_command)) = waiting.pop() {
        let command = fs::read(format!("/proc/{process}/cmdline")).ok();
        let is_still_its_parent = command.is_some() && command == parents_command;
        if !is_still_its_parent
            && let Ok(status) = fs::read_to_string(format!("/proc/{process}/status"))
        {
            let memory = parse_status(&status);
            sum.anonymous += memory.anonymous;
            sum.resident += memory.resident;
            sum.resident_most = sum.resident_most.max(memory.resident_most);
        }
        let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { continue };
        for thread in threads.flatten() {
            if let Ok(children) = fs::read_to_string(thread.path().join("children")) {
                let children = children.split_whitespace().filter_map(|id| id.parse().ok());
                waiting.extend(children.map(|child| (child, command.clone())));
            }
        }
    }
    sum
}

/// Processor time of a process that ended and was not waited for yet.
pub(super) fn processor_time(process: u32) -> Option<ProcessorTime> {
    parse_stat(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

fn parse_status(status: &str) -> Memory {
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
        kibibytes.unwrap_or(0u64) * 1024
    };
    Memory { anonymous: bytes("RssAnon"), resident: bytes("VmRSS"), resident_most: bytes("VmHWM") }
}

fn parse_stat(stat: &str) -> Option<ProcessorTime> {
    // The second field is the program's name in parentheses, which may hold any character.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let seconds = |number: usize| -> Option<f64> {
        Some(fields.get(number - 3)?.parse::<f64>().ok()? / TICKS_PER_SECOND)
    };
    Some(ProcessorTime { user: seconds(14)? + seconds(16)?, system: seconds(15)? + seconds(17)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes_and_what_a_process_has_not_is_zero() {
        let status =
            "Name:\trestic\nVmHWM:\t  150000 kB\nVmRSS:\t  120000 kB\nRssAnon:\t  90000 kB\n";
        let expected = Memory {
            anonymous: 90_000 * 1024,
            resident: 120_000 * 1024,
            resident_most: 150_000 * 1024,
        };
        assert_eq!(parse_status(status), expected);
        assert_eq!(parse_status("Name:\tzombie\nState:\tZ (zombie)\n"), Memory::default());
    }

    #[test]
    fn processor_time_counts_children_and_survives_a_hostile_name() {
        let stat = "42 (a) b (c) Z 1 42 42 0 -1 4228108 90 70 0 0 150 25 50 75 20 0 1 0 100 0 0";
        assert_eq!(parse_stat(stat), Some(ProcessorTime { user: 2.0, system: 1.0 }));
        assert_eq!(parse_stat("42 (short) Z 1 2"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn this_process_has_memory_and_time() {
        let memory = memory_of_tree(std::process::id());
        assert!(memory.anonymous > 0);
        assert!(memory.resident_most >= memory.anonymous);
        assert!(processor_time(std::process::id()).is_some());
    }
}
