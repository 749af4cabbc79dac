//! The moment from which a source is followed: what was not known and is visible there is read as by a
//! backup, and what is not visible there is decoded. See docs/decisions/0010-logical-decoding.md.

use super::super::connect::ConnectionSettings;
use super::super::layout::Layout;
use super::super::moment::Moment;
use super::super::plan::Plan;
use super::super::remembered::Remembered;
use super::super::source::{self, SchemaChoice};
use super::super::token::ResumeToken;
use super::super::value::Encoding;
use super::known::Progress;
use super::visibility::Visibility;
use icecore::source::{
    Captured, Reading, Since, SourceError, SourceErrorKind, SourceRequest, UnparsedBatch, Whole,
};
use std::sync::Arc;

/// How much may be new when a source begins to be followed, in bytes: it is held in memory at once. If
/// there is more, a backup reads it piece by piece.
const CATCH_UP_BYTES_MAX: u64 = 128 << 20;

/// What is known from that moment on.
pub(super) struct Begun {
    pub(super) layout: Layout,
    pub(super) encodings: Vec<Encoding>,
    pub(super) visibility: Visibility,
    pub(super) progress: Progress,
    /// What was new; `None` if nothing was.
    pub(super) catch_up: Option<Captured>,
}

/// Reads what is visible at a moment that is chosen now; why all would have to be read, if so.
pub(super) async fn begin(
    settings: &ConnectionSettings,
    choice: &SchemaChoice,
    request: &SourceRequest,
) -> Result<Result<Begun, Whole>, SourceError> {
    let moment = Moment::begin(settings).await?;
    let visibility = Visibility::read(&moment.session).await?;
    let (layout, encodings) = source::store(&moment, choice).await?;
    let kept = request.since.as_ref().map_or(&[][..], |since| &since.kept);
    let remembered = Remembered::read(kept);
    let plan = Plan::make(&moment, &layout, request, &remembered).await?;
    if let Reading::Whole(whole) = plan.reading {
        return Ok(Err(whole));
    }
    let mut reader = source::reader(&moment, &layout, &plan, &request.streams, &encodings).await?;
    let rows = source::row_reader(&layout, &plan, &request.streams, encodings.clone());
    let (mut batches, mut bytes, mut rows_read) = (Vec::new(), 0, 0);
    while let Some(piece) = reader.next().await? {
        bytes += piece.bytes.len() as u64;
        rows_read += piece.count;
        if bytes > CATCH_UP_BYTES_MAX {
            let why = "more came since than is held in memory at once";
            return Ok(Err(Whole::NotPossible(why.to_owned())));
        }
        let rows = Arc::clone(&rows);
        batches
            .push(UnparsedBatch::new(piece.bytes.len() as u64, move || rows.parse(&piece.bytes)));
    }
    if request.streams.exact().is_none() {
        source::require_all_read(&moment, &layout, plan.rows_expected, rows_read)?;
    }
    let token = ResumeToken::decode(&plan.resume).map_err(|error| {
        SourceError::new(SourceErrorKind::Invalid, "cannot go on from this moment").because(error)
    })?;
    let progress = Progress::begin(&moment.session, &layout, token, &visibility).await?;
    moment.session.execute("COMMIT", "end reading").await?;
    let is_new = request.known().is_some_and(|since| progress.events() != known_events(since));
    let catch_up = is_new.then(|| Captured {
        batches,
        resume: progress.resume(),
        kept: progress.kept(),
        more_follows: false,
    });
    Ok(Ok(Begun { layout, encodings, visibility, progress, catch_up }))
}

/// How many events were known.
fn known_events(since: &Since) -> u64 {
    ResumeToken::decode(&since.resume).map_or(0, |token| token.known.events())
}
