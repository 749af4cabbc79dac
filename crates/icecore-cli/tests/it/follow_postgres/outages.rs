//! A server that crashes, is replaced by its standby, or no longer has the slot: a person is told
//! so, and then all of it is captured, nothing twice.

use super::*;
use icecore_test_cluster::Mode;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};

/// A follower whose output goes to files.
struct Follower<'a> {
    sandbox: &'a Sandbox,
    child: Child,
}

impl<'a> Follower<'a> {
    /// One that has begun, by decoding.
    fn start(sandbox: &'a Sandbox, url: &str) -> Self {
        let file = |name: &str| File::create(sandbox.path(name)).unwrap();
        let arguments = ["follow", url, "--name", "shop", "--flush-interval", "20ms"];
        let mut command = sandbox.command(arguments);
        let child = command.stdout(file("said")).stderr(file("warned")).spawn().unwrap();
        let mut follower = Self { sandbox, child };
        follower.wait_for("said", "  new events come from what the server decodes for the repl");
        follower
    }

    /// Waits until it says this.
    fn wait_for(&mut self, file: &str, text: &str) {
        while !self.read(file).contains(text) {
            self.require_alive();
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.sandbox.path(file)).unwrap()
    }

    fn require_alive(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "{ended:?}: {}{}", self.read("said"), self.read("warned"));
    }

    /// Waits until so many events are durable: in the newest snapshot, or captured since.
    fn wait_for_events(&mut self, events: u64) {
        let mut looks_with_more = 0;
        loop {
            self.require_alive();
            let timeline = self.sandbox.json(["timeline", "shop"]);
            let is_of = |kind: &str| {
                let kind = kind.to_owned();
                move |line: &&Value| line["message_type"] == kind
            };
            let snapshot = timeline.iter().rfind(is_of("snapshot")).unwrap();
            let summary = timeline.iter().rfind(is_of("summary")).unwrap();
            let durable =
                snapshot["events"].as_u64().unwrap() + summary["events_captured"].as_u64().unwrap();
            // What was backed up anew has the events of the epoch that is not ended yet.
            looks_with_more += u32::from(durable > events);
            assert!(looks_with_more < 50, "something is there twice: {timeline:?}");
            if durable == events {
                return;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Stops it, and requires that what is recovered is what the server has.
    fn prove(mut self, server: &Cluster) {
        let events = server.psql("shop", "SELECT count(*) FROM eventcore_events");
        self.wait_for_events(events.parse().unwrap());
        self.signal(Signal::TERM);
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{}", self.read("warned"));
        let target = server.url("recovered");
        self.sandbox.run(["recover", "shop", "--latest", "--target", &target]).expect(0);
        assert_eq!(server.psql("recovered", ROWS), server.psql("shop", ROWS));
        self.sandbox.run(["check", "--read-data"]).expect(0);
    }
}

impl Drop for Follower<'_> {
    fn drop(&mut self) {
        // It has ended, or a test failed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_server_that_crashed_is_waited_for() {
    let (mut cluster, sandbox) = (store("logical"), Sandbox::new());
    let mut follower = Follower::start(&sandbox, &cluster.url("shop"));
    cluster.psql("shop", &insert("before-the-crash", 3));
    follower.wait_for_events(8);
    for crash in 0..2 {
        cluster.psql("shop", &insert(&format!("at-crash-{crash}"), 2));
        cluster.stop(Mode::Immediate);
        follower.wait_for("warned", "hint: tried again in 1.0 s");
        cluster.start_again();
        cluster.psql("shop", &insert(&format!("after-crash-{crash}"), 2));
    }
    let warned = follower.read("warned");
    for said in ["the connection to the server was lost", "nobody listens at 127.0.0.1:"] {
        assert!(warned.contains(said), "{said}: {warned}");
    }
    follower.prove(&cluster);
}

#[test]
fn a_standby_that_was_promoted_is_backed_up_anew_and_followed() {
    let (mut primary, sandbox) = (store("logical"), Sandbox::new());
    let mut standby = primary.standby();
    let url = format!(
        "postgres://postgres@127.0.0.1:{},127.0.0.1:{}/shop?target_session_attrs=read-write",
        primary.port(),
        standby.port()
    );
    let mut follower = Follower::start(&sandbox, &url);
    primary.psql("shop", &insert("on-both", 3));
    follower.wait_for_events(8);
    let count = "SELECT count(*) FROM eventcore_events";
    while standby.psql("shop", count) != "8" {}
    // Captured, and never known to the standby.
    standby.stop(Mode::Fast);
    primary.psql("shop", &insert("only-on-the-primary", 2));
    follower.wait_for_events(10);
    primary.stop(Mode::Immediate);
    standby.start_again();
    follower.wait_for("warned", "target_session_attrs=read-write is wanted");
    standby.promote();
    standby.psql("shop", &insert("on-the-new-primary", 4));
    follower.wait_for("warned", "the server was restored or promoted since");
    follower.wait_for("warned", "hint: it is backed up anew");
    follower.wait_for("said", "backed up shop: ");
    standby.psql("shop", &insert("followed", 1));
    follower.prove(&standby);
    // What the standby did not have can be had, too.
    let timeline = sandbox.run(["timeline", "shop"]).expect(0).stdout;
    assert!(timeline.contains("the source could not be gone on from"), "{timeline}");
    let messages = sandbox.json(["timeline", "shop"]);
    let ended = messages.iter().find(|message| message["message_type"] == "ended_tail").unwrap();
    assert_eq!(ended["events_captured"], 5);
    let target = standby.url("recovered");
    let last = ["recover", "shop", "--to-version", "only-on-the-primary@2"];
    sandbox.run([&last[..], &["--target", &target, "--overwrite"]].concat()).expect(0);
    assert_eq!(standby.psql("recovered", count), "10");
}

#[test]
fn a_slot_that_somebody_dropped_is_told_of_and_made_again() {
    let (cluster, sandbox) = (store("logical"), Sandbox::new());
    let mut follower = Follower::start(&sandbox, &cluster.url("shop"));
    cluster.psql("shop", &insert("with-the-slot", 3));
    follower.wait_for_events(8);
    // While it is decoded from, it cannot be dropped.
    cluster.psql(
        "shop",
        "DO $$ BEGIN LOOP BEGIN \
             PERFORM pg_drop_replication_slot(slot_name) FROM pg_replication_slots; EXIT; \
         EXCEPTION WHEN object_in_use THEN END; END LOOP; END $$",
    );
    cluster.psql("shop", &insert("without-the-slot", 3));
    follower.wait_for("warned", "somebody dropped the replication slot icecore_");
    follower.wait_for("said", ", which was made now\n");
    cluster.psql("shop", &insert("with-the-new-slot", 3));
    follower.prove(&cluster);
}

#[test]
fn a_slot_that_the_server_gave_up_is_told_of_and_made_again() {
    let options = ClusterOptions::default().setting("wal_level", "logical");
    let options = options.setting("max_slot_wal_keep_size", "1MB");
    let options = options.setting("min_wal_size", "32MB").setting("max_wal_size", "32MB");
    let (cluster, sandbox) = (store_with(&options), Sandbox::new());
    let mut follower = Follower::start(&sandbox, &cluster.url("shop"));
    cluster.psql("shop", &insert("with-the-slot", 3));
    follower.wait_for_events(8);
    // It lets nothing go.
    follower.signal(Signal::STOP);
    let status = "SELECT wal_status FROM pg_replication_slots";
    while cluster.psql("shop", status) != "lost" {
        cluster.psql("shop", &insert("without-the-slot", 1));
        cluster
            .psql("shop", "SELECT pg_switch_wal(); CREATE TABLE it (); DROP TABLE it; CHECKPOINT");
    }
    follower.signal(Signal::CONT);
    follower.wait_for("warned", "the server gave the replication slot icecore_");
    follower.wait_for("warned", "max_slot_wal_keep_size");
    cluster.psql("shop", &insert("with-the-new-slot", 3));
    follower.prove(&cluster);
    assert_eq!(cluster.psql("shop", status), "reserved");
}
