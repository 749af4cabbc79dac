//! The statements that make a store's tables, as `pg_dump` prints them.
//!
//! It runs as a process of its own, sees the moment that is backed up, and is told how to connect in
//! its environment. What it prints before and after the data are two files: a restore loads rows
//! between them.
//!
//! Source: <https://www.postgresql.org/docs/18/app-pgdump.html>.

mod definitions;
mod program;
mod statements;
mod types;

use super::layout::{Layout, Name};
use super::moment::Moment;
use super::query::QueryError;
use blake3::Hasher;
use postgres_protocol::escape::escape_identifier;
use program::Program;
use serde::{Deserialize, Serialize};
use statements::without_settings;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use tokio::task::{JoinError, spawn_blocking};
use tokio_postgres::Row;
use types::types;

/// How long it waits for who changes the tables, such as a migration.
const LOCK_WAIT: &str = "--lock-wait-timeout=10s";

/// What makes a store's tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Dump {
    /// Tells what was dumped from everything else: if it is the same, so is the dump.
    of: [u8; 16],
    /// Before rows are loaded: functions and tables.
    pub(super) pre_data: String,
    /// After: indexes, constraints and triggers.
    pub(super) post_data: String,
}

/// Why there are no statements. The backup goes on without them.
#[derive(Debug, thiserror::Error)]
pub(super) enum DumpError {
    #[error(
        "there is no pg_dump of version {version} or newer, in PATH or below /usr/lib/postgresql"
    )]
    NoProgram { version: u32 },
    #[error("{} cannot be run: {source}", program.display())]
    NotRun { program: PathBuf, source: io::Error },
    #[error("{} failed: {said}", program.display())]
    Failed { program: PathBuf, said: String },
    #[error("what pg_dump prints is not UTF-8")]
    NotText,
    #[error("running pg_dump was stopped: {0}")]
    Stopped(#[from] JoinError),
}

/// Dumps the definitions of a store, unless what is `known` is a dump of just these; inside is why
/// there are none.
pub(super) async fn dump(
    moment: &Moment,
    layout: &Layout,
    sequences: &[String],
    known: Option<Dump>,
) -> Result<Result<Dump, DumpError>, QueryError> {
    let mut arguments: Vec<OsString> = [
        "--schema-only",
        "--no-owner",
        "--no-privileges",
        "--no-tablespaces",
        "--no-publications",
        "--no-subscriptions",
        "--no-password",
        "--encoding=UTF8",
        LOCK_WAIT,
    ]
    .map(OsString::from)
    .into();
    if layout.owns_namespace() {
        let namespace = escape_identifier(&layout.events.namespace);
        arguments.push(format!("--schema={namespace}").into());
    } else {
        let tables = tables(moment, layout).await?;
        for name in tables.iter().chain(sequences) {
            arguments.push(format!("--table={name}").into());
        }
    }
    let of = what_is_dumped(&definitions::definitions(moment).await?, &arguments);
    if let Some(known) = known.filter(|known| known.of == of) {
        return Ok(Ok(known));
    }
    let functions = if layout.owns_namespace() {
        String::new()
    } else {
        types(moment, layout).await? + &functions(moment, layout).await?
    };
    arguments.push(format!("--snapshot={}", moment.exported()).into());
    let (settings, version) = (moment.settings().clone(), moment.major_version);
    let dumped = spawn_blocking(move || {
        let program = Program::find(&settings, version)?;
        let section = |name: &str| {
            let section = OsString::from(format!("--section={name}"));
            let printed = program.run(arguments.iter().chain([&section]))?;
            let printed = String::from_utf8(printed).map_err(|_| DumpError::NotText)?;
            Ok::<_, DumpError>(without_settings(&printed))
        };
        let pre_data = format!("{functions}{}", section("pre-data")?);
        Ok(Dump { of, pre_data, post_data: section("post-data")? })
    });
    Ok(dumped.await.unwrap_or_else(|error| Err(error.into())))
}

/// A hash of the database's definitions, of which of them are dumped, and of how.
fn what_is_dumped(definitions: &str, arguments: &[OsString]) -> [u8; 16] {
    let mut hasher = Hasher::new();
    let arguments = arguments.iter().map(|argument| argument.as_encoded_bytes());
    for text in
        [env!("CARGO_PKG_VERSION").as_bytes(), definitions.as_bytes()].into_iter().chain(arguments)
    {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text);
    }
    let mut hash = [0; 16];
    hasher.finalize_xof().fill(&mut hash);
    hash
}

/// The tables of a store with their partitions, as patterns that mean just them.
async fn tables(moment: &Moment, layout: &Layout) -> Result<Vec<String>, QueryError> {
    let sql = format!(
        "WITH RECURSIVE below(oid) AS ( \
             SELECT unnest({}) \
             UNION SELECT inhrelid FROM pg_inherits JOIN below ON inhparent = below.oid) \
         SELECT nspname::text, relname::text \
         FROM below JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = c.relnamespace \
         ORDER BY 1, 2",
        array(layout)
    );
    let rows = moment.session.rows(&sql, "list the tables of the store").await?;
    let names = rows.iter().map(|row| Name { namespace: row.get(0), relation: row.get(1) });
    Ok(names.map(|name| name.to_string()).collect())
}

/// Definitions of the functions that the tables' triggers, defaults, constraints and indexes call.
async fn functions(moment: &Moment, layout: &Layout) -> Result<String, QueryError> {
    let sql = format!(
        "WITH stores(oid) AS (SELECT unnest({})), used(oid) AS ( \
             SELECT tgfoid FROM pg_trigger JOIN stores ON tgrelid = stores.oid \
             WHERE NOT tgisinternal \
             UNION SELECT refobjid FROM pg_depend \
             WHERE refclassid = 'pg_proc'::regclass AND ( \
                 classid = 'pg_attrdef'::regclass AND objid IN ( \
                     SELECT d.oid FROM pg_attrdef d JOIN stores ON adrelid = stores.oid) \
                 OR classid = 'pg_constraint'::regclass AND objid IN ( \
                     SELECT c.oid FROM pg_constraint c JOIN stores ON conrelid = stores.oid) \
                 OR classid = 'pg_class'::regclass AND objid IN ( \
                     SELECT indexrelid FROM pg_index JOIN stores ON indrelid = stores.oid))) \
         SELECT pg_get_functiondef(p.oid) \
         FROM pg_proc p JOIN used USING (oid) JOIN pg_namespace n ON n.oid = pronamespace \
         WHERE prokind IN ('f', 'p') AND nspname NOT IN ('pg_catalog', 'information_schema') \
           AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass \
                           AND e.objid = p.oid AND e.deptype = 'e') \
         ORDER BY nspname, proname, pg_get_function_identity_arguments(p.oid)",
        array(layout)
    );
    let rows = moment.session.rows(&sql, "read the functions of triggers").await?;
    let definition = |row: &Row| format!("{};\n\n", row.get::<_, &str>(0).trim_end());
    Ok(rows.iter().map(definition).collect::<Vec<_>>().concat())
}

/// The tables of a store as an array of their oids.
pub(super) fn array(layout: &Layout) -> String {
    let names: Vec<String> = layout.all_tables().iter().map(|table| table.literal()).collect();
    format!("ARRAY[{}]::regclass[]::oid[]", names.join(", "))
}
