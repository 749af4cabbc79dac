//! Whether reading can go on where an earlier backup ended.
//!
//! Rows that are new have greater ids than all that were there, as long as nobody chooses ids by
//! hand or deals them anew. The census shows whether that has held: if each known event is where it
//! was and nothing stands between them, what has a greater row id is exactly what is new, and
//! follows it in the order of a whole reading.

use super::census::{Census, event_id, row_of};
use super::token::{ResumeToken, StreamsId, hash};
use icecore::source::{Proof, Reading, SourceRequest, Whole};
use rusqlite::Connection;

/// What is read of a store.
#[derive(Debug)]
pub(super) struct Plan {
    /// What, and why.
    pub(super) reading: Reading,
    /// The least row id to read; `None` if there can be none.
    pub(super) first_row: Option<i64>,
    /// How many events that is; `None` if no index tells.
    pub(super) events: Option<u64>,
    /// For the next backup; empty if it cannot go on.
    pub(super) resume: Vec<u8>,
    /// Likewise.
    pub(super) kept: Vec<u8>,
}

impl Plan {
    /// Decides by what `request` knows, in the transaction that is read.
    pub(super) fn make(connection: &Connection, request: &SourceRequest) -> rusqlite::Result<Self> {
        let since = request.known();
        let token = since.map(|since| ResumeToken::decode(&since.resume).ok());
        let last_known = token.flatten().map(|token| token.last_row);
        let mut plan = Self {
            reading: Reading::Whole(Whole::First),
            first_row: Some(i64::MIN),
            events: None,
            resume: Vec::new(),
            kept: Vec::new(),
        };
        let Some(census) = Census::take(connection, &request.streams, last_known)? else {
            if since.is_some() {
                plan.reading = not_possible("it has no index of streams and versions");
            }
            return Ok(plan);
        };
        plan.note(connection, request, &census)?;
        plan.events = Some(census.all.events);
        let Some(token) = token else { return Ok(plan) };
        let Some(token) = token else {
            plan.reading = not_possible("the backup before noted nothing that can be gone on from");
            return Ok(plan);
        };
        if token.streams != StreamsId::of(&request.streams) {
            plan.reading = not_possible("other streams were read before");
        } else if is_unchanged(connection, &token, &census)? {
            let (streams, events) = (census.all.streams, census.all.events);
            plan.reading = Reading::Further(Proof::Counted { streams, events });
            plan.first_row = token.last_row.checked_add(1);
            plan.events = Some(events - census.known.events);
        } else {
            let last_event = since.map_or(&[][..], |since| &since.kept);
            plan.reading = Reading::Whole(difference(connection, &token, last_event, &census)?);
        }
        Ok(plan)
    }

    /// Notes what there is now.
    fn note(
        &mut self,
        connection: &Connection,
        request: &SourceRequest,
        census: &Census,
    ) -> rusqlite::Result<()> {
        let last_event = match census.all.last_row {
            Some(row) => event_id(connection, row)?.unwrap_or_default(),
            None => Vec::new(),
        };
        let token = ResumeToken {
            streams: StreamsId::of(&request.streams),
            last_row: census.last_row.unwrap_or(i64::MIN),
            events: census.all.events,
            hash: hash(&census.all, &last_event),
        };
        self.resume = token.encode();
        self.kept = last_event;
        Ok(())
    }
}

/// Whether the events that were known are where they were, with nothing between them.
fn is_unchanged(
    connection: &Connection,
    token: &ResumeToken,
    census: &Census,
) -> rusqlite::Result<bool> {
    let last_event = match census.known.last_row {
        Some(row) => event_id(connection, row)?.unwrap_or_default(),
        None => Vec::new(),
    };
    Ok(census.known.events == token.events && hash(&census.known, &last_event) == token.hash)
}

/// What is not what it was, as far as the index tells. `last_event` is the id of the last known
/// event; empty if it is not known.
fn difference(
    connection: &Connection,
    token: &ResumeToken,
    last_event: &[u8],
    census: &Census,
) -> rusqlite::Result<Whole> {
    let (had, has, of_known) = (token.events, census.all.events, census.known.events);
    if has < had {
        return Ok(Whole::Shrank(format!("it has {has} events, and had {had}")));
    }
    if last_event.is_empty() {
        return Ok(Whole::NotPossible("its rows are not those that it had".to_owned()));
    }
    let changed = |what: String| Ok(Whole::Changed(what));
    match row_of(connection, last_event)? {
        None => changed("the newest of the events that it had is gone".to_owned()),
        Some(row) if Some(row) != census.known.last_row => Ok(Whole::NotPossible(
            "its rows have other numbers than before, as if it was dumped and loaded".into(),
        )),
        Some(_) if of_known < had => {
            changed(format!("{} of its {had} events are gone", had - of_known))
        }
        Some(_) if of_known > had => {
            Ok(Whole::NotPossible("events were inserted between those that it had".to_owned()))
        }
        Some(_) => changed("events have other streams, versions or rows than before".to_owned()),
    }
}

fn not_possible(why: &str) -> Reading {
    Reading::Whole(Whole::NotPossible(why.to_owned()))
}
