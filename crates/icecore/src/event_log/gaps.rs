//! Versions of streams that were passed over: holes, unless they come later.
//!
//! Not every source gives a stream's events in the order of their versions: a table of PostgreSQL is
//! read as its rows lie. So a version that was passed over is remembered, and is no hole once it
//! came; and only what comes twice is a repeat.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// How many gaps are remembered: some megabytes. Those beyond are counted, and nothing fills them.
const REMEMBERED_MAX: usize = 1 << 16;

/// Gaps of all streams.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Gaps {
    /// By the hash of a stream's id and the gap's first version.
    remembered: BTreeMap<(u64, u64), Gap>,
    /// Holes that are not remembered.
    others: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Gap {
    last: u64,
    /// Whether the stream has versions before it. If not, it may as well begin after it.
    is_hole: bool,
}

impl Gaps {
    /// Versions of a stream that were passed over, after ones that are there if `is_hole`.
    pub(super) fn pass_over(&mut self, stream: u64, versions: RangeInclusive<u64>, is_hole: bool) {
        if versions.is_empty() {
            return;
        }
        if self.remembered.len() < REMEMBERED_MAX {
            let gap = Gap { last: *versions.end(), is_hole };
            self.remembered.insert((stream, *versions.start()), gap);
        } else {
            self.others += u64::from(is_hole);
        }
    }

    /// Versions of a stream that came late. Returns how many of them had not been passed over.
    pub(super) fn fill(&mut self, stream: u64, versions: RangeInclusive<u64>) -> u64 {
        let (first, last) = versions.into_inner();
        let mut unexpected = (last - first).saturating_add(1);
        let before = (stream, 0)..=(stream, last);
        let overlapping: Vec<(u64, Gap)> = self
            .remembered
            .range(before)
            .rev()
            .map(|((_, start), gap)| (*start, *gap))
            .take_while(|(_, gap)| gap.last >= first)
            .collect();
        for (start, gap) in overlapping {
            self.remembered.remove(&(stream, start));
            let (filled_first, filled_last) = (start.max(first), gap.last.min(last));
            unexpected -= filled_last - filled_first + 1;
            if start < filled_first {
                self.pass_over(stream, start..=filled_first - 1, gap.is_hole);
            }
            if filled_last < gap.last {
                self.pass_over(stream, filled_last + 1..=gap.last, true);
            }
        }
        unexpected
    }

    /// How many holes there are.
    pub(super) fn holes(&self) -> u64 {
        let remembered = self.remembered.values().filter(|gap| gap.is_hole).count();
        remembered as u64 + self.others
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_over_is_a_hole_until_it_comes() {
        let mut gaps = Gaps::default();
        gaps.pass_over(1, 3..=9, true);
        gaps.pass_over(2, 3..=3, true);
        assert_eq!(gaps.holes(), 2);
        assert_eq!(gaps.fill(1, 5..=6), 0);
        assert_eq!(gaps.holes(), 3, "one became two");
        assert_eq!(gaps.fill(1, 2..=10), 4, "2, 5, 6 and 10 were not missing");
        assert_eq!(gaps.holes(), 1);
        assert_eq!(gaps.fill(2, 3..=3), 0);
        assert_eq!(gaps.fill(2, 3..=3), 1);
        assert_eq!(gaps, Gaps::default());
    }

    #[test]
    fn what_a_stream_may_not_have_had_is_no_hole() {
        let mut gaps = Gaps::default();
        gaps.pass_over(1, 0..=6, false);
        assert_eq!((gaps.fill(1, 3..=4), gaps.holes()), (0, 1));
        assert_eq!((gaps.fill(1, 5..=6), gaps.holes()), (0, 0));
        assert_eq!((gaps.fill(1, 0..=2), gaps), (0, Gaps::default()));
    }

    #[test]
    fn gaps_beyond_what_is_remembered_are_counted() {
        let mut gaps = Gaps::default();
        for stream in 0..REMEMBERED_MAX as u64 + 5 {
            gaps.pass_over(stream, 2..=2, true);
        }
        assert_eq!(gaps.holes(), REMEMBERED_MAX as u64 + 5);
        assert_eq!(gaps.fill(REMEMBERED_MAX as u64 + 1, 2..=2), 1);
    }
}
