use std::path::PathBuf;

use icecore_test_servers::SshServer;

use super::{SftpSettings, SftpStore};
use crate::bandwidth::tests::assert_keeps_to_limits;
use crate::testing::conformance;
use crate::{ObjectName, Store, StoreErrorKind, prove_exclusive_by_race};

fn name(text: &str) -> ObjectName {
    text.parse().unwrap()
}

fn store(server: &SshServer, configuration: PathBuf) -> SftpStore {
    SftpStore::open(SftpSettings {
        host: SshServer::HOST.to_owned(),
        path: server.files().join("of/shop").display().to_string(),
        configuration: Some(configuration),
        ..SftpSettings::default()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn sftp_conforms() {
    let Some(server) = SshServer::start() else { return };
    let store = store(&server, server.configuration());
    conformance::assert_conforms(&store).await;
    prove_exclusive_by_race(&store, &name("exclusive/1")).await.unwrap();
    let left = std::fs::read_dir(server.files().join("of/shop/tmp")).unwrap().count();
    assert_eq!(left, 0, "unfinished files are left");
    assert_keeps_to_limits(|limits| Box::new(store.with_bandwidth(limits))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_another_is_refused_in_its_own_words() {
    let Some(server) = SshServer::start() else { return };
    let store = store(&server, server.configuration_of_strangers());
    let error = store.get(&name("config"), 10).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Denied, "{error:?}");
    assert!(format!("{error:?}").contains("Host key verification failed"), "{error:?}");
}
