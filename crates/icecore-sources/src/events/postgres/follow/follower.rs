//! A follower: decodes what is new, reads it, and lets go of what is durable.

use super::super::layout::Layout;
use super::super::moment::SETTINGS;
use super::super::query::Session;
use super::super::rows::RowReader;
use super::super::source;
use super::captured::batches;
use super::decoded::Transaction;
use super::known::Progress;
use super::log::{self, Decoded, End, TooMuch};
use super::moment::Begun;
use super::publication;
use super::requirements::KeyedTable;
use super::slot::{Retained, Slot, SlotFound};
use super::visibility::Visibility;
use super::written::{self, Written};
use async_trait::async_trait;
use icecore::selection::StreamSelection;
use icecore::source::{Captured, EventFollower, FollowError, SourceError, SourceErrorKind, Whole};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often it is looked whether the log has grown.
const POLL: Duration = Duration::from_millis(100);

/// How many changes are decoded at once, unless one transaction has more.
const CHANGES: u64 = 16_384;

/// How many rows are read at first, in whole transactions, and then twice as many each time: it is not
/// known before how long they are.
const ROWS_FIRST: usize = 64;

/// When enough was read to be given, in bytes.
const BYTES_ENOUGH: usize = 32 << 20;

/// How much of the log is kept by a slot although nothing of it is ours, in bytes: a segment.
const IDLE_BYTES: u64 = 16 << 20;

/// How much the log grows before it is looked how much of it the slot keeps, in bytes: a segment, which
/// is what the server counts in.
const LOOK_BYTES: u64 = 16 << 20;

/// Follows a store by a slot.
pub(super) struct Follower {
    session: Session,
    slot: Slot,
    table: KeyedTable,
    layout: Layout,
    rows: Arc<RowReader>,
    /// What the publication was when this began.
    published: Option<String>,
    /// What was visible when this began. It was known then, or is in `catch_up`.
    begun: Visibility,
    /// A transaction that was visible then has its commit before this place.
    begun_before: u64,
    progress: Progress,
    /// What was new when this began.
    catch_up: Option<Captured>,
    /// Where the commit of the last transaction that was given is.
    given: u64,
    /// All that is committed before this place is known.
    decoded: u64,
    /// When everything before this place is known, all is known of the transactions below.
    over: Option<(u64, u64)>,
    /// What was given and is not durable: what it is gone on from, and where the log goes on after it.
    pending: VecDeque<(Vec<u8>, u64)>,
    /// Up to where the slot was let go.
    let_go: u64,
    /// Where the log ended when it was looked how much of it the slot keeps.
    looked_at: u64,
    changes: u64,
    /// How long decoding took last.
    took: Duration,
    is_much_told: bool,
    is_slot_new: bool,
    notices: Vec<String>,
}

impl Follower {
    /// Begins after the moment that tells what is known.
    pub(super) async fn begin(
        session: Session,
        slot: Slot,
        found: SlotFound,
        table: KeyedTable,
        begun: Begun,
        streams: &StreamSelection,
    ) -> Result<Self, SourceError> {
        let Begun { layout, encodings, visibility, progress, catch_up } = begun;
        let rows = source::rows_of_all(&layout, streams, encodings);
        let published = publication::state(&session, &slot.name, &layout).await?;
        let begun_before = End::read(&session).await?.inserted;
        let notices = match found {
            SlotFound::MadeAnew(why) => vec![format!("{}: another was made", why.said(&slot.name))],
            SlotFound::Usable | SlotFound::Made => Vec::new(),
        };
        let pending = catch_up.iter().map(|captured| (captured.resume.clone(), 0)).collect();
        Ok(Self {
            session,
            slot,
            table,
            layout,
            rows,
            published,
            begun: visibility,
            begun_before,
            progress,
            catch_up,
            given: 0,
            decoded: 0,
            over: None,
            pending,
            let_go: 0,
            looked_at: 0,
            changes: CHANGES,
            took: Duration::ZERO,
            is_much_told: false,
            is_slot_new: found != SlotFound::Usable,
            notices,
        })
    }

