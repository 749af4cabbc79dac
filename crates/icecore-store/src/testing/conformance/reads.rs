//! Checks of reading: exact, bounded, never a part.

use std::pin::pin;

use bytes::Bytes;
use futures::future::{join, select};

use super::{assert_failed, delete, name, put};
use crate::{Content, Operation, Store, StoreErrorKind};

/// Every request on an object that is not there says so, and says which object it was.
pub async fn a_missing_object_is_not_found(store: &dyn Store) {
    put(store, "missing/object", b"here").await;
    // Missing from a directory that is there, from one that is not, below an object; and a name
    // that is only the beginning of others.
    for missing in ["missing/other", "nowhere/at/all", "missing/object/below", "missing"] {
        let missing = name(missing);
        assert_failed(store.get(&missing, 100).await, StoreErrorKind::NotFound);
        assert_failed(store.get_range(&missing, 0..1).await, StoreErrorKind::NotFound);
        assert_failed(store.get_range(&missing, 0..0).await, StoreErrorKind::NotFound);
        assert_failed(store.delete(&missing).await, StoreErrorKind::NotFound);
    }
    let missing = name("missing/other");
    let error = store.get(&missing, 100).await.expect_err("it is not there");
    assert_eq!(error.operation(), Operation::Get);
    assert_eq!(error.object(), Some(&missing));
    assert_eq!(error.place(), store.place());
    delete(store, "missing/object").await;
}

/// The limit is the largest length that is still returned.
pub async fn an_object_above_the_limit_is_too_large(store: &dyn Store) {
    let object = name("limit/one");
    put(store, "limit/one", b"12345").await;
    assert_eq!(store.get(&object, u64::MAX).await.expect("reading"), "12345");
    assert_eq!(store.get(&object, 5).await.expect("reading"), "12345");
    assert_failed(store.get(&object, 4).await, StoreErrorKind::TooLarge);
    assert_failed(store.get(&object, 0).await, StoreErrorKind::TooLarge);
    delete(store, "limit/one").await;
}

/// A range gives its bytes, all of them, or an error.
pub async fn a_range_is_exact_or_too_short(store: &dyn Store) {
    let object = name("range/one");
    put(store, "range/one", b"0123456789").await;
    for (range, expected) in [
        (0..10, "0123456789"),
        (0..1, "0"),
        (9..10, "9"),
        (3..7, "3456"),
        (0..0, ""),
        (5..5, ""),
        (10..10, ""),
    ] {
        assert_eq!(store.get_range(&object, range).await.expect("reading"), expected);
    }
    for range in [0..11, 9..11, 10..11, 11..11, 11..12, 0..u64::MAX, u64::MAX - 1..u64::MAX] {
        assert_failed(store.get_range(&object, range).await, StoreErrorKind::TooShort);
    }
    #[expect(clippy::reversed_empty_ranges, reason = "what is checked")]
    let reversed = 7..3;
    assert_failed(store.get_range(&object, reversed).await, StoreErrorKind::Permanent);
    delete(store, "range/one").await;
}

/// While an object is being put, readers find all of it or nothing.
pub async fn a_reader_never_sees_a_part_of_an_object(store: &dyn Store) {
    const BYTES: u64 = 4 << 20;
    for round in 0..8_u8 {
        let object = &name(&format!("partial/{round}"));
        let parts: Vec<Bytes> = (0..64).map(|_| vec![round; BYTES as usize / 64].into()).collect();
        let put = async {
            store.put_new(object, Content::from(parts)).await.expect("putting");
        };
        let read = async {
            loop {
                let (whole, last) =
                    join(store.get(object, BYTES), store.get_range(object, BYTES - 1..BYTES)).await;
                match whole {
                    Ok(content) => {
                        assert!(content.len() as u64 == BYTES, "{} bytes", content.len());
                        assert!(content.iter().all(|byte| *byte == round), "wrong bytes");
                    }
                    Err(error) => assert_eq!(error.kind(), StoreErrorKind::NotFound, "{error}"),
                }
                if let Err(error) = last {
                    assert_eq!(error.kind(), StoreErrorKind::NotFound, "{error}");
                }
                for listed in store.list("partial/").await.expect("listing") {
                    assert_eq!(listed.bytes, BYTES, "{}", listed.name);
                }
            }
        };
        // The reader goes on until the put has returned.
        select(pin!(put), pin!(read)).await;
        assert_eq!(store.get(object, BYTES).await.expect("reading").len() as u64, BYTES);
        store.delete(object).await.expect("deleting");
    }
}
