//! Whether reading can go on where an earlier backup ended.
//!
//! A file of events is appended to, so what follows the last event's line that was read is new if
//! all before it is what it was. That is proved by hashing it, or, if that is asked for, taken from
//! some of its blocks.

use super::batch::Context;
use super::known::Known;
use super::prefix::PrefixHasher;
use super::token::{Kept, ReadingId, ResumeToken};
use icecore::source::{Proof, Reading, Since, SourceRequest, Whole};
use std::fs::File;
use std::io;

/// Where reading starts.
#[derive(Debug)]
pub(super) struct Start {
    /// What is read from there, and why.
    pub(super) reading: Reading,
    /// The place in the file, in bytes.
    pub(super) offset: u64,
    /// The number of line ends before it.
    pub(super) lines: u64,
    /// Whether a line begins there.
    pub(super) is_line_ended: bool,
    /// What precedes it.
    pub(super) prefix: PrefixHasher,
    /// What the next backup's [`Kept::turn`] is.
    pub(super) turn: u64,
}

impl Start {
    /// At the beginning. Hashes in blocks of this length, in bytes.
    pub(super) fn whole(why: Whole, block_bytes: u64) -> Self {
        Self {
            reading: Reading::Whole(why),
            offset: 0,
            lines: 0,
            is_line_ended: true,
            prefix: PrefixHasher::new(block_bytes),
            turn: 0,
        }
    }

    /// Where the backup that `request` continues has ended, if all before that is what it was in
    /// `file`, which has `length` bytes.
    pub(super) fn find(
        file: &File,
        length: u64,
        request: &SourceRequest,
        context: &Context,
        block_bytes: u64,
    ) -> io::Result<Self> {
        let whole = |why| Ok(Self::whole(why, block_bytes));
        let Some(since) = request.known() else { return whole(Whole::First) };
        let token = match token(since, length, context) {
            Ok(token) => token,
            Err(why) => return whole(why),
        };
        let kept = Kept::decode(&since.kept).ok();
        let turn = kept.as_ref().map_or(0, |kept| kept.turn);
        let known = Known::read(file, token, kept, block_bytes)?;
        let samples = known.samples(turn).filter(|_| request.trust_append);
        let compared = match &samples {
            Some(samples) => known.compare(file, samples)?,
            None => known.compare_all(file)?,
        };
        let blocks = match compared {
            Ok(blocks) => blocks,
            Err(what) => return whole(Whole::Changed(what)),
        };
        let of = token.offset;
        let proof = samples.map_or(Proof::Hashed { bytes: of }, |samples| {
            let last = token.offset % block_bytes;
            Proof::Sampled { bytes: samples.len() as u64 * block_bytes + last, of }
        });
        Ok(Self {
            reading: Reading::Further(proof),
            offset: token.offset,
            lines: token.lines,
            is_line_ended: token.is_line_ended,
            prefix: PrefixHasher::after(blocks, known.last, block_bytes),
            turn: turn.wrapping_add(1),
        })
    }
}

/// The token to go on from, unless it is seen without reading the file that this cannot be.
fn token(since: &Since, length: u64, context: &Context) -> Result<ResumeToken, Whole> {
    let not_possible = |why: &str| Whole::NotPossible(why.to_owned());
    let token = ResumeToken::decode(&since.resume)
        .map_err(|_| not_possible("the backup before noted nothing that can be gone on from"))?;
    if token.reading != ReadingId::of(context) {
        return Err(not_possible("other members or other streams were read before"));
    }
    let offset = token.offset;
    if length < offset {
        let what = format!("it has {length} bytes, and its events had {offset}");
        return Err(Whole::Shrank(what));
    }
    if !token.is_line_ended && length > offset {
        return Err(not_possible("the last line had no line end before"));
    }
    Ok(token)
}
