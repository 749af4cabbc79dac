//! Follows a store by what the server decodes of its log: each transaction once, in the order of
//! commits.
//!
//! Decoding says which rows which transaction inserted; the rows themselves are read as those of a
//! backup. All is exact whatever becomes of the slot, since every follower begins by proving what is
//! known, as a backup does. See docs/decisions/0010-logical-decoding.md.

mod captured;
mod decoded;
mod follower;
mod known;
mod log;
mod messages;
mod moment;
mod publication;
mod requirements;
mod slot;
mod visibility;
mod written;

use super::connect::ConnectionSettings;
use super::layout::Layout;
use super::moment::{Moment, open};
use super::source::{self, SchemaChoice};
use follower::Follower;
use icecore::selection::StreamSelection;
use icecore::source::{Follow, SourceError, SourceRequest, Whole};
use slot::Slot;
use std::sync::Arc;

/// Begins to follow from what the request knows.
pub(super) async fn begin(
    settings: &ConnectionSettings,
    choice: &SchemaChoice,
    request: &SourceRequest,
) -> Result<Follow, SourceError> {
    if request.known().is_none() {
        return Ok(Follow::Lost(Whole::First));
    }
    let name: Arc<str> = settings.name().into();
    let (layout, major_version) = layout(settings, choice).await?;
    let session = open(settings, &name).await?;
    // So that types are called by names that mean the same wherever they are said.
    session
        .execute("SET search_path = ''", "have names mean what PostgreSQL means by them")
        .await?;
    let table = match requirements::require(&session, &layout).await? {
        Ok(table) => table,
        Err(why) => return Ok(Follow::ByOpening(Some(why))),
    };
    let slot = Slot::of(&session, &layout, &request.streams).await?;
    let found = match slot.ensure(&session, &layout, major_version).await? {
        Ok(found) => found,
        Err(why) => return Ok(Follow::ByOpening(Some(why))),
    };
    match moment::begin(settings, choice, request).await? {
        Ok(begun) => {
            let follower = Follower::begin(session, slot, found, table, begun, &request.streams);
            Ok(Follow::By(Box::new(follower.await?)))
        }
        Err(whole) => Ok(Follow::Lost(whole)),
    }
}

/// Drops the slot and the publication of these streams; whether there was anything.
pub(super) async fn forget(
    settings: &ConnectionSettings,
    choice: &SchemaChoice,
    streams: &StreamSelection,
) -> Result<bool, SourceError> {
    let (layout, _) = layout(settings, choice).await?;
    let session = open(settings, &settings.name().into()).await?;
    let slot = Slot::of(&session, &layout, streams).await?;
    Ok(slot.forget(&session).await?)
}

/// The store as it is now, and the server's major version.
async fn layout(
    settings: &ConnectionSettings,
    choice: &SchemaChoice,
) -> Result<(Layout, u32), SourceError> {
    let moment = Moment::begin(settings).await?;
    let (layout, _) = source::store(&moment, choice).await?;
    Ok((layout, moment.major_version))
}
