//! Backups and restores over a line that fails on the way.

use super::*;
use icecore::backup::{BackupError, BackupReport};
use icecore_tests::error_chain::chain;
use icecore_tests::lines::large_line;
use icecore_tests::{Expected, lines};

/// What happens to a backup, each of which it survives.
const TROUBLES: [(&str, Trouble); 12] = [
    ("cut in the first request", |it| cut_for_a_while(it, 100)),
    ("cut in the middle", |it| cut_for_a_while(it, 9_000)),
    ("cut near the end", |it| cut_for_a_while(it, 12_500)),
    ("silent for a while", |it| silence_for_a_while(it)),
    ("narrow", |it| it.set_rate(Some(100_000))),
    ("reset before requests are there", |it| {
        set_trap(it, "PUT /", Way::Request, 0, Ending::Reset, 3);
    }),
    ("reset in the middle of requests", |it| {
        set_trap(it, "PUT /", Way::Request, 700, Ending::Reset, 3);
    }),
    ("requests that nobody takes", |it| {
        set_trap(it, "PUT /", Way::Request, 600, Ending::Stall, 2);
    }),
    ("half an answer, then closed", |it| {
        set_trap(it, " /", Way::Answer, 60, Ending::Close, 5);
    }),
    ("half an answer, then reset", |it| {
        set_trap(it, " /", Way::Answer, 60, Ending::Reset, 5);
    }),
    ("half an answer, then nothing", |it| {
        set_trap(it, "GET /", Way::Answer, 60, Ending::Stall, 2);
        set_trap(it, "PUT /", Way::Answer, 60, Ending::Stall, 2);
    }),
    ("answers of nothing but a head", |it| {
        set_trap(it, "GET /", Way::Answer, 250, Ending::Close, 5);
    }),
];

fn input() -> String {
    lines(0..600)
}

/// Backs up through the line, in which the trouble begins when the repository is open.
async fn back_up(far: &Far, begin: impl FnOnce(&Arc<Proxy>)) -> Result<BackupReport, BackupError> {
    let repository = far.open().await;
    begin(&far.proxy);
    far.host.back_up(&repository, input()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_goes_on_by_itself_whatever_happens_on_the_way() {
    let Some(server) = server() else { return };
    for (number, (trouble, begin)) in TROUBLES.into_iter().enumerate() {
        let far = Far::new(&server, &format!("trouble/{number}")).await;
        let report = match back_up(&far, begin).await {
            Ok(report) => report,
            Err(error) => panic!("{trouble}: {}", chain(&error)),
        };
        let mut expected = Expected::default().and(&report, input());
        assert_struck(&far.proxy, trouble);

        // The same trouble again, for who reads it all, and for the backup after it.
        begin(&far.proxy);
        let stranger = far.host.stranger(1);
        let repository = expected.assert_is_all(&stranger, far.line.clone()).await;
        let again = lines(0..700);
        let report = stranger.back_up(&repository, &again).await.unwrap();
        expected.add(&report, again);
        expected.assert_is_all(&far.host, far.near.clone()).await;
    }
}

/// The trouble came to pass.
fn assert_struck(proxy: &Proxy, trouble: &str) {
    let struck = proxy.cuts() + proxy.caught();
    let bytes = proxy.bytes(Way::Request);
    let is_long = trouble == "narrow" || trouble.starts_with("silent");
    assert!(struck > 0 || is_long, "{trouble}: {bytes} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_whose_answer_is_lost_has_happened_once() {
    let Some(server) = server() else { return };
    for (number, role) in ["packs/", "index/", "ledger/", "witness/"].into_iter().enumerate() {
        for (ending, bytes) in [(Ending::Close, 0), (Ending::Reset, 30), (Ending::Stall, 0)] {
            let prefix = format!("lost/{number}/{ending:?}");
            let far = Far::new(&server, &prefix).await;
            let puts = format!("PUT /{BUCKET}/{prefix}/{role}");
            let begin = |proxy: &Arc<Proxy>| set_trap(proxy, &puts, Way::Answer, bytes, ending, 1);
            let report = back_up(&far, begin).await.unwrap();
            assert_eq!(far.proxy.caught(), 1, "{role}");
            let expected = Expected::default().and(&report, input());
            expected.assert_is_all(&far.host.stranger(1), far.near.clone()).await;
            let listed = far.near.list(role).await.unwrap();
            assert_eq!(listed.len(), if role == "packs/" { 2 } else { 1 }, "{listed:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_without_its_network_says_where_it_ended_and_the_next_one_works() {
    let Some(server) = server() else { return };
    for (number, bytes) in [0, 4_000, 9_000, 10_500].into_iter().enumerate() {
        let mut far = Far::new(&server, &format!("gone/{number}")).await;
        let hasty = Patience { tries_max: 2, ..PATIENCE };
        let line = Arc::new(store(&far.proxy.endpoint(), &format!("gone/{number}")));
        far.line = Arc::new(RetryingStore::with_patience(line, hasty));
        let error = back_up(&far, |proxy| proxy.cut_after(bytes)).await.unwrap_err();
        assert_eq!(far.proxy.cuts(), 1);
        let told = chain(&error);
        assert!(told.contains("cannot reach the service"), "{told}");
        assert!(told.contains("cannot read ") || told.contains("cannot write "), "{told}");
        far.proxy.mend();

        let repository = far.open().await;
        let mut expected = Expected::default();
        expected.add_unacknowledged(&repository, input().as_bytes()).await;
        expected.assert_is_all_of(&far.host, &repository).await;
        let report = far.host.back_up(&repository, input()).await.unwrap();
        expected.add(&report, input());
        expected.assert_is_all(&far.host.stranger(1), far.near.clone()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_of_several_parts_survives_a_cut_in_a_part_and_a_lost_answer_to_the_last_call() {
    let Some(server) = server() else { return };
    // Packs are as large as they are with chunks of the usual sizes.
    let far = Far { host: Host::new(), ..Far::new(&server, "parts").await };
    let input: String = (1..=30).map(|version| large_line("scan", version, 1 << 20)).collect();
    let near = Arc::new(store(&server.endpoint(), "whole"));
    let line = store(&far.proxy.endpoint(), "whole");
    far.host.init(near.clone()).await;
    let line = Arc::new(line.with_silence_max(SILENCE_MAX));
    let repository = far.host.open(Arc::new(RetryingStore::with_patience(line, PATIENCE))).await;
    let repository = repository.unwrap();
    cut_for_a_while(&far.proxy, 5 << 20);
    // And the answer is lost to the call that puts the parts together, which there are none of then.
    set_trap(&far.proxy, "?uploadId=", Way::Answer, 0, Ending::Close, 1);
    let report = far.host.back_up(&repository, &input).await.unwrap();
    assert_eq!((far.proxy.cuts(), far.proxy.caught()), (1, 1));
    let packs = near.list("packs/").await.unwrap();
    assert!(packs.iter().any(|pack| pack.bytes > 9 << 20), "{packs:?}");
    let expected = Expected::default().and(&report, input);
    expected.assert_is_all_of(&far.host, &repository).await;
}
