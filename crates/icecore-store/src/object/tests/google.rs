//! Google Cloud Storage.

use icecore_test_servers::GoogleServer;

use super::{assert_conforms, name, store};
use crate::{GoogleSettings, Service, Store, StoreErrorKind};

fn service(server: &GoogleServer, bucket: &str) -> Service {
    Service::Google(GoogleSettings {
        bucket: bucket.to_owned(),
        endpoint: Some(server.endpoint()),
        is_anonymous: true,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn google_conforms() {
    let Some(server) = GoogleServer::start() else { return };
    server.create_bucket("backups");
    assert_conforms(service(&server, "backups")).await;

    let nowhere = store(service(&server, "nowhere"), "");
    let error = nowhere.get(&name("config"), 10).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotFound);
}