    /// What is new, if anything is.
    async fn look(&mut self) -> Result<Option<Captured>, FollowError> {
        let end = End::read(&self.session).await.map_err(SourceError::from)?;
        if end.flushed <= self.decoded {
            return Ok(None);
        }
        self.look_at_slot(end.flushed).await?;
        let over = *self.over.get_or_insert((end.all_over_below, end.inserted));
        let Decoded { mut transactions, is_all } = self.decode().await?;
        self.require_published().await?;
        let found = transactions.len();
        if let Some(at) = transactions.iter().position(|one| one.change.is_some()) {
            if let (0, Some(what)) = (at, transactions[0].change) {
                return Err(FollowError::Lost(Whole::Changed(what.to_owned())));
            }
            transactions.truncate(at);
        }
        let (visibility, written) = self.read(&mut transactions).await?.map_err(too_much)?;
        Self::require_all(&transactions, &written)?;
        let is_all = is_all && found == transactions.len();
        if let Some(last) = transactions.last() {
            (self.given, self.decoded) = (last.commit, last.end);
        }
        if is_all {
            self.decoded = self.decoded.max(end.flushed);
        }
        for one in &written {
            self.progress.take(&one.events, &visibility).map_err(FollowError::Lost)?;
        }
        if self.decoded >= over.1 {
            self.progress.all_known_below(over.0);
            self.over = None;
        }
        let Some(last) = transactions.last() else {
            if self.pending.is_empty() && self.decoded > self.let_go + IDLE_BYTES {
                self.let_go(self.decoded).await?;
            }
            return Ok(None);
        };
        let (resume, kept) = (self.progress.resume(), self.progress.kept());
        self.pending.push_back((resume.clone(), last.end));
        let batches = batches(&self.rows, &transactions, written);
        Ok(Some(Captured { batches, resume, kept, more_follows: false }))
    }

    /// The next transactions that are not known.
    async fn decode(&mut self) -> Result<Decoded, FollowError> {
        let began = Instant::now();
        loop {
            let (given, visible, before) = (self.given, &self.begun, self.begun_before);
            let wanted =
                |commit, number| commit > given && !(commit < before && visible.sees(number));
            let decoded =
                log::decode(&self.session, &self.slot, &self.table, self.changes, wanted).await;
            let decoded = match decoded {
                Ok(decoded) => decoded.map_err(too_much)?,
                Err(error) => return Err(self.give_up(error).await.into()),
            };
            if decoded.is_all || !decoded.transactions.is_empty() {
                self.took = began.elapsed();
                return Ok(decoded);
            }
            // All of them are known, and are not yet let go: what is new comes after more.
            self.changes *= 2;
        }
    }

    /// Requires that all was published that was decoded: otherwise whoever follows next proves what is
    /// known.
    async fn require_published(&mut self) -> Result<(), SourceError> {
        let name = &self.slot.name;
        let state = publication::state(&self.session, name, &self.layout).await?;
        if state.is_some() && state == self.published {
            return Ok(());
        }
        let (source, events) = (self.session.name(), &self.layout.events);
        let message = format!("{source}: publication {name} of {events} is not what it was");
        Err(SourceError::new(SourceErrorKind::Unreadable, message))
    }

    /// Drops a slot that cannot be decoded from, if the server is there, and says what became of it.
    /// Whoever follows next makes another.
    async fn give_up(&mut self, error: SourceError) -> SourceError {
        if self.session.execute("ROLLBACK", "end decoding").await.is_err() {
            return error;
        }
        let (session, slot) = (&self.session, &self.slot.name);
        let said = match self.slot.look(session).await {
            Ok(None) => format!("somebody dropped the replication slot {slot}"),
            Ok(Some(Err(why))) => why.said(slot),
            Ok(Some(Ok(()))) => format!("the replication slot {slot} cannot be decoded from"),
            Err(_) => return error,
        };
        if let Err(kept) = self.slot.drop_if_there(session).await {
            tracing::info!(slot, error = %kept, "a slot that cannot be decoded from was not dropped");
        }
        let message = format!("{}: {said}", session.name());
        SourceError::new(SourceErrorKind::Unreadable, message).because(error)
    }

