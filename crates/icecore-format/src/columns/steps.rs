//! Documents taken apart: a walk from step to step, each a run of bytes and then a value.
//!
//! Most documents walk as the one before them did, so a step first looks whether what followed it
//! last time fits again: that compares the bytes between values and never takes them apart.

use super::fit::{Document, Step, take, take_inline};
use super::kind::Kind;
use super::known::Known;
use super::lanes::Lanes;
use super::scan::{self, load8};
use super::slot::Slot;
use super::store::Columns;
use super::token::{self, Token};
use crate::record::{put_bytes, put_signed_varint, put_varint};

/// Most steps of a block; what does not fit becomes the rest of its document.
const STEPS_MAX: usize = 6000;
/// Most steps that follow one; one byte tells them apart.
const FOLLOWING_MAX: usize = 255;
/// Steps that are tried before the document is taken apart.
const TRIED_MAX: usize = 8;

/// So that the last run of bytes, too, is compared sixteen bytes at a time.
const LITERALS_SLACK_BYTES: usize = 32;

/// The number of a step.
pub(super) type StepId = u32;

/// What a walk looks at only where it turns.
#[derive(Debug, Default)]
struct Turns {
    name: u64,
    root: StepId,
    following: Vec<StepId>,
    choices: Vec<u8>,
}

/// Where a walk went on, and how that is told.
#[derive(Clone, Copy, Debug)]
struct Turn {
    choice: u8,
    next: StepId,
    reached: usize,
}

const NO_STEP: StepId = StepId::MAX;

/// All steps of a block.
#[derive(Debug, Default)]
pub(super) struct Steps {
    all: Vec<Step>,
    /// Of each step; more are kept for the memory that they have.
    turns: Vec<Turns>,
    /// The runs of bytes, and slack behind them.
    literals: Vec<u8>,
    /// Hash to number of steps, and of columns.
    known: Known,
    columns_known: Known,
    /// Of documents that were not taken apart to their end, in bytes.
    kept_bytes: usize,
}

impl Steps {
    /// Begins a block whose documents start from the first `roots` steps.
    pub(super) fn clear(&mut self, roots: usize) {
        self.all.clear();
        self.literals.clear();
        self.literals.resize(LITERALS_SLACK_BYTES, 0);
        self.known.clear();
        self.columns_known.clear();
        self.kept_bytes = 0;
        for root in 0..roots {
            self.add_root(root <= super::root::TIME as usize, root as u64);
        }
    }

    /// How much of the documents was not taken apart, in bytes.
    pub(super) fn kept_bytes(&self) -> usize {
        self.kept_bytes
    }

    /// Adds a step from which documents start, inside a string or not.
    pub(super) fn add_root(&mut self, is_inside: bool, name: u64) -> StepId {
        let root = self.all.len() as StepId;
        let token = Token { at: 0, slot: Slot::Nothing, is_inside };
        self.push(&[], token, 0, name, root)
    }

    fn push(
        &mut self,
        literal: &[u8],
        token: Token,
        column: u16,
        name: u64,
        root: StepId,
    ) -> StepId {
        let literal_at = self.literals.len() - LITERALS_SLACK_BYTES;
        self.literals.truncate(literal_at);
        self.literals.extend_from_slice(literal);
        self.literals.resize(literal_at + literal.len() + LITERALS_SLACK_BYTES, 0);
        let number = self.all.len();
        self.all.push(Step {
            literal: [load8(&self.literals, literal_at), load8(&self.literals, literal_at + 8)],
            literal_at: literal_at as u32,
            literal_bytes: literal.len() as u16,
            column,
            slot: token.slot,
            is_inside: token.is_inside,
            is_any_text: false,
            is_fork: false,
            choice: 0,
            next: NO_STEP,
            passes: 0,
        });
        if self.turns.len() == number {
            self.turns.push(Turns::default());
        }
        let turns = &mut self.turns[number];
        turns.name = name;
        turns.root = root;
        turns.following.clear();
        turns.choices.clear();
        number as StepId
    }

    /// Takes a document apart.
    pub(super) fn walk(
        &mut self,
        root: StepId,
        raw: &[u8],
        document: &Document,
        columns: &mut Columns,
    ) {
        let (mut from, mut at) = (root as usize, document.at);
        loop {
            let next = self.all[from].next as usize;
            if let Some(usual) = self.all.get(next)
                && let Some(reached) =
                    take_inline(usual, &self.literals, raw, at, document, columns)
            {
                let is_last = usual.slot.is_last();
                let step = &mut self.all[from];
                if step.is_fork {
                    self.turns[from].choices.push(step.choice);
                } else {
                    step.passes += 1;
                }
                if is_last {
                    return;
                }
                (from, at) = (next, reached);
                continue;
            }
            let turn = self.turn(from, raw, at, document, columns);
            let step = &mut self.all[from];
            if step.is_fork {
                self.turns[from].choices.push(turn.choice);
            } else {
                step.passes += 1;
            }
            from = turn.next as usize;
            let step = &mut self.all[from];
            if step.slot == Slot::Rest {
                self.kept_bytes += document.end - at;
            }
            if step.slot.is_last() {
                return;
            }
            at = turn.reached;
        }
    }

