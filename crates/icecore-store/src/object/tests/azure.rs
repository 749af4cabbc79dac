//! Azure Blob Storage.

use icecore_test_servers::AzureServer;

use super::{assert_conforms, name, store};
use crate::{AzureCredential, AzureSettings, Service, Store, StoreErrorKind};

fn service(server: &AzureServer, container: &str, key: &str) -> Service {
    Service::Azure(AzureSettings {
        container: container.to_owned(),
        account: AzureServer::ACCOUNT.to_owned(),
        endpoint: Some(server.endpoint()),
        credential: Some(AzureCredential::AccountKey(key.to_owned().into())),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_conforms() {
    let Some(server) = AzureServer::start() else { return };
    server.create_container("backups");
    assert_conforms(service(&server, "backups", AzureServer::KEY)).await;

    let nowhere = store(service(&server, "nowhere", AzureServer::KEY), "");
    let error = nowhere.get(&name("config"), 10).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotFound);
    assert!(error.to_string().contains("cannot open azblob://nowhere"), "{error}");

    let stranger = store(service(&server, "backups", "c3RyYW5nZXI="), "");
    let error = stranger.get(&name("config"), 10).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Denied, "{error:?}");
}
