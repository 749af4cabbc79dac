//! What only Emmett's stores have: partitions that have to be made, and numbers of transactions, which
//! mean something in one cluster only.

use super::copy_text::unescaped;
use super::failure::unsuitable;
use super::given::{Given, Table};
use super::store::Store;
use crate::events::postgres::layout::{Layout, Name};
use crate::events::postgres::query::Session;
use icecore::target::TargetError;
use postgres_protocol::escape::{escape_identifier, escape_literal};

pub(super) const SCHEMA: &str = "emmett";
const PARTITION: &str = "partition";
/// Tables of checkpoints, which say in which transaction consumers are.
const CONSUMERS: [&str; 2] = ["emt_processors", "emt_subscriptions"];
const LAST_TRANSACTION: &str = "last_processed_transaction_id";

/// The first number that PostgreSQL gives to a transaction.
/// Source: `src/include/access/transam.h`, `FirstNormalTransactionId`.
const FIRST_TRANSACTION: u64 = 3;

/// The function that the store is appended to by.
const APPEND: &str = "emt_append_to_stream";

/// What whoever restored such a store should know.
pub(super) const LEDGER_IS_EMPTY: &str = "the snapshot has no functions of the store, such as \
    emt_append_to_stream: dmb_migrations is empty, so that Emmett's migrations make them when it starts";

/// Whether a store was made without its functions. Its migrations make them, where their ledger does
/// not say that they were applied.
pub(super) async fn lacks_functions(
    session: &Session,
    layout: &Layout,
) -> Result<bool, TargetError> {
    if layout.schema != SCHEMA {
        return Ok(false);
    }
    let (namespace, append) = (escape_literal(&layout.events.namespace), escape_literal(APPEND));
    let sql = format!(
        "SELECT NOT EXISTS (SELECT FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace \
         WHERE nspname = {namespace} AND proname = {append})"
    );
    Ok(session.row(&sql, "look for the store's functions").await?.get(0))
}

/// Statements that make those of the partitions, which a query gives, that are not there.
pub(super) fn add_partitions(layout: &Layout, partitions: &str) -> String {
    let (table, namespace) = (&layout.events, escape_identifier(&layout.events.namespace));
    let literal = table.literal();
    // The function is not needed where no partition is missing. Its own statements name tables without
    // their namespace.
    let body = escape_literal(&format!(
        "DECLARE name text; BEGIN \
         FOR name IN SELECT p.partition FROM ({partitions}) p WHERE NOT EXISTS ( \
             SELECT FROM pg_catalog.pg_inherits \
             JOIN pg_catalog.pg_class c ON c.oid = inhrelid WHERE inhparent = {literal}::regclass \
             AND pg_catalog.pg_get_expr(c.relpartbound, c.oid) \
                 = pg_catalog.format('FOR VALUES IN (%L)', p.partition)) LOOP \
         PERFORM emt_add_partition(name); END LOOP; END"
    ));
    format!("SET LOCAL search_path TO {namespace}; DO {body}; SET LOCAL search_path TO ''")
}

/// Makes the partitions that tables beside the events need.
pub(super) async fn prepare(
    session: &Session,
    layout: &Layout,
    given: &Given,
) -> Result<(), TargetError> {
    if layout.schema != SCHEMA {
        return Ok(());
    }
    let mut partitions: Vec<String> = given.tables.iter().flat_map(partitions_of).collect();
    partitions.sort_unstable();
    partitions.dedup();
    if partitions.is_empty() {
        return Ok(());
    }
    let rows: Vec<String> =
        partitions.iter().map(|it| format!("({})", escape_literal(it))).collect();
    let sql = format!("SELECT partition FROM (VALUES {}) v (partition)", rows.join(", "));
    Ok(session.execute(&add_partitions(layout, &sql), "make the store's partitions").await?)
}

