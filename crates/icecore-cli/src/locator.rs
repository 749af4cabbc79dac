//! Locators: what is backed up or restored to, such as `sqlite:shop.db`, `ndjson:export.ndjson`
//! or `-`.
//!
//! A locator that is refused is never repeated in full: it may hold credentials.

use crate::error::CommandError;
use crate::location::scheme;
#[cfg(feature = "postgres")]
use crate::mapping;
use icecore::source::Source;
use icecore::target::Target;
#[cfg(feature = "postgres")]
use icecore_sources::events::postgres::connect::{ConnectionSettings, Environment};
#[cfg(feature = "postgres")]
use icecore_sources::events::postgres::{PostgresSource, PostgresTarget, SchemaChoice};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

#[cfg(not(any(feature = "ndjson", feature = "postgres", feature = "sqlite")))]
compile_error!("choose what to back up: any of the features `ndjson`, `postgres`, `sqlite`");

/// What is said of a source beside its locator.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceOptions {
    /// `--map`: `FIELD=MEMBER` pairs.
    pub(crate) pairs: Vec<(String, String)>,
    /// `--schema`.
    pub(crate) schema: Option<String>,
    /// `--namespace`.
    pub(crate) namespace: Option<String>,
    /// `--table`.
    pub(crate) table: Option<String>,
    /// `--column`: `PART=COLUMN` pairs.
    pub(crate) columns: Vec<(String, String)>,
}

impl SourceOptions {
    fn refuse_pairs(&self) -> Result<(), CommandError> {
        let message = "--map is for NDJSON: a database has columns of its own";
        refuse(!self.pairs.is_empty(), message)
    }

    fn refuse_choice(&self) -> Result<(), CommandError> {
        let message = "--schema, --namespace, --table and --column are for PostgreSQL";
        let Self { schema, namespace, table, columns, pairs: _ } = self;
        let is_one_given = schema.is_some() || namespace.is_some() || table.is_some();
        refuse(is_one_given || !columns.is_empty(), message)
    }

    /// Which of a database's event stores is meant.
    #[cfg(feature = "postgres")]
    fn choice(&self) -> Result<SchemaChoice, CommandError> {
        let schema = self.schema.clone().filter(|schema| schema != "auto");
        let is_mapping = schema.as_deref() == Some(mapping::SCHEMA);
        let Some(table) = &self.table else {
            refuse(is_mapping, "--schema mapping needs --table, and --column for its columns")?;
            return Ok(SchemaChoice { schema, namespace: self.namespace.clone(), mapping: None });
        };
        let message = "--table describes a store itself: leave --schema out, or say mapping";
        refuse(schema.is_some() && !is_mapping, message)?;
        let mapping = mapping::mapping(table, self.namespace.as_deref(), &self.columns)?;
        Ok(SchemaChoice { mapping: Some(mapping), ..SchemaChoice::default() })
    }
}

fn refuse(is_refused: bool, message: &str) -> Result<(), CommandError> {
    if is_refused { Err(CommandError::Usage(message.to_owned())) } else { Ok(()) }
}

/// What is backed up or restored to.
#[derive(Clone, Debug)]
pub(crate) enum Locator {
    /// A file of events, or `-` for a standard stream.
    #[cfg(feature = "ndjson")]
    Ndjson(PathBuf),
    /// An EventCore store in a database file.
    #[cfg(feature = "sqlite")]
    Sqlite(PathBuf),
    /// An event store in a PostgreSQL database: how to connect to it.
    #[cfg(feature = "postgres")]
    Postgres(Box<ConnectionSettings>),
}

impl Locator {
    /// Reads a locator.
    pub(crate) fn parse(text: &OsStr) -> Result<Self, CommandError> {
        let (kind, path) = match scheme(text) {
            _ if text == "-" => ("ndjson", text),
            Some((kind, path)) => (kind, path),
            None => return Err(CommandError::Usage(missing_kind(text))),
        };
        if path.is_empty() {
            return Err(CommandError::Usage(format!("a path is missing after '{kind}:'")));
        }
        match kind {
            #[cfg(feature = "ndjson")]
            "ndjson" => Ok(Self::Ndjson(path.into())),
            #[cfg(feature = "sqlite")]
            "sqlite" => Ok(Self::Sqlite(path.into())),
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => match text.to_str() {
                Some(text) => {
                    let settings = ConnectionSettings::parse(text, &environment())?;
                    Ok(Self::Postgres(Box::new(settings)))
                }
                None => Err(CommandError::Usage(format!("what follows '{kind}:' is no UTF-8"))),
            },
            _ => Err(CommandError::Usage(format!(
                "'{kind}:' is no kind of event store that this program knows; {KINDS}"
            ))),
        }
    }

    /// Whether this is standard input or output.
    pub(crate) fn is_standard_stream(&self) -> bool {
        match self {
            #[cfg(feature = "ndjson")]
            Self::Ndjson(path) => path.as_os_str() == "-",
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => false,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => false,
        }
    }

    /// Refuses what is no file that is appended to.
    pub(crate) fn require_appended_file(&self) -> Result<(), CommandError> {
        let message = match self {
            _ if self.is_standard_stream() => "--trust-append is for files: a pipe is read whole",
            #[cfg(feature = "ndjson")]
            Self::Ndjson(_) => return Ok(()),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => "--trust-append is for NDJSON: a database says what is new",
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => "--trust-append is for NDJSON: a database says what is new",
        };
        Err(CommandError::Usage(message.to_owned()))
    }

