//! Completes a store: what stands beside the events, sequences, indexes, constraints and triggers;
//! reads all of it back, and makes it visible.

use super::failure::unsuitable;
use super::given::{Given, Sequence};
use super::load::{Loader, load};
use super::store::Store;
use super::verify::{Restored, verify};
use super::{PostgresWriter, beside, consumers, cut, emmett, eventcore, given, namespace};
use crate::events::postgres::layout::{Layout, Name, Order};
use crate::events::postgres::query::Session;
use icecore::target::{RestoreEnd, StreamEnd, TargetError, TargetErrorKind, Verification, Written};

/// Completes and commits; after an error, nothing was changed, unless it says so.
pub(super) async fn finish(
    writer: PostgresWriter,
    end: &RestoreEnd,
) -> Result<Written, TargetError> {
    let PostgresWriter { session, given, mut store, mut loader, verification, .. } = writer;
    let what = What { is_whole: writer.is_whole, is_cut: writer.is_cut, verification };
    let mut notes = complete(&session, &given, &mut store, &mut loader, what)
        .await
        .map_err(|error| unchanged(&session, error))?;
    if !end.epilogue.is_empty() {
        notes.push("what follows the last event in the source's file was left out".to_owned());
    }
    session.execute("COMMIT", "commit what was restored").await.map_err(|error| {
        if error.source.as_db_error().is_some() {
            return unchanged(&session, error.into());
        }
        let message = format!(
            "{}: the connection was lost while what was restored became visible: either all of it \
             is there, or nothing was changed",
            session.name()
        );
        TargetError::new(TargetErrorKind::Unwritable, message).because(error.source)
    })?;
    let written = loader.written;
    Ok(Written {
        events: written.events.rows,
        bytes: written.bytes,
        verified: Some(verification),
        notes,
    })
}

fn unchanged(session: &Session, error: TargetError) -> TargetError {
    let message = format!("no event was restored, and {} was not changed", session.name());
    TargetError::new(error.kind, message).because(error)
}

/// What is completed.
#[derive(Clone, Copy)]
struct What {
    is_whole: bool,
    is_cut: bool,
    verification: Verification,
}

async fn complete(
    session: &Session,
    given: &Given,
    store: &mut Store,
    loader: &mut Loader,
    what: What,
) -> Result<Vec<String>, TargetError> {
    const MAKE: &str = "make the indexes, constraints and triggers";
    let What { is_whole, is_cut, verification } = what;
    loader.finish(session).await?;
    let mut notes = std::mem::take(&mut store.notes);
    for table in &store.after {
        if is_cut && cut::are_links(&store.layout, &table.table.name) {
            cut::load_links(session, &store.layout, table).await?;
        } else {
            load(session, table).await?;
        }
    }
    if is_cut {
        let among = store.is_beside.then_some(beside::STREAMS);
        cut::settle(session, store, among).await?;
    }
    if let Some(described) = given.store.as_ref().filter(|_| is_whole) {
        for sequence in &described.sequences {
            let (last, is_called) = (sequence.last_value, sequence.is_called);
            let name = sequence.name_in(described, &store.layout);
            // That alone would stay if the transaction failed; a sequence that was begun anew in it
            // does not.
            let sql = format!(
                "ALTER SEQUENCE {name} RESTART; \
                 SELECT setval({}::regclass, {last}, {is_called})",
                name.literal()
            );
            session.execute(&sql, "set a sequence").await?;
        }
    }
    let loads = || store.before.iter().chain(&store.after);
    eventcore::settle_frontier(session, &store.layout, loads(), store.is_beside).await?;
    if store.is_new {
        let Some(post_data) = &given.post_data else {
            return Err(unsuitable("the snapshot has no statements that make its indexes"));
        };
        let was = given.store.as_ref().map_or("", |store| store.namespace.as_str());
        let namespace = &store.layout.events.namespace;
        namespace::execute_in(session, was, namespace, post_data, MAKE).await?;
    }
    // No trigger can be switched while a constraint waits to be checked.
    session.execute("SET CONSTRAINTS ALL IMMEDIATE", "check the constraints").await?;
    for statement in &store.switch_on {
        session.execute(statement, "switch the triggers on again").await?;
    }
    let verified = loads().filter(|load| {
        let name = &load.table.name;
        let is_kept = !is_cut || !cut::is_settled(&store.layout, name);
        is_kept && (is_whole || !eventcore::is_frontier(name))
    });
    let restored = if store.is_beside { Some(beside::is_restored(&store.layout)?) } else { None };
    let (events, restored) = (&store.layout.events, restored.as_deref());
    let (columns, written) = (&store.columns, &loader.written);
    let restored = Restored { events, columns, beside: restored, written };
    verify(session, &restored, verified, verification).await?;
    notes.extend(emmett::settle_transactions(session, store, is_whole).await?);
    if loader.written.has_renamed {
        let ids = "renamed events keep their ids, and whatever else names the old stream";
        notes.push(ids.to_owned());
    }
    if store.is_beside && loader.written.events.rows > 0 && has_positions(store) {
        let dealt =
            "the store deals positions: those of the restored events follow all that were there";
        notes.push(dealt.to_owned());
    }
    if store.ends.values().any(|end| *end == StreamEnd::Replaced) && has_positions(store) {
        let gaps = "positions of the events that were replaced are not dealt again";
        notes.push(gaps.to_owned());
    }
    if is_whole {
        notes.extend(consumers::notes(session, &store.layout, is_cut).await?);
    }
    notes.extend(eventcore::notes(session, &store.layout).await?);
    Ok(notes)
}

/// Whether events have positions that the store deals.
fn has_positions(store: &Store) -> bool {
    store.columns.deals() || matches!(store.layout.order, Order::Position(_))
}

impl Sequence {
    /// Its name in the store that is restored into.
    pub(super) fn name_in(&self, store: &given::Store, layout: &Layout) -> Name {
        let is_moved = self.namespace == store.namespace;
        let namespace = if is_moved { &layout.events.namespace } else { &self.namespace };
        Name::new(namespace, &self.name)
    }
}
