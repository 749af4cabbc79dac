//! Listing objects. Keys that are no object names are another's, and are passed over.

use futures::TryStreamExt;
use opendal::options::ListOptions;

use super::failure::Failure;
use super::operator::Request;
use crate::{ObjectInfo, ObjectName};

pub(super) async fn list(request: &Request, prefix: &str) -> Result<Vec<ObjectInfo>, Failure> {
    let failed = |error: opendal::Error| Failure::of_read(&error, request);
    let options = ListOptions { recursive: true, ..ListOptions::default() };
    let mut entries = request.operator.lister_options(prefix, options).await.map_err(failed)?;
    let mut objects = Vec::new();
    while let Some(entry) = entries.try_next().await.map_err(failed)? {
        // Some list the folder itself, or what they keep in place of one.
        if !entry.metadata().is_file() || !entry.path().starts_with(prefix) {
            continue;
        }
        let Ok(name) = ObjectName::try_from(entry.path()) else { continue };
        objects.push(ObjectInfo { name, bytes: entry.metadata().content_length() });
    }
    objects.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    objects.dedup_by(|one, other| one.name == other.name);
    Ok(objects)
}
