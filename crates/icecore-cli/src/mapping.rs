//! Tables that a user describes on the command line: `--table` and `--column`.

use crate::error::CommandError;
use icecore_sources::events::postgres::TableMapping;

/// What `--schema` is called for them.
pub(crate) const SCHEMA: &str = "mapping";

/// The parts of an event that a column can be.
const PARTS: [&str; 8] =
    ["stream", "version", "type", "time", "payload", "metadata", "id", "order"];

/// Reads a pair: `PART=COLUMN`.
pub(crate) fn parse_column(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((part, column)) if PARTS.contains(&part) && !column.is_empty() => {
            Ok((part.to_owned(), column.to_owned()))
        }
        _ => Err(format!("expected PART=COLUMN, where PART is one of: {}", PARTS.join(", "))),
    }
}

/// What these arguments describe: a table, in this namespace if it says none itself.
pub(crate) fn mapping(
    table: &str,
    namespace: Option<&str>,
    columns: &[(String, String)],
) -> Result<TableMapping, CommandError> {
    let usage = |message: String| CommandError::Usage(message);
    let (own, table) = split(table)
        .ok_or_else(|| usage(format!("--table {table} is no TABLE and no NAMESPACE.TABLE")))?;
    if let (Some(own), Some(namespace)) = (&own, namespace)
        && own != namespace
    {
        return Err(usage("--table and --namespace name two namespaces".to_owned()));
    }
    let mut mapping = TableMapping {
        namespace: own.or_else(|| namespace.map(str::to_owned)),
        table,
        ..TableMapping::default()
    };
    let mut payload = None;
    for (part, column) in columns {
        let place = match part.as_str() {
            "stream" => {
                mapping.stream.push(column.clone());
                continue;
            }
            "version" => &mut mapping.version,
            "type" => &mut mapping.event_type,
            "time" => &mut mapping.time,
            "metadata" => &mut mapping.metadata,
            "id" => &mut mapping.id,
            "order" => &mut mapping.order,
            _ => &mut payload,
        };
        if place.replace(column.clone()).is_some() {
            return Err(usage(format!(
                "--column {part}=… was given twice: only a stream is several"
            )));
        }
    }
    let Some(payload) = payload else {
        return Err(usage("--table needs --column payload=COLUMN".to_owned()));
    };
    if mapping.version.is_none() && mapping.order.is_none() {
        let message = "--table needs --column version=COLUMN or --column order=COLUMN";
        return Err(usage(message.to_owned()));
    }
    Ok(TableMapping { payload, ..mapping })
}

/// A namespace, if there is one, and a table: each to the letter, or in double quotes, where two
/// stand for one.
fn split(text: &str) -> Option<(Option<String>, String)> {
    let (first, rest) = name(text)?;
    match rest.strip_prefix('.') {
        None if rest.is_empty() => Some((None, first)),
        None => None,
        Some(rest) => {
            let (table, rest) = name(rest)?;
            rest.is_empty().then_some((Some(first), table))
        }
    }
}

/// The name that `text` begins with, and what follows.
fn name(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        return (!name.is_empty()).then(|| (name.to_owned(), rest));
    };
    let mut name = String::new();
    loop {
        let (before, after) = rest.split_once('"')?;
        name.push_str(before);
        match after.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => return (!name.is_empty()).then_some((name, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(table: &str, namespace: Option<&str>, columns: &[&str]) -> Result<TableMapping, String> {
        let columns: Result<Vec<_>, _> = columns.iter().map(|text| parse_column(text)).collect();
        mapping(table, namespace, &columns?).map_err(|error| error.to_string())
    }

    #[test]
    fn a_table_is_described_by_its_name_and_what_its_columns_are() {
        let columns =
            ["stream=region", "stream=customer", "version=rev", "payload=body", "order=a=b"];
        let mapping = of("shop.Events", None, &columns).unwrap();
        assert_eq!(mapping.namespace.as_deref(), Some("shop"));
        assert_eq!(mapping.table, "Events");
        assert_eq!(mapping.stream, ["region", "customer"]);
        assert_eq!(mapping.order.as_deref(), Some("a=b"));
        assert_eq!((mapping.payload.as_str(), mapping.time), ("body", None));
        let mapping = of("events", Some("shop"), &["order=no", "payload=body"]).unwrap();
        assert_eq!(mapping.namespace.as_deref(), Some("shop"));
    }

    #[test]
    fn names_with_points_and_quotes_are_put_in_quotes() {
        let both =
            |namespace: &str, table: &str| Some((Some(namespace.to_owned()), table.to_owned()));
        assert_eq!(split("events"), Some((None, "events".to_owned())));
        assert_eq!(split("a.b"), both("a", "b"));
        assert_eq!(split("\"a.b\".\"c\"\"d\""), both("a.b", "c\"d"));
        assert_eq!(split("\"a\".b c"), both("a", "b c"));
        for none in ["", ".", "a.", ".b", "a.b.c", "\"a", "\"a\"b", "\"\""] {
            assert_eq!(split(none), None, "{none}");
        }
    }

    #[test]
    fn what_describes_no_table_is_refused_with_what_is_missing() {
        let refused =
            |table, namespace, columns: &[&str]| of(table, namespace, columns).unwrap_err();
        let parts = "expected PART=COLUMN, where PART is one of: \
                     stream, version, type, time, payload, metadata, id, order";
        for pair in ["body=x", "payload", "payload=", "=x"] {
            assert_eq!(refused("t", None, &[pair]), parts);
        }
        let whole = ["order=a", "payload=b"];
        assert_eq!(
            refused("a.b", Some("c"), &whole),
            "--table and --namespace name two namespaces"
        );
        assert_eq!(
            refused("a.b.c", None, &whole),
            "--table a.b.c is no TABLE and no NAMESPACE.TABLE"
        );
        assert_eq!(refused("t", None, &whole[..1]), "--table needs --column payload=COLUMN");
        assert_eq!(
            refused("t", None, &whole[1..]),
            "--table needs --column version=COLUMN or --column order=COLUMN"
        );
        assert_eq!(
            refused("t", None, &["order=a", "order=b", "payload=c"]),
            "--column order=… was given twice: only a stream is several"
        );
    }
}
