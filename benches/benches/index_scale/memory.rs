//! The memory of this process, as Linux counts it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(1);

/// Watches the memory of this process from a thread of its own.
pub(crate) struct Memory {
    anonymous_max: Arc<AtomicU64>,
}

impl Memory {
    pub(crate) fn watch() -> Self {
        let anonymous_max = Arc::new(AtomicU64::new(0));
        let seen = anonymous_max.clone();
        std::thread::spawn(move || {
            loop {
                seen.fetch_max(kibibytes("RssAnon:"), Ordering::Relaxed);
                std::thread::sleep(PAUSE);
            }
        });
        Self { anonymous_max }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let anonymous = kibibytes("RssAnon:");
        let most = self.anonymous_max.load(Ordering::Relaxed).max(anonymous);
        write!(
            formatter,
            "anonymous {} MB, at most {} MB; with mapped files {} MB",
            megabytes(anonymous),
            megabytes(most),
            megabytes(kibibytes("VmRSS:")),
        )
    }
}

fn megabytes(kibibytes: u64) -> u64 {
    kibibytes * 1024 / 1_000_000
}

/// A line of `/proc/self/status`.
fn kibibytes(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("it has the line");
    line.trim().trim_end_matches(" kB").parse().expect("it is a number of kibibytes")
}
