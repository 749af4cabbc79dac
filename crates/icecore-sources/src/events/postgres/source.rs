//! Reads an event store in a PostgreSQL database: all of it at one moment, while its writers go on.

use super::catalog::Catalog;
use super::connect::ConnectionSettings;
use super::dump::Dump;
use super::follow;
use super::kept;
use super::layout::Layout;
use super::moment::Moment;
use super::plan::{Plan, WhichRows};
use super::query::{QueryError, Session};
use super::reader::Reader;
use super::remembered::Remembered;
use super::rows::RowReader;
use super::schemas::{self, TableMapping};
use super::statements::{self, Statements, statements};
use super::value::Encoding;
use async_trait::async_trait;
use icecore::selection::StreamSelection;
use icecore::source::{
    EventReader, Follow, Reading, Source, SourceEnd, SourceError, SourceErrorKind, SourceRequest,
    UnparsedBatch, WantedFiles,
};
use icecore_format::record::Record as _;
use std::collections::HashSet;
use std::sync::Arc;

/// What the kind of these sources is.
pub const KIND: &str = "postgres";

/// How many connections copy events out at the same time.
const CONNECTIONS: usize = 2;

/// An event store in a database.
#[derive(Clone, Debug)]
pub struct PostgresSource {
    settings: ConnectionSettings,
    choice: SchemaChoice,
}

/// Which of a database's event stores is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchemaChoice {
    /// The store's schema, such as `eventcore`; whichever is there if empty.
    pub schema: Option<String>,
    /// The namespace that its tables are in, which PostgreSQL calls a schema, too; whichever it is
    /// if empty.
    pub namespace: Option<String>,
    /// A table that the user describes, which is none of these schemas: only it is looked for.
    pub mapping: Option<TableMapping>,
}

impl PostgresSource {
    /// The store in the database that these settings lead to.
    pub fn new(settings: ConnectionSettings, choice: SchemaChoice) -> Self {
        Self { settings, choice }
    }

    /// Drops what following left on the server: the replication slot and the publication of these
    /// streams. Whether there was anything.
    pub async fn forget_slot(&self, streams: &StreamSelection) -> Result<bool, SourceError> {
        follow::forget(&self.settings, &self.choice, streams).await
    }
}

#[async_trait]
impl Source for PostgresSource {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn default_name(&self) -> String {
        self.settings.name()
    }

    async fn open(&self, request: &SourceRequest) -> Result<Box<dyn EventReader>, SourceError> {
        let moment = Moment::begin(&self.settings).await?;
        let (layout, encodings) = store(&moment, &self.choice).await?;
        let kept = request.since.as_ref().map_or(&[][..], |since| &since.kept);
        let remembered = Remembered::read(kept);
        let plan = Plan::make(&moment, &layout, request, &remembered).await?;
        let reader = reader(&moment, &layout, &plan, &request.streams, &encodings).await?;
        let rows = row_reader(&layout, &plan, &request.streams, encodings);
        // Rows of unwanted streams are not counted if the server leaves them out.
        let counts_all = request.streams.exact().is_none();
        let bytes_expected = match (counts_all, plan.events) {
            (false, _) => None,
            (true, 0) => Some(0),
            (true, events) => {
                let bytes = u128::from(statements::bytes(&moment, &layout).await?);
                Some((bytes * u128::from(plan.rows_expected) / u128::from(events)) as u64)
            }
        };
        Ok(Box::new(PostgresReader {
            reader,
            rows,
            rows_read: 0,
            rows_expected: counts_all.then_some(plan.rows_expected),
            bytes_expected,
            files: request.files,
            moment,
            layout,
            plan,
            dump: remembered.dump,
        }))
    }

    async fn follow(&self, request: &SourceRequest) -> Result<Follow, SourceError> {
        follow::begin(&self.settings, &self.choice, request).await
    }
}

/// The store that is meant, and how its columns are sent, at a moment.
pub(super) async fn store(
    moment: &Moment,
    choice: &SchemaChoice,
) -> Result<(Layout, Vec<Encoding>), SourceError> {
    let catalog = Catalog::read(&moment.session).await?;
    let layout = schemas::choose(&catalog, choice)
        .map_err(|error| invalid(moment.name(), &error.to_string()))?;
    require_all_rows(moment, &layout).await?;
    Ok(moment.with_text_where_needed(layout).await?)
}

/// Begins to read what a plan says.
pub(super) async fn reader(
    moment: &Moment,
    layout: &Layout,
    plan: &Plan,
    streams: &StreamSelection,
    encodings: &[Encoding],
) -> Result<Reader, SourceError> {
    let statements = match plan.rows_expected {
        0 => Statements::none(),
        _ => statements(moment, layout, &plan.rows, streams, CONNECTIONS).await?,
    };
    let mut sessions: Vec<Session> = Vec::new();
    for _ in 0..CONNECTIONS.min(statements.sql.len()) {
        let session = moment.another().await?;
        if !statements.are_sorted {
            let alone = "SET LOCAL max_parallel_workers_per_gather = 0";
            session.execute(alone, "have the server read with one process").await?;
        }
        sessions.push(session);
    }
    Ok(Reader::begin(sessions, statements, encodings))
}

