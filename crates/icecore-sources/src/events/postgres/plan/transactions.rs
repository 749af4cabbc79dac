//! What is new by the transactions that wrote it; see [`census`](super::super::census).

use super::super::census::{self, Count, NONE, Transactions};
use super::super::query::QueryError;
use super::super::token::Known;
use super::{Plan, Question, WhichRows};
use icecore::source::{Proof, Reading, Whole};

pub(super) async fn plan(question: &Question<'_>) -> Result<Plan, QueryError> {
    let Question { moment, layout, request, remembered, .. } = *question;
    let (session, now) = (&moment.session, moment.transactions);
    let known = match &question.known {
        Ok(Known::Transactions { snapshot, events, recent }) => {
            since(*snapshot, now).map(|condition| (condition, *events, *recent))
        }
        Ok(Known::Positions(_)) => {
            Err(Whole::NotPossible("not every event has a position any more".to_owned()))
        }
        Err(whole) => Err(whole.clone()),
    };
    let is_recent = now.condition().unwrap_or_else(|| NONE.to_owned());
    let is_new = known.as_ref().map_or(NONE, |(condition, ..)| condition);
    let (all, [found, recent]) = census::take(session, layout, [is_new, &is_recent]).await?;
    let recent_now = match recent.count.events {
        0 => Vec::new(),
        _ => census::identities(session, layout, &recent.only(&is_recent)).await?,
    };
    let (new, recent) = (found.count, recent.count);
    let mut plan = Plan {
        reading: question.whole(),
        rows: WhichRows::All,
        rows_expected: all.events,
        events: all.events,
        has_all_known: None,
        resume: question.resume(Known::Transactions { snapshot: now, events: all, recent }),
        recent: recent_now,
    };
    let (condition, events, recent) = match known {
        Ok(known) => known,
        Err(whole) => {
            plan.reading = Reading::Whole(whole);
            return Ok(plan);
        }
    };
    // What is not new is what was known, if there is as much of it and it is the same.
    let is_unchanged = new.without(recent).and_then(|new| all.without(new)) == Some(events);
    plan.has_all_known = Some(is_unchanged);
    if !is_unchanged {
        plan.reading = Reading::Whole(difference(events, all));
        return Ok(plan);
    }
    if request.everything {
        return Ok(plan);
    }
    let Some(recent) = remembered.recent(recent) else {
        let why = "this machine keeps no list of the newest events of its last backup";
        plan.reading = Reading::Whole(Whole::NotPossible(why.to_owned()));
        return Ok(plan);
    };
    plan.reading = Reading::Further(Proof::Identified { events: all.events });
    plan.rows_expected = new.events;
    plan.rows = WhichRows::Where {
        condition: found.only(&condition),
        known: recent.iter().copied().collect(),
    };
    Ok(plan)
}

/// A condition that all rows fulfil that were written since a snapshot, and few others.
fn since(snapshot: Transactions, now: Transactions) -> Result<String, Whole> {
    let not_possible = |why: &str| Err(Whole::NotPossible(why.to_owned()));
    if now.end < snapshot.end {
        return not_possible("the server has had fewer transactions than before, as if put back");
    }
    match (Transactions { from: snapshot.from, end: now.end }).condition() {
        Some(condition) => Ok(condition),
        None => not_possible("too many transactions came since to tell new events from old ones"),
    }
}

fn difference(had: Count, has: Count) -> Whole {
    let (had, has) = (had.events, has.events);
    if has < had {
        Whole::Shrank(format!("it has {has} events, and had {had}"))
    } else {
        Whole::Changed(format!("events were changed or removed since it had {had}"))
    }
}
