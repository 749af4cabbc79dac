//! From lanes to a block's plaintext.

use super::columns_read::ColumnsRead;
use super::lanes::LanesRead;
use super::output::Output;
use super::steps_read::StepsRead;
use super::store::NO_CODE;
use super::{Fields, RECORD, item, root};
use crate::event::record::VERSION;
use crate::record::DecodeError;

/// Puts blocks together; kept from block to block for the memory that it has.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    columns: ColumnsRead,
    steps: StepsRead,
    /// Lanes: where in the output, how long, and the version that is expected next.
    streams: Vec<(usize, usize, u64)>,
}

/// Lanes that do not mean a block.
pub(super) fn malformed() -> DecodeError {
    DecodeError::Malformed { record: RECORD, what: "its columns make no block" }
}

impl Joiner {
    /// Puts a block together; there is room for its length and slack behind it.
    pub(super) fn join(
        &mut self,
        mut lanes: LanesRead<'_>,
        mut output: Output<'_>,
    ) -> Result<(), DecodeError> {
        let whole = lanes;
        let mut plan = whole.plan();
        self.columns.read(&mut plan, &mut lanes)?;
        self.steps.read(&mut plan, &mut lanes, &self.columns)?;
        plan.finish()?;
        self.streams.clear();
        while output.length() < lanes.raw_bytes {
            self.item(&lanes, &mut output).ok_or_else(malformed)?;
            output.end_item().ok_or_else(malformed)?;
        }
        if output.length() == lanes.raw_bytes { Ok(()) } else { Err(malformed()) }
    }

    fn item(&mut self, lanes: &LanesRead<'_>, output: &mut Output<'_>) -> Option<()> {
        let flags = u8::try_from(self.columns.number(Fields::FLAGS, lanes)?).ok()?;
        if flags & item::SPECIAL == 0 {
            return self.record(flags, lanes, output);
        }
        match flags {
            item::VERSION => output.byte(VERSION),
            item::VERBATIM => self.columns.text(Fields::VERBATIM, true, lanes, output).map(drop),
            item::TAIL => {
                let before = output.length();
                self.columns.text(Fields::VERBATIM, false, lanes, output)?;
                // A loop that makes nothing would have no end.
                (output.length() > before).then_some(())
            }
            _ => None,
        }
    }

    fn record(&mut self, flags: u8, lanes: &LanesRead<'_>, output: &mut Output<'_>) -> Option<()> {
        let Self { columns, steps, streams: known } = self;
        // Documents are put together from the event's time, even those before it.
        let time = if flags & item::TIME_MASK == item::TIME_AT {
            Some(columns.number(Fields::TIME, lanes)?)
        } else {
            None
        };
        let event_time = time.unwrap_or(0);
        let body = output.begin(2);
        output.byte(flags)?;
        let code = columns.text(Fields::TYPE, true, lanes, output)?;
        let back = columns.number(Fields::STREAM, lanes)?;
        let version_after = columns.number(Fields::VERSION, lanes)? as u64;
        let version = if back == 0 {
            let start = output.begin(1);
            steps.walk(root::STREAM, event_time, columns, lanes, output)?;
            let start = output.put_length_before(start, 1)?;
            let (at, length) = output.place_since(start);
            known.push((at, length, version_after.wrapping_add(1)));
            version_after
        } else {
            let index = known.len().checked_sub(usize::try_from(back).ok()?)?;
            let (at, length, expected) = known.get_mut(index)?;
            output.varint(*length as u64)?;
            output.repeat(*at, *length)?;
            let version = expected.wrapping_add(version_after);
            *expected = version.wrapping_add(1);
            version
        };
        output.varint(version)?;

        if let Some(time) = time {
            output.put(&time.to_le_bytes())?;
        } else if flags & item::TIME_MASK != 0 {
            let start = output.begin(1);
            steps.walk(root::TIME, event_time, columns, lanes, output)?;
            output.put_length_before(start, 1)?;
        }
        match flags & item::ID_MASK {
            0 => {}
            item::ID_UUID => {
                let column = match columns.number(Fields::ID_KIND, lanes)? {
                    0 => Fields::ID_TIMED,
                    1 => Fields::ID_RANDOM,
                    _ => Fields::ID_OTHER,
                };
                let id = columns.id(column, event_time, lanes)?;
                output.put(&id.to_be_bytes())?;
            }
            _ => {
                let start = output.begin(1);
                steps.walk(root::ID, event_time, columns, lanes, output)?;
                output.put_length_before(start, 1)?;
            }
        }
        let start = output.begin(2);
        let payload_root =
            if code == NO_CODE { root::PAYLOAD } else { steps.payload_root(code)? };
        steps.walk(payload_root, event_time, columns, lanes, output)?;
        output.put_length_before(start, 2)?;
        if flags & item::MEMBERS != 0 {
            let start = output.begin(1);
            steps.walk(root::MEMBERS, event_time, columns, lanes, output)?;
            output.put_length_before(start, 1)?;
        }
        if flags & item::METADATA != 0 {
            steps.walk(root::METADATA, event_time, columns, lanes, output)?;
        }
        let moved_to = output.put_length_before(body, 2)?;
        if back == 0
            && let Some((at, ..)) = known.last_mut()
        {
            *at = *at + moved_to - body;
        }
        Some(())
    }
}