    /// Goes another way than last time, which becomes the usual one.
    #[inline(never)]
    fn turn(
        &mut self,
        from: usize,
        raw: &[u8],
        at: usize,
        document: &Document,
        columns: &mut Columns,
    ) -> Turn {
        let turns = &self.turns[from];
        for (choice, next) in turns.following.iter().take(TRIED_MAX).enumerate() {
            let step = &self.all[*next as usize];
            if *next == self.all[from].next || step.slot == Slot::Rest {
                continue;
            }
            if let Some(reached) = take(step, &self.literals, raw, at, document, columns) {
                let turn = Turn { choice: choice as u8, next: *next, reached };
                self.all[from].choice = turn.choice;
                self.all[from].next = turn.next;
                return turn;
            }
        }
        let mut name = turns.name;
        let token = token::next(raw, at, document.end, self.all[from].is_inside, &mut name);
        if token.slot != Slot::Rest
            && let Some(turn) = self.follow(from, token, name, raw, at, document, columns)
        {
            self.all[from].choice = turn.choice;
            self.all[from].next = turn.next;
            return turn;
        }
        // The rest of a document fits always, so it must not become usual.
        let rest = Token { at, slot: Slot::Rest, is_inside: false };
        self.follow(from, rest, 0, raw, at, document, columns)
            .expect("the rest of a document fits always")
    }

    /// Goes on with a step that may be new; `None` if that cannot be.
    #[allow(clippy::too_many_arguments, reason = "a step's half of a walk")]
    fn follow(
        &mut self,
        from: usize,
        token: Token,
        name: u64,
        raw: &[u8],
        at: usize,
        document: &Document,
        columns: &mut Columns,
    ) -> Option<Turn> {
        let next = self.find_or_add(from, token, name, raw, at, columns)?;
        self.all[next as usize].is_any_text = true;
        let choice = self.choice(from, next)?;
        let step = &self.all[next as usize];
        let reached = take(step, &self.literals, raw, at, document, columns)?;
        Some(Turn { choice, next, reached })
    }

    /// Which of the steps that follow one this is; it becomes one of them.
    fn choice(&mut self, from: usize, next: StepId) -> Option<u8> {
        let turns = &mut self.turns[from];
        if let Some(choice) = turns.following.iter().position(|step| *step == next) {
            return Some(choice as u8);
        }
        let count = turns.following.len();
        // The last place is kept for the rest of a document.
        let is_rest = self.all[next as usize].slot == Slot::Rest;
        if count + usize::from(!is_rest) >= FOLLOWING_MAX {
            return None;
        }
        turns.following.push(next);
        if count == 1 {
            let step = &mut self.all[from];
            step.is_fork = true;
            turns.choices.resize(step.passes as usize, 0);
        }
        Some(count as u8)
    }

    fn find_or_add(
        &mut self,
        from: usize,
        token: Token,
        name: u64,
        raw: &[u8],
        at: usize,
        columns: &mut Columns,
    ) -> Option<StepId> {
        let root = self.turns[from].root;
        let place = u64::from(root) << 32 | token.slot.number() << 1 | u64::from(token.is_inside);
        let seed = scan::fold(name ^ 0x2545_f491, place | 1 << 63);
        let hash = scan::hash(raw, at, token.at - at, seed);
        if let Some(step) = self.known.get(hash) {
            return Some(step);
        }
        if self.all.len() >= STEPS_MAX && token.slot != Slot::Rest {
            return None;
        }
        let column = match token.slot.kind() {
            None => 0,
            Some(kind) if token.slot == Slot::Rest => {
                self.column(u64::from(root) << 20, kind, columns)
            }
            Some(kind) => self.column(name, kind, columns),
        };
        let step = self.push(&raw[at..token.at], token, column, name, root);
        self.known.insert(hash, step);
        Some(step)
    }

    /// The column for values of a kind under a name.
    fn column(&mut self, name: u64, kind: Kind, columns: &mut Columns) -> u16 {
        let [kind_byte, parameter] = kind.to_bytes();
        let hash = scan::fold(
            name ^ 0x9e37_79b9_7f4a_7c15,
            u64::from(kind_byte) << 8 | u64::from(parameter) | 1 << 63,
        );
        if let Some(column) = self.columns_known.get(hash) {
            return column as u16;
        }
        let column = columns.add(kind);
        self.columns_known.insert(hash, column.into());
        column
    }

    /// Writes all steps.
    pub(super) fn put(&self, lanes: &mut Lanes) {
        put_varint(&mut lanes.plan, self.all.len() as u64);
        for (number, (step, turns)) in self.all.iter().zip(&self.turns).enumerate() {
            let start = step.literal_at as usize;
            let literal = &self.literals[start..start + usize::from(step.literal_bytes)];
            put_bytes(&mut lanes.plan, literal);
            let column = step.slot.kind().map_or(0, |_| u64::from(step.column) + 1);
            put_varint(&mut lanes.plan, column);
            put_varint(&mut lanes.plan, turns.following.len() as u64);
            for next in &turns.following {
                // The step after this one is what follows most.
                put_signed_varint(&mut lanes.plan, i64::from(*next) - number as i64 - 1);
            }
            if step.is_fork {
                put_varint(&mut lanes.plan, turns.choices.len() as u64);
                lanes.codes.extend_from_slice(&turns.choices);
            }
        }
    }
}
