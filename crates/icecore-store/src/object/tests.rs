mod answers;
mod azure;
mod busy;
mod google;
mod s3;

use std::sync::Arc;

use crate::testing::conformance;
use crate::{
    ObjectInfo, ObjectName, ObjectSettings, ObjectStore, RetryingStore, Service, Store,
    prove_exclusive_by_race,
};

fn name(text: &str) -> ObjectName {
    text.parse().unwrap()
}

/// A store at a prefix of its own.
fn store(service: Service, prefix: &str) -> ObjectStore {
    ObjectStore::open(&ObjectSettings { service, prefix: prefix.to_owned() }).unwrap()
}

/// What every service has to do.
async fn assert_conforms(service: Service) {
    let all = store(service.clone(), "");
    // An emulator breaks off now and then where it should answer.
    let store = RetryingStore::new(Arc::new(store(service, "backups/of/shop")));
    conformance::assert_conforms(&store).await;
    prove_exclusive_by_race(&store, &name("exclusive/1")).await.unwrap();

    store.put_new(&name("config"), vec![7].into()).await.unwrap();
    let listed = all.list("").await.unwrap();
    assert_eq!(listed, [ObjectInfo { name: name("backups/of/shop/config"), bytes: 1 }]);
    assert_eq!(all.get(&listed[0].name, 10).await.unwrap(), vec![7]);
}
