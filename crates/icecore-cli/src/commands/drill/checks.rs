//! The user's own checks: statements of SQL, and commands.

use super::process;
use super::proof::{Check, DETAILS_MAX};
use super::scratch::Scratch;
use super::target::{Kind, ScratchTarget};
use crate::error::CommandError;
use crate::table;
use clap::Args;
use icecore::Monitor;
use std::fs::File;
use std::future::Future;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Lines of a command that failed that are told: the last ones say why.
const LINES_TOLD_MAX: usize = 10;

/// Time between two looks at whether the drill is to stop.
const LOOK: Duration = Duration::from_millis(50);

/// What the user wants to be checked.
#[derive(Debug, Args)]
pub(super) struct UserChecks {
    /// Run SQL against the scratch target (PostgreSQL, SQLite); may be given again
    #[arg(long, value_name = "FILE")]
    check_sql: Vec<PathBuf>,
    /// Run a shell command, which fails by its exit code; may be given again
    #[arg(long, value_name = "COMMAND")]
    check_command: Vec<String>,
}

/// The same, read before anything is begun.
pub(super) struct Statements {
    /// Each file's name and text.
    sql: Vec<(PathBuf, String)>,
    commands: Vec<String>,
}

/// A row that does not begin with a value that is true, or what was wrong with a statement.
struct Failure {
    /// Which statement, from 1.
    statement: u64,
    what: String,
}

/// What statements showed: how many there are, and the first that failed.
type Ran = Result<u64, Failure>;

impl UserChecks {
    /// Reads the files.
    pub(super) fn read(&self) -> Result<Statements, CommandError> {
        let read = |path: &PathBuf| {
            let text = std::fs::read_to_string(path);
            let failed = |source| CommandError::CheckFile { path: path.clone(), source };
            Ok((path.clone(), text.map_err(failed)?))
        };
        let sql = self.check_sql.iter().map(read).collect::<Result<_, CommandError>>()?;
        Ok(Statements { sql, commands: self.check_command.clone() })
    }
}

impl Statements {
    /// Refuses SQL where nothing understands it.
    pub(super) fn refuse_unless_suitable(&self, kind: Kind) -> Result<(), CommandError> {
        if self.sql.is_empty() || kind.has_sql() {
            return Ok(());
        }
        let message = "--check-sql needs a database: say --into sqlite or --into postgres";
        Err(CommandError::Usage(message.to_owned()))
    }

    /// Runs all of them. Fails only if the drill is to stop.
    pub(super) async fn run(
        &self,
        target: &ScratchTarget,
        scratch: &Scratch,
        monitor: &Monitor,
    ) -> Result<Vec<Check>, CommandError> {
        let mut checks = Vec::new();
        for (path, text) in &self.sql {
            let _task = monitor.task("checking with SQL");
            let ran = until_stopped(Box::pin(statements(target, text)), monitor).await?;
            checks.push(sql_check(&path.display().to_string(), ran));
        }
        for command in &self.commands {
            let _task = monitor.task("checking with a command");
            checks.push(run_command(command, target, scratch, monitor).await?);
        }
        Ok(checks)
    }
}

fn sql_check(file: &str, ran: Ran) -> Check {
    match ran {
        Ok(0) => Check::failed("sql", format!("{file} has no statement"), []),
        Ok(statements) => {
            let statements = table::counted(statements, "statement", "statements");
            Check::passed("sql", format!("{file}: {statements}"))
        }
        Err(Failure { statement, what }) => {
            Check::failed("sql", format!("{file}: statement {statement} failed"), [what])
        }
    }
}

#[cfg_attr(
    not(any(feature = "postgres", feature = "sqlite")),
    allow(unused_variables, reason = "nothing understands SQL")
)]
async fn statements(target: &ScratchTarget, text: &str) -> Ran {
    match target {
        #[cfg(feature = "ndjson")]
        ScratchTarget::Ndjson(_) => Ok(0),
        #[cfg(feature = "sqlite")]
        ScratchTarget::Sqlite(path) => {
            let (path, text) = (path.clone(), text.to_owned());
            let ran = tokio::task::spawn_blocking(move || sqlite(&path, &text)).await;
            ran.unwrap_or_else(|error| Err(Failure { statement: 1, what: error.to_string() }))
        }
        #[cfg(feature = "postgres")]
        ScratchTarget::Postgres(cluster) => postgres(cluster, text).await,
    }
}

/// In SQLite, a number that is not 0 is true.
#[cfg(feature = "sqlite")]
fn sqlite(path: &std::path::Path, text: &str) -> Ran {
    use rusqlite::types::ValueRef;
    use rusqlite::{Batch, Connection, OpenFlags};
    let mut statement = 1;
    let mut run = || {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut batch = Batch::new(&connection, text);
        while let Some(mut prepared) = batch.next()? {
            let mut rows = prepared.query([])?;
            while let Some(row) = rows.next()? {
                let what = match row.get_ref(0)? {
                    ValueRef::Integer(number) if number != 0 => continue,
                    ValueRef::Integer(number) => number.to_string(),
                    ValueRef::Real(number) => number.to_string(),
                    ValueRef::Text(text) => format!("'{}'", String::from_utf8_lossy(text)),
                    ValueRef::Null => "NULL".to_owned(),
                    ValueRef::Blob(_) => "a blob".to_owned(),
                };
                return Ok(Some(not_true(&what)));
            }
            statement += 1;
        }
        Ok(None)
    };
    let ran: rusqlite::Result<Option<String>> = run();
    match ran {
        Ok(None) => Ok(statement - 1),
        Ok(Some(what)) => Err(Failure { statement, what }),
        Err(error) => Err(Failure { statement, what: error.to_string() }),
    }
}

