//! What is new by a position that is dealt without gaps and in the order of commits.
//!
//! If the event at the last known position is the one that was there, and from there to the last
//! position now there are as many as their difference says, nothing came between, and what comes
//! after is all that is new. That rows before were neither changed nor deleted is told by the
//! server's own count of such rows; where that has grown, or began again, all is read.

use super::super::census;
use super::super::layout;
use super::super::query::QueryError;
use super::super::token::{Known, Positions};
use super::{Plan, Question, WhichRows};
use icecore::source::{Proof, Reading, Whole};

/// `None` if positions do not tell, since not every event has one.
pub(super) async fn plan(
    question: &Question<'_>,
    positions: &layout::Positions,
) -> Result<Option<Plan>, QueryError> {
    let store = Store { question, positions, column: positions.column() };
    let (known, reading) = match &question.known {
        Ok(Known::Positions(known)) if !question.request.everything => (Some(*known), None),
        Ok(Known::Positions(_)) => (None, Some(question.whole())),
        Ok(Known::Transactions { .. }) => {
            let why = "events were not known by their positions before";
            (None, Some(Reading::Whole(Whole::NotPossible(why.to_owned()))))
        }
        Err(whole) => (None, Some(Reading::Whole(whole.clone()))),
    };
    let ends = store.ends().await?;
    let changes = store.changes().await?;
    let why_not = match known {
        None => None,
        Some(known) => match store.further(known, ends, changes).await? {
            Ok(plan) => return Ok(Some(plan)),
            Err(whole) => Some(Reading::Whole(whole)),
        },
    };
    let (all, []) = census::take(&question.moment.session, question.layout, []).await?;
    let (first, last) = ends.unwrap_or((1, 0));
    if last + 1 - first != all.events || store.count_from(first).await? != all.events {
        return Ok(None);
    }
    let identity = store.identity_at(ends.map(|(_, last)| last)).await?;
    let known = Positions {
        last: ends.map(|(_, last)| last),
        identity: identity.unwrap_or_default(),
        events: all.events,
        changes,
    };
    Ok(Some(Plan {
        reading: why_not.or(reading).unwrap_or(Reading::Whole(Whole::First)),
        rows: WhichRows::Positions { from: first, end: last + 1 },
        rows_expected: all.events,
        events: all.events,
        has_all_known: None,
        resume: question.resume(Known::Positions(known)),
        recent: Vec::new(),
    }))
}

struct Store<'a> {
    question: &'a Question<'a>,
    positions: &'a layout::Positions,
    /// The column of the position, in expressions.
    column: String,
}

impl Store<'_> {
    /// What is new since `known`, or why that cannot be told.
    async fn further(
        &self,
        known: Positions,
        ends: Option<(u64, u64)>,
        changes: u64,
    ) -> Result<Result<Plan, Whole>, QueryError> {
        let question = self.question;
        let Some((_, last)) = ends else {
            let is_unchanged = known.last.is_none();
            return Ok(if is_unchanged {
                Ok(self.plan(known, 1, 0))
            } else {
                Err(Whole::Shrank(format!("it has no events, and had {}", known.events)))
            });
        };
        if changes != known.changes {
            let why = "rows were changed or deleted since, or the server began to count anew";
            return Ok(Err(Whole::NotPossible(why.to_owned())));
        }
        let from = match known.last {
            None => ends.map_or(1, |(first, _)| first),
            Some(known_last) => {
                if self.identity_at(Some(known_last)).await? != Some(known.identity) {
                    let what =
                        format!("the event at position {known_last} is not the one that was there");
                    return Ok(Err(if last < known_last {
                        Whole::Shrank(format!("its last position is {last}, and was {known_last}"))
                    } else {
                        Whole::Changed(what)
                    }));
                }
                known_last + 1
            }
        };
        let new = self.count_from(from).await?;
        if from + new != last + 1 {
            let what = format!("positions after {} have gaps", from.saturating_sub(1));
            return Ok(Err(Whole::Changed(what)));
        }
        let identity = match new {
            0 => known.identity,
            _ => self.identity_at(Some(last)).await?.unwrap_or_default(),
        };
        let now = Positions { last: Some(last), identity, events: known.events + new, changes };
        let mut plan = self.plan(now, from, new);
        plan.resume = question.resume(Known::Positions(now));
        Ok(Ok(plan))
    }

    fn plan(&self, now: Positions, from: u64, new: u64) -> Plan {
        Plan {
            reading: Reading::Further(Proof::Positions { events: now.events }),
            rows: WhichRows::Positions { from, end: from + new },
            rows_expected: new,
            events: now.events,
            has_all_known: Some(true),
            resume: self.question.resume(Known::Positions(now)),
            recent: Vec::new(),
        }
    }

    /// The first and the last position.
    async fn ends(&self) -> Result<Option<(u64, u64)>, QueryError> {
        let (column, rows) = (&self.column, self.positions.rows(None));
        let sql = format!("SELECT min({column}), max({column}) FROM {rows}");
        let row = self.question.moment.session.row(&sql, "find the last position").await?;
        let (first, last): (Option<i64>, Option<i64>) = (row.get(0), row.get(1));
        Ok(first.zip(last).map(|(first, last)| (first as u64, last as u64)))
    }

    /// How many positions there are from this one on.
    async fn count_from(&self, from: u64) -> Result<u64, QueryError> {
        let rows = self.positions.rows(Some(&format!("{} >= {from}", self.column)));
        let sql = format!("SELECT count(*) FROM {rows}");
        let row = self.question.moment.session.row(&sql, "count the new positions").await?;
        Ok(row.get::<_, i64>(0) as u64)
    }

    /// The identity of the event at a position.
    async fn identity_at(&self, position: Option<u64>) -> Result<Option<i64>, QueryError> {
        let Self { question, positions, column } = self;
        let Some(position) = position else { return Ok(None) };
        let identity = question.layout.identity_expression();
        let events = question.layout.events_at(positions);
        let sql = format!("SELECT {identity} FROM {events} WHERE {column} = {position}");
        let rows = question.moment.session.rows(&sql, "find the last known event").await?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    /// How many rows were updated or deleted since the server counts that.
    async fn changes(&self) -> Result<u64, QueryError> {
        let mut changes = 0;
        for table in [&self.question.layout.events, &self.positions.table] {
            let table = table.literal();
            let sql = format!(
                "SELECT pg_stat_get_tuples_updated({table}::regclass) \
                      + pg_stat_get_tuples_deleted({table}::regclass)"
            );
            let row = self.question.moment.session.row(&sql, "ask for changed rows").await?;
            changes += row.get::<_, Option<i64>>(0).unwrap_or_default() as u64;
        }
        Ok(changes)
    }
}