    /// Reads what transactions wrote, without those that are not visible yet: a commit is decoded
    /// when it is durable, and visible a moment later, or when standbys have it.
    async fn read(
        &mut self,
        transactions: &mut Vec<Transaction>,
    ) -> Result<Result<(Visibility, Vec<Written>), TooMuch>, SourceError> {
        let begin = format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {SETTINGS}");
        self.session.execute(&begin, "begin to read what is new").await?;
        let visibility = Visibility::read(&self.session).await?;
        if let Some(at) = transactions.iter().position(|one| !visibility.sees(one.number)) {
            transactions.truncate(at);
        }
        let (mut written, mut bytes, mut rows_at_once) = (Vec::new(), 0, ROWS_FIRST);
        while bytes < BYTES_ENOUGH
            && let Some(next) = whole_transactions(&transactions[written.len()..], rows_at_once)
        {
            let read = written::read(&self.session, &self.layout, &self.table, next, &visibility);
            let read = match read.await? {
                Ok(read) => read,
                // Fewer may fit.
                Err(TooMuch) if next.len() > 1 => {
                    rows_at_once = 1;
                    continue;
                }
                Err(TooMuch) => return Ok(Err(TooMuch)),
            };
            bytes += read.iter().map(|one| one.rows.len()).sum::<usize>();
            written.extend(read);
            rows_at_once *= 2;
        }
        transactions.truncate(written.len());
        self.session.execute("COMMIT", "end reading").await?;
        Ok(Ok((visibility, written)))
    }

    /// Requires that what was inserted is still there.
    fn require_all(transactions: &[Transaction], written: &[Written]) -> Result<(), FollowError> {
        let is_there =
            transactions.iter().zip(written).all(|(one, it)| one.rows.len() == it.events.len());
        if is_there {
            return Ok(());
        }
        let what = "events were changed or deleted as soon as they were written";
        Err(FollowError::Lost(Whole::Changed(what.to_owned())))
    }

    /// Has the server keep nothing before this place any more.
    async fn let_go(&mut self, to: u64) -> Result<(), SourceError> {
        self.slot.advance(&self.session, to).await?;
        self.let_go = to;
        self.changes = CHANGES;
        Ok(())
    }

    /// Tells once that the server keeps much for the slot, and again when it was less meanwhile.
    async fn look_at_slot(&mut self, end: u64) -> Result<(), SourceError> {
        if end < self.looked_at + LOOK_BYTES {
            return Ok(());
        }
        self.looked_at = end;
        let retained = self.slot.retained(&self.session).await?;
        if retained.is_much() && !self.is_much_told {
            let Retained { bytes, bytes_max } = retained;
            self.notices.push(format!(
                "{}: the server keeps {} MiB of its log for the replication slot {}, and gives that up \
                 when they are more than max_slot_wal_keep_size, {} MiB",
                self.session.name(),
                bytes >> 20,
                self.slot.name,
                bytes_max.unwrap_or_default() >> 20,
            ));
        }
        self.is_much_told = retained.is_much();
        Ok(())
    }
}

/// The first of these transactions that have so many rows together, or the first alone; `None` if there
/// are none.
fn whole_transactions(transactions: &[Transaction], rows: usize) -> Option<&[Transaction]> {
    let mut sum = 0;
    let fit = transactions.iter().take_while(|one| {
        sum += one.rows.len();
        sum <= rows
    });
    let fit = fit.count().max(1);
    transactions.get(..fit)
}

fn too_much(_: TooMuch) -> FollowError {
    let why = "a transaction has more than is held in memory at once";
    FollowError::Lost(Whole::NotPossible(why.to_owned()))
}

#[async_trait]
impl EventFollower for Follower {
    fn way(&self) -> String {
        let made = if self.is_slot_new { ", which was made now" } else { "" };
        format!("what the server decodes for the replication slot {}{made}", self.slot.name)
    }

    fn notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    async fn next(&mut self, patience: Duration) -> Result<Option<Captured>, FollowError> {
        if let Some(captured) = self.catch_up.take() {
            return Ok(Some(captured));
        }
        let end = Instant::now() + patience;
        loop {
            if let Some(captured) = self.look().await? {
                return Ok(Some(captured));
            }
            let rest = end.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return Ok(None);
            }
            // Decoding reads some of the log again, so it has half of a processor at most.
            sleep(rest.min(POLL.max(self.took))).await;
        }
    }

    async fn acknowledge(&mut self, resume: &[u8]) -> Result<(), FollowError> {
        let Some(at) = self.pending.iter().position(|(given, _)| given == resume) else {
            return Ok(());
        };
        let to = self.pending.drain(..=at).next_back().map_or(0, |(_, end)| end);
        if to > self.let_go {
            self.let_go(to).await?;
        }
        Ok(())
    }
}
