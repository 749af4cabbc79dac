//! `icecore follow` of a store in PostgreSQL: four writers, and a follower that is killed again and
//! again, for a moment or as long as one likes; and what is recovered from its tail.

mod outages;

use crate::support::Sandbox;
use icecore_test_cluster::{Cluster, ClusterOptions};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long writers write, and how often the follower is killed meanwhile.
#[derive(Clone, Copy)]
struct Ordeal {
    /// Transactions of each writer, at least; each has two events in one stream and one in a stream of
    /// all.
    transactions: u64,
    /// How long they go on, at least.
    lasts: Duration,
    /// How long a follower lives at most.
    life: Duration,
}

const SHORT: Ordeal =
    Ordeal { transactions: 60, lasts: Duration::ZERO, life: Duration::from_millis(300) };

fn store(wal_level: &str) -> Cluster {
    store_with(&ClusterOptions::default().setting("wal_level", wal_level))
}

fn store_with(options: &ClusterOptions) -> Cluster {
    let cluster = Cluster::start_with(options);
    let schema =
        include_str!("../../../icecore-sources/tests/postgres-schemas/eventcore/schema.sql");
    for database in ["shop", "recovered"] {
        cluster.create_database(database);
        cluster.psql(database, schema);
    }
    cluster.psql("shop", &insert("before", 5));
    cluster
}

fn insert(stream: &str, events: u64) -> String {
    format!(
        "INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data) \
         SELECT gen_random_uuid(), '{stream}', 'Placed', jsonb_build_object('number', n) \
         FROM generate_series(1, {events}) n"
    )
}

/// One writer's transactions; every seventh is rolled back.
fn write(cluster: &Cluster, writer: u64, ordeal: Ordeal) {
    let (mut psql, began) = (cluster.session("shop"), Instant::now());
    for number in 0.. {
        if number >= ordeal.transactions && began.elapsed() >= ordeal.lasts {
            break;
        }
        let (own, all) =
            (insert(&format!("w{writer}-{number}"), 2), insert(&format!("all-{writer}"), 1));
        let end = if number % 7 == 6 { "ROLLBACK" } else { "COMMIT" };
        psql.write(format!("BEGIN; {own}; {all}; {end};\n").as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(15));
    }
    psql.finish();
}

fn follow(sandbox: &Sandbox, url: &str) -> Child {
    let arguments = ["follow", url, "--name", "shop", "--json", "--flush-interval", "50ms"];
    sandbox.command(arguments).stdout(Stdio::piped()).spawn().unwrap()
}

/// What a follower says next of this type.
fn next(lines: &mut impl Iterator<Item = std::io::Result<String>>, message_type: &str) -> Value {
    loop {
        let line = lines.next().expect("it goes on").unwrap();
        let message: Value = serde_json::from_str(&line).unwrap();
        if message["message_type"] == message_type {
            return message;
        }
    }
}

const ROWS: &str = "SELECT count(*), sum(hashtextextended(e::text, 0)) FROM eventcore_events e";

