//! Steps while they are read: the walk that was taken, from its choices.

use super::columns_read::ColumnsRead;
use super::kind::Kind;
use super::lanes::LanesRead;
use super::output::Output;
use super::root;
use crate::record::{DecodeError, Reader};

/// Most steps of a block that is read.
const STEPS_MAX: usize = 1 << 16;
/// Most steps that follow one: one byte tells them apart.
const FOLLOWING_MAX: usize = 256;

/// A run of bytes, then a value.
#[derive(Clone, Copy, Debug)]
struct Step {
    literal_at: u32,
    literal_bytes: u32,
    kind: Option<Kind>,
    /// Where its value is.
    place: u32,
    /// How many steps may follow.
    following: u16,
    /// The step that follows; or, if more than one may, the number of the fork.
    next: u32,
}

/// What a walk looks at only where it has a choice.
#[derive(Clone, Copy, Debug)]
struct Fork {
    /// Where the steps that may follow are in the list of all.
    following: u32,
    /// Where the next choice is in the data, and where the last one ends.
    choices: u32,
    choices_end: u32,
}

/// All steps of a block.
#[derive(Debug, Default)]
pub(super) struct StepsRead {
    steps: Vec<Step>,
    forks: Vec<Fork>,
    following: Vec<u32>,
    payload_roots: Vec<u32>,
}

impl StepsRead {
    /// Reads what is planned.
    pub(super) fn read(
        &mut self,
        plan: &mut Reader<'_>,
        lanes: &mut LanesRead<'_>,
        columns: &ColumnsRead,
    ) -> Result<(), DecodeError> {
        self.steps.clear();
        self.forks.clear();
        self.following.clear();
        self.payload_roots.clear();
        let planned = lanes.plan().remaining();
        let count = plan.length("the number of steps", STEPS_MAX)?;
        for number in 0..count {
            let literal_bytes = plan.bytes()?.len();
            let literal_at = planned - plan.remaining() - literal_bytes;
            let (kind, place) = match plan.varint()?.checked_sub(1) {
                None => (None, 0),
                Some(column) => columns
                    .place(column as usize)
                    .map(|(kind, place)| (Some(kind), place))
                    .ok_or_else(|| plan.malformed("a step of no column"))?,
            };
            let following = plan.length("the number of following steps", FOLLOWING_MAX)?;
            let first = self.following.len() as u32;
            for _ in 0..following {
                let ahead = plan.signed_varint()?;
                let step = (number as i64 + 1).checked_add(ahead);
                let step = step.and_then(|step| usize::try_from(step).ok());
                let step = step.filter(|step| *step < count);
                let step = step.ok_or_else(|| plan.malformed("a step after the last"))?;
                self.following.push(step as u32);
            }
            let next = if following > 1 {
                let length = plan.length("the number of choices", lanes.raw_bytes)?;
                let choices = lanes.codes.pass(length)? as u32;
                let choices_end = choices + length as u32;
                self.forks.push(Fork { following: first, choices, choices_end });
                self.forks.len() as u32 - 1
            } else {
                let next = self.following.get(first as usize).copied();
                self.following.truncate(first as usize);
                next.unwrap_or(0)
            };
            self.steps.push(Step {
                literal_at: literal_at as u32,
                literal_bytes: literal_bytes as u32,
                kind,
                place,
                following: following as u16,
                next,
            });
        }
        let roots = plan.length("the number of types", 255)?;
        for _ in 0..roots {
            let root = plan.length("a step", count.saturating_sub(1))?;
            self.payload_roots.push(root as u32);
        }
        if count < root::COUNT {
            return Err(plan.malformed("it has not the steps of records"));
        }
        Ok(())
    }

    /// The step from which payloads of a type start.
    pub(super) fn payload_root(&self, code: u8) -> Option<u32> {
        self.payload_roots.get(usize::from(code)).copied()
    }

    /// Appends the next document that starts from `root`.
    #[inline]
    pub(super) fn walk(
        &mut self,
        root: u32,
        event_time: i64,
        columns: &mut ColumnsRead,
        lanes: &LanesRead<'_>,
        output: &mut Output<'_>,
    ) -> Option<()> {
        let mut step = self.steps.get(root as usize)?;
        loop {
            let next = if step.following == 1 {
                step.next
            } else {
                let (fork, following) = (step.next, step.following);
                self.choose(fork, following, lanes)?
            };
            step = self.steps.get(next as usize)?;
            let before = output.at();
            if step.literal_bytes > 0 {
                let literal_bytes = step.literal_bytes as usize;
                output.put_from(lanes.plan, step.literal_at as usize, literal_bytes)?;
            }
            columns.value(step.kind, step.place, event_time, lanes, output)?;
            if step.following == 0 {
                return Some(());
            }
            // A circle of steps that make nothing would have no end.
            if output.at() == before {
                return None;
            }
        }
    }

    fn choose(&mut self, fork: u32, following: u16, lanes: &LanesRead<'_>) -> Option<u32> {
        if following == 0 {
            return None;
        }
        let fork = self.forks.get_mut(fork as usize)?;
        if fork.choices >= fork.choices_end {
            return None;
        }
        let choice = *lanes.data.get(fork.choices as usize)?;
        fork.choices += 1;
        if u16::from(choice) >= following {
            return None;
        }
        self.following.get(fork.following as usize + usize::from(choice)).copied()
    }
}
