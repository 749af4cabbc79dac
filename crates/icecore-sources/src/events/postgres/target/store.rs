//! The store that takes the events: made anew where there is none, or one that is there and empty.
//!
//! Everything is refused here that can be known to fail before rows are written.

use super::beside::{self, Ends};
use super::columns::Columns;
use super::failure::unsuitable;
use super::given::{Given, Table};
use super::order::in_order;
use super::{emmett, namespace};
use crate::events::postgres::catalog::Catalog;
use crate::events::postgres::layout::{KeptTable, Layout, Name, Role};
use crate::events::postgres::query::Session;
use crate::events::postgres::schemas::{self, ChoiceError};
use crate::events::postgres::source::SchemaChoice;
use icecore::target::{TargetError, TargetErrorKind, TargetRequest};
use postgres_protocol::escape::escape_identifier;

/// A store that is ready to be written.
pub(super) struct Store {
    pub(super) layout: Layout,
    pub(super) columns: Columns,
    /// Whether it was made, so that its indexes, constraints and triggers are still to be made.
    pub(super) is_new: bool,
    /// Whether its events go beside others: these have positions, and events get others.
    pub(super) is_beside: bool,
    /// Whether there are no others after all.
    pub(super) is_fresh: bool,
    /// The streams that are there already.
    pub(super) ends: Ends,
    /// Statements that switch the triggers on again as they were.
    pub(super) switch_on: Vec<String>,
    /// Tables beside the events that are loaded before these, as they refer to them; and after.
    pub(super) before: Vec<Load>,
    pub(super) after: Vec<Load>,
    /// Of which the rows of restored streams alone are loaded, before the events.
    pub(super) of_streams: Vec<Load>,
    /// What is not restored.
    pub(super) notes: Vec<String>,
}

/// Rows for a table.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) table: KeptTable,
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<u8>,
    /// Whether they are printed just so.
    pub(super) is_verbatim: bool,
}

impl Store {
    /// Makes the store, or empties the one that is there.
    pub(super) async fn prepare(
        session: &Session,
        given: &Given,
        namespace: Option<&str>,
        request: &TargetRequest,
    ) -> Result<Self, TargetError> {
        let catalog = Catalog::read(session).await?;
        let found = find(&catalog, given, namespace)?;
        let is_new = found.is_none();
        let (layout, catalog) = match found {
            Some(layout) => (layout, catalog),
            None => make(session, &catalog, given, namespace).await?,
        };
        let columns = Columns::of(session, &layout, given, !request.whole).await?;
        // Which migrations were applied to a store that is there, it knows itself.
        let lacks_functions = is_new && emmett::lacks_functions(session, &layout).await?;
        let with_migrations = is_new && !lacks_functions;
        let Loads { whole: loads, of_streams, mut notes } =
            loads(&catalog, &layout, given, request.whole, is_new, with_migrations)?;
        if lacks_functions {
            notes.push(emmett::LEDGER_IS_EMPTY.to_owned());
        }
        require_sequences(session, &layout, given, request.whole).await?;
        let mut switch_on = Vec::new();
        if !is_new {
            if let Some(reason) = given.store.as_ref().and_then(|store| store.ddl.as_ref()) {
                notes
                    .push(format!("the snapshot has no statements that make its tables: {reason}"));
            }
            lock(session, &layout).await?;
            switch_on = switch_off_triggers(session, &layout).await?;
            if request.whole || request.overwrite {
                empty(session, &layout, request.overwrite).await?;
            }
        }
        remove_preset(session, &loads).await?;
        let ends = if request.whole {
            Ends::new()
        } else {
            beside::prepare(session, &layout, request, is_new).await?
        };
        emmett::prepare(session, &layout, given).await?;
        let (before, after) = in_order(session, &layout, loads).await?;
        let (is_beside, is_fresh) = (!request.whole, is_new || request.overwrite);
        Ok(Self {
            layout,
            columns,
            is_new,
            is_beside,
            is_fresh,
            ends,
            switch_on,
            before,
            after,
            of_streams,
            notes,
        })
    }
}

