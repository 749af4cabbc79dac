//! Levels: which tables are merged, so that there are few and each chunk is written anew seldom.
//!
//! A table's level is by its size, each level eight times the one below. What is new is merged with
//! all tables up to its level once that makes eight. So there are a dozen
//! tables at most, and a chunk is written about three times for each level.
//!
//! Source: P. O'Neil et al., "The Log-Structured Merge-Tree", 1996; merged by tiers.

/// Tables that are merged into one.
const FAN_IN: usize = 8;

/// Chunks of a table from which on it is above the lowest level: 3 MB, written in an instant.
const LEVEL_CHUNKS: u64 = 1 << 16;

/// Which of the tables of these sizes, in chunks, are to be merged with `added` chunks that are new.
pub(super) fn plan(tables: &[u64], added: u64) -> Vec<bool> {
    let mut merged = vec![false; tables.len()];
    let mut total = added;
    loop {
        let level = level(total);
        let reached: Vec<bool> =
            tables.iter().map(|chunks| self::level(*chunks) <= level).collect();
        if reached.iter().filter(|reached| **reached).count() + 1 < FAN_IN || reached == merged {
            return merged;
        }
        let sizes = tables.iter().zip(&reached).filter(|(_, reached)| **reached);
        total = added + sizes.map(|(chunks, _)| chunks).sum::<u64>();
        merged = reached;
    }
}

fn level(chunks: u64) -> u32 {
    (chunks / LEVEL_CHUNKS).checked_ilog(FAN_IN as u64).map_or(0, |level| level + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds to tables, and returns how many chunks were written.
    fn add(tables: &mut Vec<u64>, added: u64) -> u64 {
        let merged = plan(tables, added);
        let mut written = added;
        let mut left: Vec<u64> = Vec::new();
        for (chunks, merged) in tables.iter().zip(merged) {
            if merged { written += chunks } else { left.push(*chunks) }
        }
        left.push(written);
        *tables = left;
        written
    }

    #[test]
    fn ten_thousand_small_additions_leave_few_tables_and_write_each_chunk_a_few_times() {
        for added in [1, 100, 3_000, 100_000] {
            let (mut tables, mut written) = (Vec::new(), 0);
            for _ in 0..10_000 {
                written += add(&mut tables, added);
                assert!(tables.len() <= 11, "{tables:?}");
            }
            assert_eq!(tables.iter().sum::<u64>(), 10_000 * added);
            // Below the lowest level's end chunks are written more often, and that costs little.
            let times = written / (10_000 * added);
            assert!(times <= 13 || times * added <= 1 << 13, "{times} times");
        }
    }

    #[test]
    fn what_is_large_is_not_written_anew_for_what_is_small() {
        let tables = [10_000_000, 5, 5, 5, 5, 5, 5, 5];
        assert_eq!(plan(&tables, 1), [false, true, true, true, true, true, true, true]);
        assert_eq!(plan(&tables[..7], 1), [false; 7]);
    }
}
