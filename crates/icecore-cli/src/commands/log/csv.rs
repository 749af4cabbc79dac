//! Entries as comma-separated values (RFC 4180), for spreadsheets and for auditors.
//!
//! Names of sources and hosts are what a backup says of itself. A cell that a spreadsheet would compute
//! gets an apostrophe before it, so that none of them is a formula.

use super::EntryView;

/// The titles of the columns.
pub(super) const TITLES: &str = "number,time,kind,key,role,host,snapshots,void,detail";

/// The line of an entry.
pub(super) fn line(view: &EntryView) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let cells = [
        view.number.to_string(),
        text(&view.time),
        view.kind.unwrap_or("unreadable").to_owned(),
        text(&view.author),
        view.role.unwrap_or_default().to_owned(),
        text(&view.host),
        view.snapshots.join(" "),
        view.void.unwrap_or_default().to_owned(),
        view.detail.clone(),
    ];
    cells.map(|cell| quoted(&cell)).join(",")
}

fn quoted(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let cell = if is_formula { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_cell_is_quoted_where_it_has_to_be_and_never_a_formula() {
        for (cell, expected) in [
            ("shop", "shop"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"a\"", "\"say \"\"a\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
            ("=A1,B1", "\"'=A1,B1\""),
            ("@a", "'@a"),
            ("-1", "'-1"),
        ] {
            assert_eq!(quoted(cell), expected);
        }
    }
}
