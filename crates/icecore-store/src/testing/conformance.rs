//! The contract of [`Store`] as tests: one suite for every backend and every double.
//!
//! Each check works below a prefix of its own, so all can run on one store, which has to be empty
//! at the start and is left empty. A check panics where the store breaks the contract.

mod listing;
mod puts;
mod reads;

pub use listing::{
    a_listing_is_sorted_and_has_exactly_what_is_below_the_prefix,
    a_listing_takes_no_prefix_that_is_no_directory, a_listing_without_objects_is_empty,
};
pub use puts::{
    a_deleted_object_is_gone_and_its_name_free, a_large_object_of_many_parts_comes_back_whole,
    a_put_keeps_what_it_was_given, a_second_put_of_a_name_changes_nothing,
    exactly_one_of_many_concurrent_puts_succeeds, names_of_every_allowed_shape_hold_objects,
};
pub use reads::{
    a_missing_object_is_not_found, a_range_is_exact_or_too_short,
    a_reader_never_sees_a_part_of_an_object, an_object_above_the_limit_is_too_large,
};

use crate::{ObjectName, Store, StoreError, StoreErrorKind};

/// Runs every check.
pub async fn assert_conforms(store: &dyn Store) {
    a_listing_without_objects_is_empty(store).await;
    a_put_keeps_what_it_was_given(store).await;
    a_second_put_of_a_name_changes_nothing(store).await;
    exactly_one_of_many_concurrent_puts_succeeds(store).await;
    names_of_every_allowed_shape_hold_objects(store).await;
    a_large_object_of_many_parts_comes_back_whole(store).await;
    a_deleted_object_is_gone_and_its_name_free(store).await;
    a_missing_object_is_not_found(store).await;
    an_object_above_the_limit_is_too_large(store).await;
    a_range_is_exact_or_too_short(store).await;
    a_reader_never_sees_a_part_of_an_object(store).await;
    a_listing_is_sorted_and_has_exactly_what_is_below_the_prefix(store).await;
    a_listing_takes_no_prefix_that_is_no_directory(store).await;
    assert_eq!(store.list("").await.expect("listing"), [], "a check left something behind");
}

fn name(text: &str) -> ObjectName {
    text.parse().expect("a check uses object names")
}

async fn put(store: &dyn Store, object: &str, content: &'static [u8]) {
    store.put_new(&name(object), content.into()).await.expect("putting a new object");
}

async fn delete(store: &dyn Store, object: &str) {
    store.delete(&name(object)).await.expect("deleting an object that is there");
}

#[track_caller]
fn assert_failed<T: std::fmt::Debug>(result: Result<T, StoreError>, kind: StoreErrorKind) {
    match result {
        Err(error) => assert_eq!(error.kind(), kind, "{error:?}"),
        Ok(value) => panic!("expected {kind:?}, got {value:?}"),
    }
}
