//! What a source's form of the events of one chunk had beyond their records: positions, the
//! transactions that wrote them, and the template and verbatim pieces of each.
//!
//! It is a chunk of its own, so the records are shared by copies whose form differs, and a form
//! that never changes is stored once.
//!
//! Format: docs/format.md, "Beside chunks".

use super::template::{FormKind, Pieces, Template};
use crate::limits::CHUNK_BYTES_MAX;
use crate::record::{DecodeError, Reader, put_bytes, put_signed_varint, put_varint};
use crate::time::Timestamp;
use std::collections::HashMap;

const VERSION: u8 = 1;
const RECORD: &str = "the chunk beside the events";
const POSITIONS_NONE: u8 = 0;
const POSITIONS_CONSECUTIVE: u8 = 1;
const POSITIONS_LISTED: u8 = 2;
/// Most events that one beside chunk describes: a record has at least four bytes.
const EVENTS_MAX: usize = CHUNK_BYTES_MAX / 4;

/// What stands beside the events of one chunk, decoded.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// What the templates render.
    pub form: FormKind,
    positions: Positions,
    /// Empty if no transaction is known.
    commits: Vec<CommitRun>,
    templates: Vec<Template>,
    runs: Vec<Run>,
    pieces: Vec<u8>,
}

/// The transaction that wrote an event, as far as the source told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// When it was committed, by the source's clock.
    pub time: Timestamp,
    /// Where its commit stands in the source's own log: no two have the same.
    pub lsn: u64,
}

/// Consecutive events of one transaction, or of which none is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CommitRun {
    commit: Option<Commit>,
    events: u32,
}

/// Positions relative to the chunk's first, which its segment has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Positions {
    #[default]
    None,
    Consecutive,
    /// For each event: whether it has a position, and how far it is beyond one after the last.
    Listed(Vec<Option<i64>>),
}

/// Consecutive events with one template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    template: u32,
    events: u32,
}

/// The form of one event.
#[derive(Clone, Debug)]
pub struct EventForm<'a> {
    /// Its position.
    pub position: Option<u64>,
    /// The transaction that wrote it.
    pub commit: Option<Commit>,
    /// Its template, unless the form is [`FormKind::None`].
    pub template: Option<&'a Template>,
}

impl Beside {
    /// Decodes exactly `bytes`, which stand beside `events` events.
    pub fn decode(bytes: &[u8], events: u32) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(RECORD, bytes);
        let version = reader.byte()?;
        if version != VERSION {
            return Err(DecodeError::Version { record: RECORD, version });
        }
        let form = match reader.byte()? {
            0 => FormKind::None,
            1 => FormKind::Lines,
            2 => FormKind::Rows,
            _ => return Err(reader.malformed("an unknown form")),
        };
        if reader.varint()? != u64::from(events) {
            return Err(reader.malformed("another number of events"));
        }
        let positions = read_positions(&mut reader, events)?;
        let commits = read_commits(&mut reader, events)?;
        // Each is some event's.
        let count = reader.length("the number of templates", events as usize)?;
        let templates =
            (0..count).map(|_| Template::decode(reader.bytes()?)).collect::<Result<Vec<_>, _>>()?;
        let runs = read_runs(&mut reader, form, events, templates.len())?;
        Ok(Self { form, positions, commits, templates, runs, pieces: reader.rest().to_vec() })
    }

    /// Whether the transaction of any event is known.
    pub fn knows_commits(&self) -> bool {
        !self.commits.is_empty()
    }

    /// The forms of the events in order, and the pieces that their templates take from, in order.
    /// `first_position` is the one that the segment has.
    pub fn forms(&self, first_position: Option<u64>) -> (Forms<'_>, Pieces<'_>) {
        let forms = Forms {
            beside: self,
            event: 0,
            run: 0,
            in_run: 0,
            commit: 0,
            in_commit: 0,
            next: first_position,
        };
        (forms, Pieces::new(&self.pieces))
    }
}

/// An endless iterator over the forms of a chunk's events; see [`Beside::forms`].
#[derive(Clone, Debug)]
pub struct Forms<'a> {
    beside: &'a Beside,
    event: usize,
    run: usize,
    in_run: u32,
    commit: usize,
    in_commit: u32,
    /// The position that the next event has, if it is one beyond the last.
    next: Option<u64>,
}