/// The store that is there.
fn find(
    catalog: &Catalog,
    given: &Given,
    namespace: Option<&str>,
) -> Result<Option<Layout>, TargetError> {
    let choose = |namespace: Option<&str>| {
        let schema = Some(given.schema().to_owned());
        let choice = SchemaChoice {
            schema,
            namespace: namespace.map(str::to_owned),
            ..SchemaChoice::default()
        };
        schemas::choose(catalog, &choice)
    };
    let chosen = match (choose(namespace), namespace, &given.store) {
        // Of several, the one that is named as it was.
        (Err(ChoiceError::Several { found }), None, Some(store)) => {
            choose(Some(&store.namespace)).map_err(|_| ChoiceError::Several { found })
        }
        (chosen, ..) => chosen,
    };
    match chosen {
        Ok(layout) => Ok(Some(layout)),
        Err(ChoiceError::None { .. }) => Ok(None),
        Err(error) => Err(unsuitable("which store takes the events?").because(error)),
    }
}

/// Makes the tables with the snapshot's own statements.
async fn make(
    session: &Session,
    catalog: &Catalog,
    given: &Given,
    namespace: Option<&str>,
) -> Result<(Layout, Catalog), TargetError> {
    const STEP: &str = "make the tables of the snapshot";
    let (name, schema) = (session.name(), given.schema());
    let Some((store, pre_data)) = given.store.as_ref().zip(given.pre_data.as_ref()) else {
        let reason = given.store.as_ref().and_then(|store| store.ddl.as_deref());
        let reason = reason.unwrap_or("another kind of store was backed up");
        return Err(unsuitable(format!(
            "{name}: there is no store of schema {schema}, and the snapshot has no statements that \
             make one ({reason}): make an empty one first"
        )));
    };
    let namespace = namespace.unwrap_or(&store.namespace);
    if let Some(table) = given.names(namespace).into_iter().find(|name| catalog.has(name)) {
        return Err(unsuitable(format!(
            "{name}: there is a table {table}, but no store of schema {schema}: restore into \
             an empty database, or into an empty store"
        )));
    }
    namespace::make(session, namespace).await?;
    let Some(post_data) = &given.post_data else {
        return Err(unsuitable("the snapshot has no statements that make its indexes"));
    };
    // Keys tell what kind of store it is, and are made after the rows: so all is made once to look at.
    session.execute("SAVEPOINT icecore_made", STEP).await?;
    namespace::execute_in(session, &store.namespace, namespace, pre_data, STEP).await?;
    namespace::require_no_mention(session, &store.namespace, namespace).await?;
    namespace::execute_in(session, &store.namespace, namespace, post_data, STEP).await?;
    let catalog = Catalog::read(session).await?;
    session.execute("ROLLBACK TO SAVEPOINT icecore_made", STEP).await?;
    namespace::execute_in(session, &store.namespace, namespace, pre_data, STEP).await?;
    match find(&catalog, given, Some(namespace))? {
        Some(layout) => Ok((layout, catalog)),
        None => Err(unsuitable(format!(
            "the snapshot's statements do not make a store of schema {schema}"
        ))),
    }
}

/// What is loaded beside the events.
struct Loads {
    whole: Vec<Load>,
    of_streams: Vec<Load>,
    /// What is not.
    notes: Vec<String>,
}

/// What is loaded beside the events, and notes of what is not.
fn loads(
    catalog: &Catalog,
    layout: &Layout,
    given: &Given,
    is_whole: bool,
    is_new: bool,
    with_migrations: bool,
) -> Result<Loads, TargetError> {
    let (mut loads, mut of_streams) = (Vec::new(), Vec::new());
    let (mut notes, mut left_out) = (Vec::new(), Vec::new());
    for table in &given.tables {
        let Table { relation, columns, rows, is_verbatim } = table;
        let known = layout.tables.iter().find(|known| known.name.relation == *relation);
        let role = known.map(|known| known.role);
        let is_wanted = match role {
            Some(Role::Migrations) => with_migrations,
            Some(Role::Preset) => is_whole || is_new,
            _ => is_whole || known.is_some_and(|known| !known.stream.is_empty()),
        };
        if !is_wanted {
            let is_missed =
                !rows.is_empty() && !matches!(role, Some(Role::Migrations | Role::Preset));
            left_out.extend(is_missed.then_some(relation.as_str()));
            continue;
        }
        let Some(known) = known else {
            if rows.is_empty() {
                continue;
            }
            let name = Name::new(&layout.events.namespace, relation);
            return Err(unsuitable(format!(
                "there is no table {name}, and the snapshot has rows of it"
            )));
        };
        let has = |column: &&String| catalog.has_column(&known.name, column);
        if let Some(missing) = columns.iter().find(|column| !has(column)) {
            let name = &known.name;
            return Err(unsuitable(format!(
                "{name} has no column {missing}, and the snapshot has values of it"
            )));
        }
        let (table, columns, rows) = (known.clone(), columns.clone(), rows.clone());
        let goes_with_streams = !is_whole && !table.stream.is_empty();
        let loads = if goes_with_streams { &mut of_streams } else { &mut loads };
        loads.push(Load { table, columns, rows, is_verbatim: *is_verbatim });
    }
    if !left_out.is_empty() {
        let tables = left_out.join(", ");
        notes.push(format!("{tables}: left out, since they are of the whole store"));
    }
    for name in &given.unknown {
        notes.push(format!("'{name}' was left out: the store has no place for it"));
    }
    Ok(Loads { whole: loads, of_streams, notes })
}

