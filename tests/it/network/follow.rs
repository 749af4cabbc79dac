//! Followers whose network goes away and comes back.

use super::*;
use icecore::Monitor;
use icecore::follow::{FollowNews, FollowOptions, follow};
use icecore_tests::tail::tail_events;
use icecore_tests::{assert_clean, lines, ndjson_source};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;

/// What a follower meets when it has flushed for the first time.
const TROUBLES: [(&str, Trouble); 7] = [
    ("cut", |it| {
        it.cut();
        let proxy = it.clone();
        thread::spawn(move || {
            thread::sleep(OUTAGE);
            proxy.mend();
        });
    }),
    ("cut in the middle of a flush", |it| cut_for_a_while(it, 900)),
    ("silent", |it| silence_for_a_while(it)),
    ("flushes whose answers are lost", |it| {
        set_trap(it, "PUT /", Way::Answer, 0, Ending::Close, 3);
    }),
    ("flushes whose answers end in the middle", |it| {
        set_trap(it, "PUT /", Way::Answer, 40, Ending::Reset, 3);
    }),
    ("flushes that are never answered", |it| {
        set_trap(it, "PUT /", Way::Answer, 0, Ending::Stall, 2);
    }),
    ("reset", |it| it.reset()),
];

/// Gives up a request soon, so that the follower is told of an outage and has to wait it out.
const HASTY: Patience = Patience { tries_max: 2, first_tries_max: 2, ..PATIENCE };

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_while_the_network_was_gone_becomes_durable_once() {
    let Some(server) = server() else { return };
    for (number, (trouble, begin)) in TROUBLES.into_iter().enumerate() {
        for patience in [PATIENCE, HASTY] {
            let prefix = format!("follow/{number}/{}", patience.tries_max);
            let mut far = Far::new(&server, &prefix).await;
            let line = store(&far.proxy.endpoint(), &prefix).with_silence_max(SILENCE_MAX);
            far.line = Arc::new(RetryingStore::with_patience(Arc::new(line), patience));
            let told = follow_through(&far, begin).await;
            if trouble == "cut" && patience == HASTY {
                assert!(told.contains("cannot write tail/"), "{told}");
                assert!(told.contains("cannot reach the service"), "{told}");
            }
            let repository = far.host.stranger(1).open(far.near.clone()).await.unwrap();
            let expected: Vec<_> =
                (20..60).map(|number| (format!("order-{}", number % 7), number / 7 + 1)).collect();
            assert_eq!(tail_events(&*far.near, &repository).await, expected, "{trouble}");
            assert_clean(&far.host.stranger(1).check(&repository).await);
        }
    }
}

/// Follows a file that gets ten events at the beginning, ten before the trouble, and twenty in it,
/// until all are durable; the failures that were told meanwhile.
async fn follow_through(far: &Far, begin: Trouble) -> String {
    let path = far.host.write("events.ndjson", lines(0..20));
    let (monitor, failures) = (Monitor::default(), Mutex::new(String::new()));
    let events = Mutex::new(0);
    let tell = |news: FollowNews<'_>| match news {
        FollowNews::Begun { .. } if *events.lock().unwrap() == 0 => append(&path, 20..30),
        FollowNews::Flushed(flush) => {
            let mut events = events.lock().unwrap();
            *events += flush.events;
            if *events == 10 {
                append(&path, 30..40);
                begin(&far.proxy);
                append(&path, 40..60);
            }
            if *events == 40 {
                monitor.request_stop();
            }
        }
        FollowNews::Failed { error, .. } => {
            failures.lock().unwrap().push_str(&icecore_tests::error_chain::chain(error));
        }
        _ => {}
    };
    let mut backup = far.host.backup_options();
    backup.name = Some("shop".to_owned());
    let options = FollowOptions {
        backup,
        flush_interval: Duration::from_millis(20),
        ..FollowOptions::default()
    };
    let repository = far.open().await;
    let source = ndjson_source(&path);
    Box::pin(follow(&repository, &source, &options, &monitor, &tell)).await.unwrap();
    failures.into_inner().unwrap()
}

fn append(path: &Path, range: std::ops::Range<u64>) {
    let mut file = File::options().append(true).open(path).unwrap();
    file.write_all(lines(range).as_bytes()).unwrap();
}