/// In PostgreSQL, true is what the server prints as `t`.
#[cfg(feature = "postgres")]
async fn postgres(cluster: &super::cluster::ScratchCluster, text: &str) -> Ran {
    use crate::output::steps;
    use futures::stream::StreamExt as _;
    use icecore_sources::events::postgres::connect::connect;
    use tokio_postgres::SimpleQueryMessage;
    let failed = |statement| move |what: String| Failure { statement, what };
    let settings = cluster.settings().map_err(|error| failed(1)(error.to_string()))?;
    let client =
        Box::pin(connect(&settings)).await.map_err(|error| failed(1)(steps(&error).join(": ")))?;
    let messages = client.simple_query_raw(text).await;
    let messages = messages.map_err(|error| failed(1)(steps(&error).join(": ")))?;
    let mut messages = std::pin::pin!(messages);
    let mut statement = 1;
    loop {
        match messages.next().await {
            None => return Ok(statement - 1),
            Some(Ok(SimpleQueryMessage::CommandComplete(_))) => statement += 1,
            Some(Ok(SimpleQueryMessage::Row(row))) => match row.try_get(0) {
                Ok(Some("t")) => {}
                Ok(Some(value)) => return Err(failed(statement)(not_true(&format!("'{value}'")))),
                Ok(None) => return Err(failed(statement)(not_true("NULL"))),
                Err(error) => return Err(failed(statement)(error.to_string())),
            },
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(failed(statement)(steps(&error).join(": "))),
        }
    }
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
fn not_true(value: &str) -> String {
    format!("a row begins with {value}, which is not true")
}

/// Runs a command, what it says in a file of the scratch directory.
async fn run_command(
    text: &str,
    target: &ScratchTarget,
    scratch: &Scratch,
    monitor: &Monitor,
) -> Result<Check, CommandError> {
    let said = scratch.path().join("check.log");
    let mut command = Command::new("sh");
    command.arg("-c").arg(text);
    for (name, _) in std::env::vars_os() {
        if process::is_for_servers(name.as_encoded_bytes()) {
            command.env_remove(name);
        }
    }
    command.env("ICECORE_DRILL_TARGET", target.locator_text()).envs(target.variables());
    let log = File::create(&said).and_then(|log| Ok((log.try_clone()?, log)));
    let (stdout, stderr) = log.map_err(CommandError::Runtime)?;
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    let stop = monitor.clone();
    let ended =
        tokio::task::spawn_blocking(move || process::run_until_stopped(&mut command, &stop));
    let ended = ended.await.map_err(|error| CommandError::Runtime(error.into()))?;
    let status = ended.map_err(CommandError::Runtime)?.ok_or(CommandError::Interrupted)?;
    if status.success() {
        return Ok(Check::passed("command", format!("`{text}` ended with 0")));
    }
    let said = std::fs::read(&said).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    let lines: Vec<String> = said.lines().rev().take(LINES_TOLD_MAX).map(str::to_owned).collect();
    Ok(Check::failed("command", format!("`{text}` failed: {status}"), lines.into_iter().rev()))
}

/// Waits for something, unless the drill is to stop before it comes.
async fn until_stopped<T>(
    something: impl Future<Output = T>,
    monitor: &Monitor,
) -> Result<T, CommandError> {
    let stopped = async {
        while monitor.stop_point().is_ok() {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        came = something => Ok(came),
        () = stopped => Err(CommandError::Interrupted),
    }
}

const _: () = assert!(LINES_TOLD_MAX <= DETAILS_MAX);

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    fn run(text: &str) -> Result<u64, (u64, String)> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection
            .execute_batch("CREATE TABLE event (n INTEGER); INSERT INTO event VALUES (1), (0);")
            .unwrap();
        sqlite(&path, text).map_err(|Failure { statement, what }| (statement, what))
    }

    #[test]
    fn a_statement_fails_unless_all_its_rows_begin_with_true() {
        assert_eq!(run("SELECT count(*) = 2 FROM event; SELECT 1 FROM event WHERE n > 1;"), Ok(2));
        let failure = |statement, value| {
            Err((statement, format!("a row begins with {value}, which is not true")))
        };
        assert_eq!(run("SELECT 1; SELECT count(*) = 3 FROM event"), failure(2, "0"));
        assert_eq!(run("SELECT n FROM event ORDER BY n DESC"), failure(1, "0"));
        assert_eq!(run("SELECT NULL"), failure(1, "NULL"));
        assert_eq!(run("SELECT 't'"), failure(1, "'t'"));
        assert_eq!(run("-- nothing"), Ok(0));
        let (statement, what) = run("SELECT 1; SELECT total FROM event").unwrap_err();
        assert_eq!(statement, 2);
        assert!(what.contains("no such column: total"), "{what}");
        assert!(run("DELETE FROM event").unwrap_err().1.contains("readonly"));
    }
}
