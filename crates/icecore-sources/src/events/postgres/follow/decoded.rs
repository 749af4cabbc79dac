//! Transactions as the server decodes them, in the order of their commits: which rows of the table of
//! events each inserted, by their keys, and whether it did anything else to that table.

use super::messages::{Message, NoMessage};
use super::requirements::KeyedTable;
use icecore_format::Timestamp;

/// The values of a row's key, as texts.
pub(super) type RowKey = Vec<String>;

/// A transaction that did something to the table of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Transaction {
    /// The lower 32 bits of its number.
    pub(super) number: u32,
    /// Where its commit is in the log.
    pub(super) commit: u64,
    /// Where the log goes on after it.
    pub(super) end: u64,
    pub(super) time: Timestamp,
    /// The rows that it inserted, in its order.
    pub(super) rows: Vec<RowKey>,
    /// What else it did to the table, as a sentence without its end.
    pub(super) change: Option<&'static str>,
}

/// Puts transactions together of their messages.
#[derive(Debug)]
pub(super) struct Decoder<'a> {
    /// The table of events.
    table: &'a KeyedTable,
    /// Where the columns of its key are in its rows.
    places: Option<Vec<usize>>,
    /// Whether its columns are those that are read.
    has_columns: bool,
    /// The transaction that began last, and has not ended.
    begun: Option<Transaction>,
    transactions: Vec<Transaction>,
    /// What the keys of all rows take, in bytes.
    key_bytes: usize,
}

impl<'a> Decoder<'a> {
    /// For rows of this table.
    pub(super) fn new(table: &'a KeyedTable) -> Self {
        let (places, begun, transactions) = (None, None, Vec::new());
        Self { table, places, has_columns: true, begun, transactions, key_bytes: 0 }
    }

    /// Takes the next message. What a transaction did is kept if it is `wanted`, by where its commit
    /// is and the lower bits of its number.
    pub(super) fn push(
        &mut self,
        message: &[u8],
        wanted: impl Fn(u64, u32) -> bool,
    ) -> Result<(), NoMessage> {
        match Message::parse(message)? {
            Message::Begin { commit, time, transaction } => {
                let transaction = Transaction {
                    number: transaction,
                    commit,
                    end: commit,
                    time,
                    rows: Vec::new(),
                    change: None,
                };
                let is_wanted = wanted(commit, transaction.number);
                self.begun = is_wanted.then_some(transaction);
            }
            Message::Commit { end } => {
                if let Some(mut transaction) = self.begun.take()
                    && !(transaction.rows.is_empty() && transaction.change.is_none())
                {
                    transaction.end = end;
                    self.transactions.push(transaction);
                }
            }
            Message::Relation { table, columns } => {
                if table == self.table.number {
                    let place = |name: &String| columns.iter().position(|column| column.0 == name);
                    let places = self.table.key.iter().map(place).collect::<Option<_>>();
                    self.places = Some(places.ok_or(NoMessage)?);
                    let known = self.table.columns.iter();
                    self.has_columns = known.map(|(name, id)| (name.as_str(), *id)).eq(columns);
                }
            }
            Message::Insert { table, row } => {
                if let Some(transaction) = &mut self.begun
                    && table == self.table.number
                {
                    if !self.has_columns {
                        transaction.change.get_or_insert("the table of events has other columns");
                    }
                    let places = self.places.as_ref().ok_or(NoMessage)?;
                    let value = |place: &usize| Some(row.get(*place).copied()??.to_owned());
                    let key: RowKey =
                        places.iter().map(value).collect::<Option<_>>().ok_or(NoMessage)?;
                    self.key_bytes += key.iter().map(String::len).sum::<usize>();
                    transaction.rows.push(key);
                }
            }
            Message::Change { table, what } => {
                if table == self.table.number {
                    self.note(what);
                }
            }
            Message::Truncate { tables } => {
                if tables.contains(&self.table.number) {
                    self.note("the table of events was truncated");
                }
            }
            Message::Other => {}
        }
        Ok(())
    }

    fn note(&mut self, what: &'static str) {
        if let Some(transaction) = &mut self.begun {
            transaction.change.get_or_insert(what);
        }
    }

    /// What the keys of all rows take, in bytes.
    pub(super) fn key_bytes(&self) -> usize {
        self.key_bytes
    }

    /// The transactions that ended.
    pub(super) fn finish(self) -> Vec<Transaction> {
        self.transactions
    }
}