/// Says how often the follower was killed, and how many events there are.
fn nothing_is_lost_and_nothing_doubled(wal_level: &str, ordeal: Ordeal) -> (u32, u64) {
    let (cluster, sandbox) = (store(wal_level), Sandbox::new());
    let mut kills = 0;
    let url = cluster.url("shop");
    thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                scope.spawn({
                    let cluster = &cluster;
                    move || write(cluster, writer, ordeal)
                })
            })
            .collect();
        while writers.iter().any(|writer| !writer.is_finished()) {
            let mut child = follow(&sandbox, &url);
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            next(&mut lines, "begun");
            thread::sleep(ordeal.life * (1 + 5 * kills % 8) / 8);
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
        }
    });
    // The last one catches up, and what is captured last is in it.
    cluster.psql("shop", &insert("after", 1));
    let expected: u64 =
        cluster.psql("shop", "SELECT count(*) FROM eventcore_events").trim().parse().unwrap();
    let mut child = follow(&sandbox, &url);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut captured = next(&mut lines, "begun")["events_before"].as_u64().unwrap();
    let way = next(&mut lines, "way");
    let (expected_way, said) = if wal_level == "logical" {
        ("decoding", "what the server decodes for the replication slot icecore_")
    } else {
        ("opening", "wal_level of the server is replica, not logical")
    };
    assert_eq!(way["way"], expected_way);
    assert!(way["detail"].as_str().unwrap().starts_with(said), "{way}");
    // Some were written before the first follower made the backup that the tail goes on from.
    let timeline = sandbox.json(["timeline", "shop"]);
    captured += timeline[0]["events"].as_u64().unwrap();
    while captured < expected {
        captured += next(&mut lines, "flush")["events"].as_u64().unwrap();
    }
    assert_eq!(captured, expected);
    let target = cluster.url("recovered");
    sandbox.run(["recover", "shop", "--latest", "--target", &target]).expect(0);
    assert_eq!(cluster.psql("recovered", ROWS), cluster.psql("shop", ROWS));

    // A backup beside it takes what was captured, and proves that it agrees with the table.
    let summary = sandbox.json(["backup", "events", &url, "--name", "shop"]).pop().unwrap();
    assert_eq!(
        (&summary["reading"], &summary["events_total"]),
        (&"further".into(), &expected.into())
    );
    child.kill().unwrap();
    child.wait().unwrap();
    let anew = ["restore", "latest", "--overwrite", "--target", &target];
    sandbox.run(anew).expect(0);
    assert_eq!(cluster.psql("recovered", ROWS), cluster.psql("shop", ROWS));
    sandbox.run(["check", "--read-data"]).expect(0);
    (kills, expected)
}

#[test]
fn what_the_server_decodes_is_captured_once_whoever_is_killed() {
    nothing_is_lost_and_nothing_doubled("logical", SHORT);
}

#[test]
fn what_is_looked_for_again_and_again_is_captured_once_whoever_is_killed() {
    nothing_is_lost_and_nothing_doubled("replica", SHORT);
}

#[test]
#[ignore = "takes as many minutes as ICECORE_TORTURE_MINUTES says"]
#[expect(clippy::disallowed_methods, reason = "who starts it says how long it takes")]
#[expect(clippy::print_stdout, reason = "and is told what it was")]
fn torture() {
    let minutes = std::env::var("ICECORE_TORTURE_MINUTES").expect("it is said how long");
    let minutes: u64 = minutes.parse().expect("a number of minutes");
    let lasts = Duration::from_secs(60 * minutes);
    let ordeal = Ordeal { transactions: 0, lasts, life: Duration::from_secs(5) };
    let (kills, events) = nothing_is_lost_and_nothing_doubled("logical", ordeal);
    println!("{events} events are there once, after {kills} kills");
}

#[test]
fn the_store_is_recovered_to_any_commit_that_was_decoded() {
    let (cluster, sandbox) = (store("logical"), Sandbox::new());
    let url = cluster.url("shop");
    let mut child = follow(&sandbox, &url);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    next(&mut lines, "begun");
    // What was committed before the slot was there is captured without its commits.
    cluster.psql("shop", &insert("first", 1));
    next(&mut lines, "flush");
    let mut commits = Vec::new();
    for number in 0..4 {
        cluster.psql("shop", &insert(&format!("order-{number}"), 2));
        let flush = next(&mut lines, "flush");
        assert_eq!(flush["events"], 2);
        commits.push(flush["newest_event"].as_str().unwrap().to_owned());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let target = cluster.url("recovered");
    for (number, commit) in commits.iter().enumerate() {
        let recover =
            ["recover", "shop", "--to-commit-time", commit, "--target", &target, "--overwrite"];
        sandbox.run(recover).expect(0);
        let streams = "SELECT count(*), max(stream_id) FROM eventcore_events";
        let expected = format!("{}|order-{number}", 6 + 2 * (number + 1));
        assert_eq!(cluster.psql("recovered", streams).trim(), expected);
    }
    let early =
        ["recover", "shop", "--to-commit-time", "2020-01-01T00:00:00Z", "--target", &target];
    let refused = sandbox.run(early).expect(1);
    assert!(refused.stderr.contains("it is known from"), "{}", refused.stderr);
}