impl<'a> Forms<'a> {
    /// The form of the next event.
    pub fn next_form(&mut self) -> EventForm<'a> {
        let step = match &self.beside.positions {
            Positions::None => None,
            Positions::Consecutive => Some(0),
            Positions::Listed(steps) => steps.get(self.event).copied().flatten(),
        };
        let position = match (self.next, step) {
            (Some(next), Some(step)) => Some(next.wrapping_add_signed(step)),
            _ => None,
        };
        self.next = position.map_or(self.next, |position| Some(position.wrapping_add(1)));
        let run = self.beside.runs.get(self.run);
        let template = run.and_then(|run| self.beside.templates.get(run.template as usize));
        self.event += 1;
        self.in_run += 1;
        if run.is_some_and(|run| self.in_run == run.events) {
            self.run += 1;
            self.in_run = 0;
        }
        let commit_run = self.beside.commits.get(self.commit);
        self.in_commit += 1;
        if commit_run.is_some_and(|run| self.in_commit == run.events) {
            self.commit += 1;
            self.in_commit = 0;
        }
        EventForm { position, commit: commit_run.and_then(|run| run.commit), template }
    }
}

fn read_positions(reader: &mut Reader<'_>, events: u32) -> Result<Positions, DecodeError> {
    Ok(match reader.byte()? {
        POSITIONS_NONE => Positions::None,
        POSITIONS_CONSECUTIVE => Positions::Consecutive,
        POSITIONS_LISTED => {
            // Each takes at least a byte.
            if events as usize > reader.remaining() {
                return Err(reader.malformed("fewer positions than events"));
            }
            let steps = (0..events).map(|_| match reader.byte()? {
                0 => Ok(None),
                1 => reader.signed_varint().map(Some),
                _ => Err(reader.malformed("an unknown kind of position")),
            });
            Positions::Listed(steps.collect::<Result<_, _>>()?)
        }
        _ => return Err(reader.malformed("an unknown kind of positions")),
    })
}

fn read_commits(reader: &mut Reader<'_>, events: u32) -> Result<Vec<CommitRun>, DecodeError> {
    // Each takes at least two bytes.
    let count = reader.length("the number of transactions", reader.remaining() / 2)?;
    let mut runs = Vec::with_capacity(count);
    let (mut total, mut last) = (0u64, Commit { time: Timestamp(0), lsn: 0 });
    for _ in 0..count {
        let length = reader.length("a transaction's events", events as usize)? as u32;
        if length == 0 {
            return Err(reader.malformed("a transaction without events"));
        }
        total += u64::from(length);
        let commit = match reader.byte()? {
            0 => None,
            1 => {
                last.time.0 = last.time.0.wrapping_add(reader.signed_varint()?);
                last.lsn = last.lsn.wrapping_add_signed(reader.signed_varint()?);
                Some(last)
            }
            _ => return Err(reader.malformed("an unknown kind of transaction")),
        };
        runs.push(CommitRun { commit, events: length });
    }
    if runs.is_empty() || total == u64::from(events) {
        Ok(runs)
    } else {
        Err(reader.malformed("its transactions do not add up to the events"))
    }
}

fn read_runs(
    reader: &mut Reader<'_>,
    form: FormKind,
    events: u32,
    templates: usize,
) -> Result<Vec<Run>, DecodeError> {
    let count = reader.length("the number of runs", EVENTS_MAX.min(reader.remaining() / 2))?;
    let mut runs = Vec::with_capacity(count);
    let mut total = 0u64;
    for _ in 0..count {
        let template = reader.varint()?;
        let length = reader.length("a run's length", events as usize)? as u32;
        if template >= templates as u64 || length == 0 {
            return Err(reader.malformed("a run of a template that it does not list"));
        }
        total += u64::from(length);
        runs.push(Run { template: template as u32, events: length });
    }
    let expected = if form == FormKind::None { 0 } else { u64::from(events) };
    if total == expected {
        Ok(runs)
    } else {
        Err(reader.malformed("its runs do not add up to the events"))
    }
}

