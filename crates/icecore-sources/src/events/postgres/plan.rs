//! What is read of a store: all of it, or what a proof says is all that is new.
//!
//! Specified in docs/decisions/0008-postgres.md.

mod positions;
mod transactions;

use super::layout::{Layout, Order};
use super::moment::{Moment, Server};
use super::query::QueryError;
use super::remembered::Remembered;
use super::token::{Known, ResumeToken};
use blake3::Hasher;
use icecore::source::{Reading, Since, SourceRequest, Whole};
use std::collections::HashSet;

/// What is read, and what the next backup is told.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) reading: Reading,
    pub(super) rows: WhichRows,
    /// How many rows that is, of all streams.
    pub(super) rows_expected: u64,
    /// How many events there are, those that are not read among them.
    pub(super) events: u64,
    /// Whether all events that were known are there, if that was compared.
    pub(super) has_all_known: Option<bool>,
    pub(super) resume: Vec<u8>,
    /// The identities of events that the next backup may see again.
    pub(super) recent: Vec<i64>,
}

/// Which rows of the table of events are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WhichRows {
    All,
    /// Those that fulfil a condition, without those whose identities are known.
    Where {
        condition: String,
        known: HashSet<i64>,
    },
    /// Those with positions from the first on, before the second.
    Positions {
        from: u64,
        end: u64,
    },
}

/// What is read, at which moment, and what was known of it.
struct Question<'a> {
    moment: &'a Moment,
    layout: &'a Layout,
    request: &'a SourceRequest,
    remembered: &'a Remembered,
    what: [u8; 8],
    server: Server,
    /// What was known, or why it does not count.
    known: Result<Known, Whole>,
}

impl Plan {
    /// Decides by what is known and remembered, at the moment that is read.
    pub(super) async fn make(
        moment: &Moment,
        layout: &Layout,
        request: &SourceRequest,
        remembered: &Remembered,
    ) -> Result<Self, QueryError> {
        let what = what_is_read(layout, request);
        let server = moment.server(&layout.events).await?;
        let known = match &request.since {
            None => Err(Whole::First),
            Some(since) => {
                comparable(since, what, server).map_err(|why| Whole::NotPossible(why.to_owned()))
            }
        };
        let question = Question { moment, layout, request, remembered, what, server, known };
        if let Order::Position(positions) = &layout.order
            && let Some(plan) = positions::plan(&question, positions).await?
        {
            return Ok(plan);
        }
        transactions::plan(&question).await
    }
}

impl Question<'_> {
    fn resume(&self, known: Known) -> Vec<u8> {
        ResumeToken { what: self.what, server: self.server, known }.encode()
    }

    /// What is read if nothing was known that could be compared, or all is asked for.
    fn whole(&self) -> Reading {
        Reading::Whole(match &self.known {
            Err(whole) => whole.clone(),
            Ok(_) => Whole::First,
        })
    }
}

/// What was known, if it was known of the same.
fn comparable(since: &Since, what: [u8; 8], server: Server) -> Result<Known, &'static str> {
    let token = ResumeToken::decode(&since.resume)
        .map_err(|_| "the backup before noted nothing that can be gone on from")?;
    let Server { system, database, table, timeline, major_version } = token.server;
    if token.what != what {
        Err("other streams or another schema were read before")
    } else if (system, database) != (server.system, server.database) {
        Err("this is another server or database than before")
    } else if table != server.table {
        Err("the table of events was made anew")
    } else if timeline != server.timeline {
        Err("the server was restored or promoted since")
    } else if major_version != server.major_version {
        Err("the server is of another version than before")
    } else {
        Ok(token.known)
    }
}

/// Tells schema, table, what is read of it, and streams from others.
fn what_is_read(layout: &Layout, request: &SourceRequest) -> [u8; 8] {
    let mut hasher = Hasher::new();
    let table = layout.events.to_string();
    let expressions = layout.expressions();
    let texts = [layout.schema, &table, &expressions].into_iter();
    for text in texts.chain(request.streams.patterns().iter().map(String::as_str)) {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    let mut id = [0; 8];
    hasher.finalize_xof().fill(&mut id);
    id
}
