//! Checks of writing: whole, exclusive, exact.

use bytes::Bytes;
use futures::future::join_all;

use super::{assert_failed, delete, name, put};
use crate::{Content, OBJECT_NAME_BYTES_MAX, Store, StoreErrorKind};

const MIB: usize = 1 << 20;

/// Content of every small shape, the empty one included, is read back as it was put.
pub async fn a_put_keeps_what_it_was_given(store: &dyn Store) {
    let empty_parts = vec![Bytes::new(), Bytes::from_static(b"ice"), Bytes::new()];
    let shapes: [(Content, &[u8]); 4] = [
        (Content::default(), b""),
        (Content::from(vec![Bytes::new()]), b""),
        (Content::from(vec![0, 255, 10, 13]), &[0, 255, 10, 13]),
        (Content::from(empty_parts), b"ice"),
    ];
    let object = name("put/one");
    for (content, expected) in shapes {
        store.put_new(&object, content).await.expect("putting");
        assert_eq!(store.get(&object, 4).await.expect("reading"), expected);
        delete(store, "put/one").await;
    }
}

/// The second put of a name is told `AlreadyExists`, even if its content is the same.
pub async fn a_second_put_of_a_name_changes_nothing(store: &dyn Store) {
    let object = name("second/one");
    put(store, "second/one", b"first").await;
    for content in [&b"second"[..], b"first", b""] {
        assert_failed(store.put_new(&object, content.into()).await, StoreErrorKind::AlreadyExists);
    }
    assert_eq!(store.get(&object, 100).await.expect("reading"), "first");
    delete(store, "second/one").await;
}

/// Of many puts to one name at a time one succeeds, and the object has its content.
pub async fn exactly_one_of_many_concurrent_puts_succeeds(store: &dyn Store) {
    for round in 0..8 {
        let object = name(&format!("race/{round}"));
        let puts = (0..16_u8).map(|writer| {
            let content = vec![Bytes::from(vec![writer; 1000]), Bytes::from(vec![writer; 5000])];
            store.put_new(&object, content.into())
        });
        let mut winners = Vec::new();
        for (writer, result) in (0_u8..).zip(join_all(puts).await) {
            match result {
                Ok(()) => winners.push(writer),
                Err(error) => assert_eq!(error.kind(), StoreErrorKind::AlreadyExists, "{error}"),
            }
        }
        let [winner] = winners[..] else { panic!("these writers won: {winners:?}") };
        let content = store.get(&object, 6000).await.expect("reading");
        assert_eq!(content, vec![winner; 6000]);
        store.delete(&object).await.expect("deleting");
    }
}

/// Short names, long names, deep names, hyphens and digits: all distinct objects.
pub async fn names_of_every_allowed_shape_hold_objects(store: &dyn Store) {
    let longest = "n".repeat(OBJECT_NAME_BYTES_MAX);
    let deepest = format!("d{}", "/d".repeat((OBJECT_NAME_BYTES_MAX - 1) / 2));
    let names = ["names/-", "names/0", "names/00", "n", "names-1/a", &longest, &deepest];
    for object in names {
        let content = Content::from(object.as_bytes().to_vec());
        store.put_new(&name(object), content).await.expect("putting");
    }
    for object in names {
        let content = store.get(&name(object), OBJECT_NAME_BYTES_MAX as u64).await;
        assert_eq!(content.expect("reading"), object.as_bytes());
        delete(store, object).await;
    }
}

/// 70 MiB in more parts than a system call takes, of uneven lengths.
pub async fn a_large_object_of_many_parts_comes_back_whole(store: &dyn Store) {
    let pattern: Vec<u8> = (0..70 * MIB).map(|index| (index % 251) as u8).collect();
    let whole = Bytes::from(pattern);
    let mut rest = whole.clone();
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let length = rest.len().min(1 + parts.len() % 50_021);
        parts.push(rest.split_to(length));
    }
    assert!(parts.len() > 1024, "{} parts", parts.len());
    let object = name("large/one");
    store.put_new(&object, parts.into()).await.expect("putting");
    let read = store.get(&object, whole.len() as u64).await.expect("reading");
    // Not assert_eq: nobody wants to read 70 MiB of difference.
    assert!(read == whole, "a large object has changed");
    delete(store, "large/one").await;
}

/// After a delete the name is not found, cannot be deleted again, and can be put.
pub async fn a_deleted_object_is_gone_and_its_name_free(store: &dyn Store) {
    let object = name("deleted/one");
    put(store, "deleted/one", b"before").await;
    delete(store, "deleted/one").await;
    assert_failed(store.get(&object, 100).await, StoreErrorKind::NotFound);
    assert_failed(store.delete(&object).await, StoreErrorKind::NotFound);
    put(store, "deleted/one", b"after").await;
    assert_eq!(store.get(&object, 100).await.expect("reading"), "after");
    delete(store, "deleted/one").await;
}