/// The partitions that rows of a table are in.
fn partitions_of(table: &Table) -> Vec<String> {
    let Some(at) = table.columns.iter().position(|column| column == PARTITION) else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&table.rows);
    text.lines().filter_map(|line| line.split('\t').nth(at).map(unescaped)).collect()
}

/// Gives other numbers to transactions where this cluster has not come so far: in the same order, the
/// same to what had the same, and the newest just below that of the restore. Readers see what is
/// below all transactions that run.
pub(super) async fn settle_transactions(
    session: &Session,
    store: &Store,
    is_whole: bool,
) -> Result<Option<String>, TargetError> {
    const STEP: &str = "give other numbers to transactions";
    let layout = &store.layout;
    if layout.schema != SCHEMA || !is_whole {
        return Ok(None);
    }
    let messages = &layout.events;
    let of_consumers = CONSUMERS.map(|relation| Name::new(&messages.namespace, relation));
    let has_numbers = |name: &&Name| {
        let loads = store.before.iter().chain(&store.after);
        loads.into_iter().any(|load| {
            load.table.name == **name && load.columns.iter().any(|it| it == LAST_TRANSACTION)
        })
    };
    let consumers: Vec<&Name> = of_consumers.iter().filter(has_numbers).collect();
    let numbers =
        consumers.iter().map(|table| format!(" UNION SELECT {LAST_TRANSACTION} FROM {table}"));
    let numbers = format!("SELECT transaction_id FROM {messages}{}", numbers.collect::<String>());
    let sql = format!(
        "SELECT count(*), coalesce(bool_or(id >= pg_current_xact_id()), false), \
                pg_current_xact_id()::text \
         FROM ({numbers}) n (id) WHERE id >= '{FIRST_TRANSACTION}'"
    );
    let row = session.row(&sql, "look at the numbers of transactions").await?;
    let (count, is_beyond): (i64, bool) = (row.get(0), row.get(1));
    if !is_beyond {
        return Ok(None);
    }
    let current: u64 = row.get::<_, &str>(2).parse().unwrap_or_default();
    let (count, free) = (count as u64, current.saturating_sub(FIRST_TRANSACTION));
    if count > free {
        let more = count - free;
        return Err(unsuitable(format!(
            "{}: the snapshot's events are of {count} transactions, and this cluster has begun {free} \
             in all: Emmett's readers would not see the others. Have it begin {more} more (each \
             `SELECT pg_current_xact_id()` is one), or move its counter while it is stopped \
             (pg_resetwal --next-transaction-id), and restore again",
            session.name()
        )));
    }
    let sql = format!(
        "CREATE TEMPORARY TABLE icecore_transactions ON COMMIT DROP AS \
         SELECT id, (pg_current_xact_id()::text::bigint - count(*) OVER () - 1 \
                     + row_number() OVER (ORDER BY id))::text::xid8 AS given \
         FROM ({numbers}) n (id) WHERE id >= '{FIRST_TRANSACTION}'"
    );
    session.execute(&sql, STEP).await?;
    let of_events = [(messages, "transaction_id")].into_iter();
    for (table, column) in of_events.chain(consumers.into_iter().map(|it| (it, LAST_TRANSACTION))) {
        let sql = format!(
            "UPDATE {table} n SET {column} = t.given \
             FROM pg_temp.icecore_transactions t WHERE t.id = n.{column}"
        );
        session.execute(&sql, STEP).await?;
    }
    Ok(Some(format!(
        "the {count} transactions of the events have other numbers, below those of this cluster, in \
         the same order"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_read_of_what_a_copy_printed() {
        let table = Table {
            relation: "emt_streams".to_owned(),
            columns: ["stream_id", PARTITION].map(str::to_owned).into(),
            rows: "a\ttenant-ž\nb\\tc\tback\\\\slash\n".as_bytes().to_vec(),
            is_verbatim: true,
        };
        assert_eq!(partitions_of(&table), ["tenant-ž", r"back\slash"]);
    }
}
