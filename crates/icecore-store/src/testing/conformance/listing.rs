//! Checks of listing: sorted, complete, nothing else. The listing has to be fresh.

use super::{assert_failed, delete, name, put};
use crate::{ObjectInfo, Store, StoreErrorKind};

/// Nothing was put, or nothing below the prefix.
pub async fn a_listing_without_objects_is_empty(store: &dyn Store) {
    assert_eq!(store.list("").await.expect("listing"), [], "the suite needs an empty store");
    assert_eq!(store.list("nowhere/at/all/").await.expect("listing"), []);
}

/// A listing descends, sorts by the bytes of whole names, and tells lengths.
pub async fn a_listing_is_sorted_and_has_exactly_what_is_below_the_prefix(store: &dyn Store) {
    // `-` sorts before `/`, so `list-a/x` comes before `list/x`, whichever is walked first.
    let objects: [(&str, &[u8]); 7] = [
        ("list-a/x", b"1"),
        ("list/-", b""),
        ("list/a-b/c", b"333"),
        ("list/a/b/c", b"4444"),
        ("list/a/c", b"55555"),
        ("list/b", b"666666"),
        ("list0", b"7777777"),
    ];
    let infos: Vec<ObjectInfo> = objects
        .iter()
        .map(|(object, content)| ObjectInfo { name: name(object), bytes: content.len() as u64 })
        .collect();
    for (object, content) in objects.iter().rev() {
        put(store, object, content).await;
    }
    let below = |prefix: &str| -> Vec<ObjectInfo> {
        infos.iter().filter(|info| info.name.as_str().starts_with(prefix)).cloned().collect()
    };
    for prefix in ["", "list/", "list/a/", "list/a/b/", "list-a/", "list/b/", "lis/"] {
        assert_eq!(store.list(prefix).await.expect("listing"), below(prefix), "{prefix:?}");
    }
    for (object, _) in objects {
        delete(store, object).await;
    }
    assert_eq!(store.list("list/").await.expect("listing"), []);
}

/// A prefix is a directory, and none outside the store.
pub async fn a_listing_takes_no_prefix_that_is_no_directory(store: &dyn Store) {
    for prefix in ["list", "/", "../", "list/../", "list//", "LIST/", "tmp/"] {
        assert_failed(store.list(prefix).await, StoreErrorKind::Permanent);
    }
    let error = store.list("list").await.expect_err("an open prefix");
    assert_eq!(error.prefix(), Some("list"));
}