async fn require_sequences(
    session: &Session,
    layout: &Layout,
    given: &Given,
    is_whole: bool,
) -> Result<(), TargetError> {
    let Some(store) = given.store.as_ref().filter(|_| is_whole) else { return Ok(()) };
    for sequence in &store.sequences {
        let name = sequence.name_in(store, layout);
        let sql = format!("SELECT to_regclass({}) IS NOT NULL", name.literal());
        if !session.row(&sql, "look for a sequence").await?.get::<_, bool>(0) {
            return Err(unsuitable(format!("there is no sequence {name}, which the snapshot has")));
        }
    }
    Ok(())
}

/// Keeps writers away until the transaction ends; readers go on.
async fn lock(session: &Session, layout: &Layout) -> Result<(), TargetError> {
    let tables = list(layout.all_tables());
    let sql = format!("LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE");
    Ok(session.execute(&sql, "lock the tables of the store").await?)
}

/// Switches off the triggers that would change rows or refuse them; statements that switch them on.
async fn switch_off_triggers(
    session: &Session,
    layout: &Layout,
) -> Result<Vec<String>, TargetError> {
    let mut switch_on = Vec::new();
    for table in layout.all_tables() {
        let sql = format!(
            "SELECT tgname::text, tgenabled::text FROM pg_trigger \
             WHERE tgrelid = {}::regclass AND NOT tgisinternal AND tgenabled <> 'D' \
             ORDER BY tgname",
            table.literal()
        );
        for row in session.rows(&sql, "list the triggers").await? {
            let trigger = escape_identifier(row.get(0));
            let sql = format!("ALTER TABLE {table} DISABLE TRIGGER {trigger}");
            session.execute(&sql, "switch the triggers off").await?;
            let mode = match row.get(1) {
                "A" => "ALWAYS ",
                "R" => "REPLICA ",
                _ => "",
            };
            switch_on.push(format!("ALTER TABLE {table} ENABLE {mode}TRIGGER {trigger}"));
        }
    }
    Ok(switch_on)
}

/// Requires that the store is empty, or empties it.
async fn empty(session: &Session, layout: &Layout, overwrite: bool) -> Result<(), TargetError> {
    let kept = |name: &Name| layout.tables.iter().find(|table| table.name == *name);
    let is_content = |name: &&Name| {
        !matches!(kept(name).map(|kept| kept.role), Some(Role::Migrations | Role::Preset))
    };
    let tables: Vec<&Name> = layout.all_tables().into_iter().filter(is_content).collect();
    if overwrite {
        let sql = format!("TRUNCATE {}", list(tables));
        session.execute(&sql, "empty the store").await?;
    } else {
        for table in tables {
            let preset = kept(table).and_then(|kept| kept.preset);
            let condition = preset.map(|preset| format!(" WHERE NOT ({preset})"));
            let sql = format!("SELECT count(*) FROM {table} k{}", condition.unwrap_or_default());
            let count: i64 = session.row(&sql, "count rows").await?.get(0);
            if count > 0 {
                let rows = if count == 1 { "row" } else { "rows" };
                let message = format!("{}: {table} has {count} {rows}", session.name());
                return Err(TargetError::new(TargetErrorKind::NotEmpty, message));
            }
        }
    }
    Ok(())
}

/// Makes room for the snapshot's rows where a store has some from its beginning.
async fn remove_preset(session: &Session, loads: &[Load]) -> Result<(), TargetError> {
    for KeptTable { name, role, preset, .. } in loads.iter().map(|load| &load.table) {
        let condition = match (role, preset) {
            (_, Some(preset)) => format!(" WHERE {preset}"),
            (Role::Preset, None) => String::new(),
            _ => continue,
        };
        let sql = format!("DELETE FROM {name} k{condition}");
        session.execute(&sql, "replace what a store has from its beginning").await?;
    }
    Ok(())
}

fn list(tables: Vec<&Name>) -> String {
    tables.into_iter().map(Name::to_string).collect::<Vec<_>>().join(", ")
}
