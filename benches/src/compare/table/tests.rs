use super::*;
use crate::compare::machine::Machine;
use crate::compare::options::What;
use crate::compare::process::Usage;
use crate::compare::report::{Missing, Run};

fn tool(name: &str, factor: f64, steps: &[Step]) -> ToolReport {
    let mut tool = ToolReport::new(name, "1.2");
    for &step in steps {
        let adds = !matches!(step, Step::Restore | Step::Check | Step::Open | Step::OneStream);
        let usage = Usage {
            wall_s: if step == Step::Open { 0.25 } else { 8.0 } * factor,
            user_s: 12.3 * factor,
            system_s: 0.7,
            peak_resident_bytes: (150e6 * factor) as u64,
            peak_anonymous_bytes: (99.96e6 * factor) as u64,
        };
        let repository_bytes = adds.then_some((525.4e6 * factor) as u64);
        tool.record(step, name.to_owned(), Run { usage, repository_bytes, load_before: 0.0 });
    }
    tool
}

fn report() -> Report {
    let mut borg = tool("borg", 2.0, &[Step::First, Step::Open]);
    borg.failure = Some("`borg create` failed (exit status: 2): disk full".to_owned());
    Report {
        what: What::Events,
        data: Data {
            seed: 1,
            events: 3_000_000,
            bytes: 1_878_138_061,
            appended_events: 30_000,
            appended_bytes: 18_802_041,
            appended_zstd_bytes: 5_000_000,
            appended_alone_bytes: Some(3_900_000),
            restic_share: Some(0.2797),
        },
        machine: Machine {
            processor: "AMD EPYC".to_owned(),
            cores: 2,
            memory_bytes: 24_000_000_000,
            kernel: "6.18".to_owned(),
            file_system: "ext4".to_owned(),
            load_before: 0.1,
        },
        rounds: 3,
        cold: Some(Cold::DropCaches),
        tools: vec![
            tool(
                "icecore",
                0.5,
                &[Step::First, Step::Open, Step::Appended, Step::AppendedTrusting, Step::OneStream],
            ),
            tool("restic", 1.0, &[Step::First, Step::Open, Step::Appended]),
            borg,
        ],
        missing: vec![Missing { name: "vykar".to_owned(), why: "not installed".to_owned() }],
    }
}

#[test]
fn the_table_has_figures_ratios_and_what_is_missing() {
    insta::assert_snapshot!(render(&report()), @r"
    3,000,000 events as NDJSON, 1.88 GB (seed 1); 30,000 more appended; medians of 3
    AMD EPYC, 2 cores, 24 GB memory, Linux 6.18, ext4

                                                      icecore 1.2  restic 1.2  borg 1.2 (failed)  of best peer
    First backup                    wall s                   4.00        8.00               16.0          0.50
                                    cpu s                    6.85        13.0               25.3          0.53
                                    peak RSS MB              75.0         150                300          0.50
                                    peak anon MB             50.0         100                200          0.50
                                    stored MB                 263         525               1051          0.50
    1% appended                     wall s                   4.00        8.00                  -          0.50
                                    cpu s                    6.85        13.0                  -          0.53
                                    peak RSS MB              75.0         150                  -          0.50
                                    peak anon MB             50.0         100                  -          0.50
                                    added MB                  263         525                  -          0.50
    1% appended, trusting the rest  wall s                   4.00           -                  -             -
                                    cpu s                    6.85           -                  -             -
                                    peak RSS MB              75.0           -                  -             -
                                    peak anon MB             50.0           -                  -             -
                                    added MB                  263           -                  -             -
    Opening (list snapshots)        wall s                   0.12        0.25               0.50          0.50
                                    cpu s                    6.85        13.0               25.3          0.53
    One stream                      wall s                   4.00           -                  -             -
                                    beside opening s         3.88           -                  -             -

    - vykar is missing: not installed
    - borg FAILED: `borg create` failed (exit status: 2): disk full
    - restic stores the data in 28% of their size; less than 25% would have been refused
    - the appended events by themselves are 18.80 MB, 5.00 MB by zstd -1, 3.90 MB in a new repository of icecore
    - before all was read again, the page cache was emptied by drop_caches
    ");
}

#[test]
fn what_was_not_tested_and_what_disturbs_is_said() {
    let mut report = report();
    report.data.restic_share = None;
    report.data.appended_alone_bytes = None;
    report.cold = Some(Cold::Fadvise);
    report.machine.load_before = 3.25;
    report.tools.truncate(1);
    insta::assert_snapshot!(notes(&report).join("\n"), @r"
    vykar is missing: not installed
    whether the data are too easy was not tested, as that needs restic
    the appended events by themselves are 18.80 MB, 5.00 MB by zstd -1
    before all was read again, the source was taken out of the page cache by posix_fadvise, as only root may empty it
    the machine was busy before the start (load 3.25): wall times say little
    ");
    let first = rows(&report).into_iter().nth(1).unwrap();
    assert_eq!(first.last().unwrap(), "-", "there is no peer to compare with");
}

#[test]
fn numbers_keep_three_digits_that_matter() {
    let values = [525.36, 99.96, 99.94, 9.996, 9.99, 0.5, 0.0996, 0.0123, -0.002];
    let cells = values.map(|value| cell(Some(value)));
    assert_eq!(cells, ["525", "100", "99.9", "10.0", "9.99", "0.50", "0.10", "0.012", "-0.002"]);
    assert_eq!(thousands(1_234_567), "1,234,567");
    assert_eq!(thousands(123), "123");
}
