//! Tables and quantities, as people like to read them.

use indicatif::{DecimalBytes, HumanCount};

/// Which side of its column a cell keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// Lines of a table under their titles, in columns as wide as what they hold.
pub(crate) fn lines<const N: usize>(
    columns: [(&str, Side); N],
    rows: &[[String; N]],
) -> Vec<String> {
    let titles = columns.map(|(title, _)| title.to_owned());
    let mut widths = [0; N];
    for row in rows.iter().chain([&titles]) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; N]| {
        let cells =
            row.iter().zip(widths).zip(columns).map(|((cell, width), (_, side))| match side {
                Side::Left => format!("{cell:<width$}"),
                Side::Right => format!("{cell:>width$}"),
            });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    std::iter::once(&titles).chain(rows).map(line).collect()
}

/// `12,345`
pub(crate) fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

/// `1 event`, `12,345 events`
pub(crate) fn counted(number: u64, one: &str, several: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { several })
}

/// `1.86 GB`
pub(crate) fn bytes(number: u64) -> String {
    DecimalBytes(number).to_string()
}

/// `0.4 s`, `2 min 5 s`, `3 h 20 min`
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    if whole < 60 { format!("{seconds:.1} s") } else { whole_duration(whole) }
}

/// `5 s`, `2 min 5 s`, `3 h 20 min`
pub(crate) fn whole_duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_they_hold() {
        let rows = [["ä".to_owned(), "1".to_owned()], ["long".to_owned(), "1,000".to_owned()]];
        let lines = lines([("name", Side::Left), ("events", Side::Right)], &rows);
        assert_eq!(lines, ["name  events", "ä          1", "long   1,000"]);
    }

    #[test]
    fn quantities_are_short() {
        assert_eq!(counted(1, "event", "events"), "1 event");
        assert_eq!(counted(12_345, "event", "events"), "12,345 events");
        assert_eq!(bytes(1_860_000_000), "1.86 GB");
        assert_eq!(duration(0.42), "0.4 s");
        assert_eq!(duration(125.2), "2 min 5 s");
        assert_eq!(duration(12_000.0), "3 h 20 min");
    }
}
