//! `icecore restore` into PostgreSQL.

use crate::support::Sandbox;
use icecore_test_cluster::Cluster;
use std::fs;
use std::path::Path;

/// A server with a shop, and staging that has another order.
fn servers() -> Cluster {
    let cluster = Cluster::start();
    let schema = "../icecore-sources/tests/postgres-schemas/eventcore-delivery/schema.sql";
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join(schema);
    let schema = fs::read_to_string(schema).unwrap();
    for (database, orders) in [("shop", 1..=30), ("staging", 40..=40)] {
        cluster.create_database(database);
        cluster.psql(database, &schema);
        for order in orders {
            cluster.psql(
                database,
                &format!(
                    "INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data) \
                     VALUES (gen_random_uuid(), 'order-{order}', 'Placed', '{{}}')"
                ),
            );
        }
    }
    cluster
}

#[test]
fn one_order_goes_into_staging_under_another_id() {
    let (cluster, sandbox) = (servers(), Sandbox::new());
    let (shop, staging) = (cluster.url("shop"), cluster.url("staging"));
    sandbox.run(["backup", "events", &shop, "--name", "shop"]).expect(0);
    let restore = ["restore", "latest", "--source", "shop", "--target", &staging];
    let one = [&restore[..], &["--stream", "order-17", "--as", "order-17-copy"]].concat();
    sandbox.run(&one).expect(0);
    let delivered = "SELECT stream_id, delivery_position FROM eventcore_events \
        JOIN eventcore_projection_delivery USING (event_id) ORDER BY 2";
    assert_eq!(cluster.psql("staging", delivered), "order-40|1\norder-17-copy|2");

    let again = sandbox.run(&one).expect(1);
    assert!(again.stderr.contains("the stream 'order-17-copy' is there"), "{}", again.stderr);
    assert!(again.stderr.contains("--on-conflict"), "{}", again.stderr);
    let original = sandbox.run([&restore[..], &["--stream", "order-17"]].concat()).expect(1);
    assert!(original.stderr.contains("in stream 'order-17-copy'"), "{}", original.stderr);
    let replaced = sandbox.run([&one[..], &["--on-conflict", "replace", "--json"]].concat());
    let messages = replaced.expect(0).messages();
    assert_eq!(messages[0]["outcome"], "replaced");
    assert_eq!(messages[0]["target_stream_id"], "order-17-copy");
    assert_eq!(cluster.psql("staging", delivered), "order-40|1\norder-17-copy|3");
}

#[test]
fn many_streams_are_told_of_in_part() {
    let (cluster, sandbox) = (servers(), Sandbox::new());
    let (shop, staging) = (cluster.url("shop"), cluster.url("staging"));
    sandbox.run(["backup", "events", &shop, "--name", "shop"]).expect(0);
    let restore = ["restore", "latest", "--target", &staging];
    sandbox.run([&restore[..], &["--stream", "order-[1-3]"]].concat()).expect(0);
    let others = [&restore[..], &["--on-conflict", "skip"]].concat();
    let outcome = sandbox.run(&others).expect(0);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines[2], "  order-1: skipped, since it is there");
    assert_eq!(lines[3], "  order-10: restored, 1 event");
    assert_eq!(lines[21], "  order-27: restored, 1 event");
    assert_eq!(lines[22], "  and 10 more (--json lists all): 9 restored, 1 skipped");
    let messages = sandbox.json(&others);
    assert_eq!(messages.len(), 31);
    assert!(messages[..30].iter().all(|message| message["outcome"] == "skipped"));
}