    /// The source that it names, as these options say.
    pub(crate) fn source(&self, options: &SourceOptions) -> Result<Box<dyn Source>, CommandError> {
        match self {
            #[cfg(feature = "ndjson")]
            Self::Ndjson(path) => {
                use icecore_sources::events::ndjson::{MemberMap, NdjsonSource};
                options.refuse_choice()?;
                let pairs =
                    options.pairs.iter().map(|(field, member)| (field.as_str(), member.as_str()));
                let members = MemberMap::new(pairs)
                    .map_err(|error| CommandError::Usage(error.to_string()))?;
                Ok(Box::new(NdjsonSource::new(path, members)))
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite(path) => {
                options.refuse_pairs()?;
                options.refuse_choice()?;
                Ok(Box::new(icecore_sources::events::sqlite::SqliteSource::new(path)))
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(settings) => {
                options.refuse_pairs()?;
                let choice = options.choice()?;
                Ok(Box::new(PostgresSource::new((**settings).clone(), choice)))
            }
        }
    }

    /// The target that it names; in a PostgreSQL database, in this namespace.
    pub(crate) fn target(&self, namespace: Option<&str>) -> Result<Box<dyn Target>, CommandError> {
        let refuse_namespace = || {
            refuse(
                namespace.is_some(),
                "--namespace is for PostgreSQL: it names one of its schemas",
            )
        };
        Ok(match self {
            #[cfg(feature = "ndjson")]
            Self::Ndjson(path) => {
                refuse_namespace()?;
                Box::new(icecore_sources::events::ndjson::NdjsonTarget::new(path))
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite(path) => {
                refuse_namespace()?;
                Box::new(icecore_sources::events::sqlite::SqliteTarget::new(path))
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(settings) => {
                let namespace = namespace.map(str::to_owned);
                Box::new(PostgresTarget::new((**settings).clone(), namespace))
            }
        })
    }
}

impl std::fmt::Display for Locator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            #[cfg(feature = "ndjson")]
            Self::Ndjson(path) => write!(formatter, "ndjson:{}", path.display()),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(path) => write!(formatter, "sqlite:{}", path.display()),
            #[cfg(feature = "postgres")]
            Self::Postgres(settings) => formatter.write_str(&settings.name()),
        }
    }
}

const KINDS: &str =
    "say postgres://HOST/DATABASE, sqlite:PATH, ndjson:PATH, or - for NDJSON on a standard stream";

/// What leads to PostgreSQL's own programs, and to no server.
#[cfg(feature = "postgres")]
pub(crate) fn programs_environment() -> Environment {
    let mut environment = Environment::default();
    environment.variables = self::environment().variables;
    environment.variables.retain(|name, _| name == "PATH");
    environment
}

/// What libpq would ask the system for.
#[cfg(feature = "postgres")]
#[expect(clippy::disallowed_methods, reason = "the command line reads the environment")]
fn environment() -> Environment {
    let variable = |name: &str| std::env::var(name).ok();
    let variables = std::env::vars_os().filter_map(|(name, value)| {
        let is_asked_for = |name: &String| name.starts_with("PG") || name == "PATH";
        let name = name.into_string().ok().filter(is_asked_for)?;
        Some((name, value.into_string().ok()?))
    });
    Environment {
        variables: variables.collect(),
        home: std::env::home_dir(),
        user: variable("USER").or_else(|| variable("LOGNAME")),
    }
}

/// What to say about a path without a kind: the ending may tell what was meant.
fn missing_kind(text: &OsStr) -> String {
    let path = PathBuf::from(OsString::from(text));
    let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    let kind = match ending {
        "ndjson" | "jsonl" | "json" => "ndjson",
        "db" | "sqlite" | "sqlite3" => "sqlite",
        _ => return format!("a locator begins with the kind of event store; {KINDS}"),
    };
    format!(
        "a locator begins with the kind of event store: did you mean {kind}:{}?",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, String> {
        Locator::parse(OsStr::new(text)).map(|it| it.to_string()).map_err(|it| it.to_string())
    }

    #[test]
    fn locators_name_a_kind_and_a_path() {
        assert_eq!(parse("-").unwrap(), "ndjson:-");
        assert_eq!(parse("ndjson:a b.ndjson").unwrap(), "ndjson:a b.ndjson");
        assert_eq!(parse("sqlite:/srv/shop.db").unwrap(), "sqlite:/srv/shop.db");
        assert_eq!(parse("sqlite:odd:name").unwrap(), "sqlite:odd:name");
    }

    #[test]
    fn what_is_no_locator_is_refused_with_what_to_say_instead() {
        insta::assert_snapshot!(parse("shop.db").unwrap_err(), @"a locator begins with the kind of event store: did you mean sqlite:shop.db?");
        insta::assert_snapshot!(parse("shop").unwrap_err(), @"a locator begins with the kind of event store; say postgres://HOST/DATABASE, sqlite:PATH, ndjson:PATH, or - for NDJSON on a standard stream");
        insta::assert_snapshot!(parse("sqlite:").unwrap_err(), @"a path is missing after 'sqlite:'");
        insta::assert_snapshot!(parse("mysql://me:secret@host/shop").unwrap_err(), @"'mysql:' is no kind of event store that this program knows; say postgres://HOST/DATABASE, sqlite:PATH, ndjson:PATH, or - for NDJSON on a standard stream");
    }

    #[test]
    #[cfg(feature = "postgres")]
    fn a_password_in_a_locator_is_refused_and_not_repeated() {
        let error = parse("postgres://me:secret@host/shop").unwrap_err();
        assert!(error.contains("has a password in it") && error.contains("~/.pgpass"), "{error}");
        assert!(!error.contains("secret"), "{error}");
        assert_eq!(parse("postgres://me@host/shop").unwrap(), "postgres://host/shop");
    }
}
