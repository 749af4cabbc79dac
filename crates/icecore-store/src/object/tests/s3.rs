//! S3, with a server that keeps to conditions and one that does not.

use std::sync::Arc;

use icecore_test_servers::{CarelessS3Server, S3Server};

use super::{assert_conforms, name, store};
use crate::bandwidth::tests::assert_keeps_to_limits;
use crate::{
    AccessKey, NotExclusive, RetryingStore, S3Settings, Service, Store, StoreErrorKind,
    prove_exclusive_by_race,
};

fn service(endpoint: String, bucket: &str, id: &str, secret: &str) -> Service {
    let key = AccessKey { id: id.to_owned(), secret: secret.to_owned().into() };
    Service::S3(S3Settings {
        bucket: bucket.to_owned(),
        endpoint: Some(endpoint),
        region: "us-east-1".to_owned(),
        is_virtual_host: false,
        credential: Some(key),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_conforms() {
    let Some(server) = S3Server::start() else { return };
    server.create_bucket("backups");
    assert_conforms(service(server.endpoint(), "backups", "test", "test")).await;
    let limited = store(service(server.endpoint(), "backups", "test", "test"), "limited");
    assert_keeps_to_limits(|limits| Box::new(limited.with_bandwidth(limits))).await;

    let nowhere = store(service(server.endpoint(), "nowhere", "test", "test"), "");
    let error = nowhere.get(&name("config"), 10).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotFound);
    assert!(error.to_string().contains("cannot open s3://nowhere"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ignores_conditions_is_found_out() {
    let Some(server) = CarelessS3Server::start() else { return };
    server.create_bucket("backups");
    let (id, secret) = (CarelessS3Server::KEY, CarelessS3Server::SECRET);
    let careless = store(service(server.endpoint(), "backups", id, secret), "");
    // It fails for the moment where many write at once.
    let patient = RetryingStore::new(Arc::new(careless));
    let error = prove_exclusive_by_race(&patient, &name("exclusive/1")).await.unwrap_err();
    assert!(matches!(error, NotExclusive::SeveralWinners { .. }), "{error:?}");

    let stranger = store(service(server.endpoint(), "backups", "stranger", secret), "");
    let error = stranger.get(&name("config"), 10).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Denied, "{error:?}");
}