/// What makes events of the rows that a plan reads.
pub(super) fn row_reader(
    layout: &Layout,
    plan: &Plan,
    streams: &StreamSelection,
    encodings: Vec<Encoding>,
) -> Arc<RowReader> {
    let known = match &plan.rows {
        WhichRows::Where { known, .. } => known.clone(),
        WhichRows::All | WhichRows::Positions { .. } => HashSet::new(),
    };
    Arc::new(RowReader::new(layout, encodings, streams.clone(), known))
}

/// What makes events of rows none of which is known.
pub(super) fn rows_of_all(
    layout: &Layout,
    streams: &StreamSelection,
    encodings: Vec<Encoding>,
) -> Arc<RowReader> {
    Arc::new(RowReader::new(layout, encodings, streams.clone(), HashSet::new()))
}

/// Requires that as many rows were read as the server counted.
pub(super) fn require_all_read(
    moment: &Moment,
    layout: &Layout,
    expected: u64,
    read: u64,
) -> Result<(), SourceError> {
    if expected == read {
        return Ok(());
    }
    let (name, table) = (moment.name(), &layout.events);
    let message = format!(
        "{name}: the server counts {expected} rows of {table} to read, and sent {read}: \
         an index may be damaged"
    );
    Err(SourceError::new(SourceErrorKind::Unreadable, message))
}

struct PostgresReader {
    moment: Moment,
    layout: Layout,
    plan: Plan,
    reader: Reader,
    rows: Arc<RowReader>,
    rows_read: u64,
    rows_expected: Option<u64>,
    /// An estimate: as if all rows had the same length.
    bytes_expected: Option<u64>,
    files: WantedFiles,
    /// What made the tables at the last backup.
    dump: Option<Dump>,
}

#[async_trait]
impl EventReader for PostgresReader {
    fn reading(&self) -> &Reading {
        &self.plan.reading
    }

    fn found(&self) -> Option<&str> {
        Some(&self.layout.description)
    }

    fn bytes_expected(&self) -> Option<u64> {
        self.bytes_expected
    }

    fn has_all_known(&self) -> Option<bool> {
        self.plan.has_all_known
    }

    async fn next(&mut self) -> Result<Option<UnparsedBatch>, SourceError> {
        let Some(piece) = self.reader.next().await? else { return Ok(None) };
        self.rows_read += piece.count;
        let rows = Arc::clone(&self.rows);
        let bytes = piece.bytes.len() as u64;
        Ok(Some(UnparsedBatch::new(bytes, move || rows.parse(&piece.bytes))))
    }

    async fn finish(self: Box<Self>) -> Result<SourceEnd, SourceError> {
        if let Some(expected) = self.rows_expected {
            require_all_read(&self.moment, &self.layout, expected, self.rows_read)?;
        }
        let (files, dump) = if self.files == WantedFiles::None {
            // Whoever wants no files keeps this every second, perhaps.
            (Vec::new(), None)
        } else {
            let with_state = self.files == WantedFiles::WithState;
            kept::files(&self.moment, &self.layout, with_state, self.dump).await?
        };
        // So that nobody waits for our locks until the connection is found to be closed.
        self.moment.session.execute("COMMIT", "end reading").await?;
        let Plan { resume, recent, .. } = self.plan;
        let kept = Remembered { recent, dump }.encode();
        Ok(SourceEnd { epilogue: Vec::new(), files, resume, kept })
    }
}

/// Refuses tables of which the user sees some rows only.
async fn require_all_rows(moment: &Moment, layout: &Layout) -> Result<(), SourceError> {
    let kept = layout.tables.iter().map(|table| &table.name);
    for table in kept.chain([&layout.events]) {
        let sql = format!("SELECT row_security_active({}::regclass)", table.literal());
        if moment.session.row(&sql, "ask for row security").await?.get(0) {
            let message = format!(
                "row-level security hides rows of {table} from this user: a backup of what is left \
                 would look whole (give the user BYPASSRLS)"
            );
            return Err(invalid(moment.name(), &message));
        }
    }
    Ok(())
}

impl Moment {
    /// How the columns are sent; what has no encoding of ours is asked for as text.
    async fn with_text_where_needed(
        &self,
        mut layout: Layout,
    ) -> Result<(Layout, Vec<Encoding>), QueryError> {
        let from = layout.all_events();
        let sql = format!("SELECT {} FROM {from}", layout.expressions());
        let described = self.session.describe(&sql, "look at the columns").await?;
        let mut encodings = Vec::new();
        for (column, described) in layout.columns.iter_mut().zip(described.columns()) {
            let encoding = Encoding::of(described.type_());
            if encoding.is_none() {
                column.expression = format!("({})::text", column.expression);
            }
            encodings.push(encoding.unwrap_or(Encoding::Text));
        }
        Ok((layout, encodings))
    }
}

fn invalid(name: &str, what: &str) -> SourceError {
    SourceError::new(SourceErrorKind::Invalid, format!("{name}: {what}"))
}