/// Collects what stands beside the events of one chunk.
#[derive(Debug, Default)]
pub struct BesideBuilder {
    form: FormKind,
    first_position: Option<u64>,
    next: Option<u64>,
    steps: Vec<Option<i64>>,
    commits: Vec<CommitRun>,
    templates: Vec<Template>,
    numbers: HashMap<Template, u32>,
    runs: Vec<Run>,
    pieces: Vec<u8>,
}

impl BesideBuilder {
    /// A builder for events of this form.
    pub fn new(form: FormKind) -> Self {
        Self { form, ..Self::default() }
    }

    /// The position of the first event that has one.
    pub fn first_position(&self) -> Option<u64> {
        self.first_position
    }

    /// Says which transaction wrote the next event; to be called before [`Self::push`], for none of a
    /// chunk's events or for all of those that follow the first such.
    pub fn commit(&mut self, commit: Option<Commit>) {
        match self.commits.last_mut() {
            Some(run) if run.commit == commit => run.events += 1,
            Some(_) => self.commits.push(CommitRun { commit, events: 1 }),
            None if commit.is_none() => {}
            None => {
                let before = self.steps.len() as u32;
                if before > 0 {
                    self.commits.push(CommitRun { commit: None, events: before });
                }
                self.commits.push(CommitRun { commit, events: 1 });
            }
        }
    }

    /// Adds the next event: its position, and unless the form is [`FormKind::None`] its template
    /// and the pieces that [`Pieces::put`] wrote for it.
    pub fn push(&mut self, position: Option<u64>, form: Option<(&Template, &[u8])>) {
        if let Some(position) = position {
            let next = *self.next.get_or_insert(position);
            self.first_position.get_or_insert(position);
            self.steps.push(Some(position.wrapping_sub(next) as i64));
            self.next = Some(position.wrapping_add(1));
        } else {
            self.steps.push(None);
        }
        if let Some((template, pieces)) = form {
            self.pieces.extend_from_slice(pieces);
            let last = self.runs.last_mut();
            if let Some(run) = last
                && self.templates.get(run.template as usize) == Some(template)
            {
                run.events += 1;
                return;
            }
            let number = if let Some(number) = self.numbers.get(template) {
                *number
            } else {
                let number = self.templates.len() as u32;
                self.templates.push(template.clone());
                self.numbers.insert(template.clone(), number);
                number
            };
            self.runs.push(Run { template: number, events: 1 });
        }
    }

    /// The chunk's bytes; `None` if there is nothing beside the records.
    pub fn finish(self) -> Option<Vec<u8>> {
        let is_plain = self.form == FormKind::None && self.first_position.is_none();
        if is_plain && self.commits.is_empty() {
            return None;
        }
        let mut bytes = vec![VERSION, self.form as u8];
        put_varint(&mut bytes, self.steps.len() as u64);
        if self.first_position.is_none() {
            bytes.push(POSITIONS_NONE);
        } else if self.steps.iter().all(|step| *step == Some(0)) {
            bytes.push(POSITIONS_CONSECUTIVE);
        } else {
            bytes.push(POSITIONS_LISTED);
            for step in &self.steps {
                bytes.push(u8::from(step.is_some()));
                if let Some(step) = step {
                    put_signed_varint(&mut bytes, *step);
                }
            }
        }
        put_varint(&mut bytes, self.commits.len() as u64);
        let mut last = Commit { time: Timestamp(0), lsn: 0 };
        for CommitRun { commit, events } in &self.commits {
            put_varint(&mut bytes, u64::from(*events));
            bytes.push(u8::from(commit.is_some()));
            if let Some(commit) = commit {
                put_signed_varint(&mut bytes, commit.time.0.wrapping_sub(last.time.0));
                put_signed_varint(&mut bytes, commit.lsn.wrapping_sub(last.lsn) as i64);
                last = *commit;
            }
        }
        put_varint(&mut bytes, self.templates.len() as u64);
        for template in &self.templates {
            put_bytes(&mut bytes, template.as_bytes());
        }
        put_varint(&mut bytes, self.runs.len() as u64);
        for run in &self.runs {
            put_varint(&mut bytes, u64::from(run.template));
            put_varint(&mut bytes, u64::from(run.events));
        }
        bytes.extend_from_slice(&self.pieces);
        Some(bytes)
    }
}
