//! The command behind a line that fails, and several hosts of which one is cut off.

use crate::elsewhere::Elsewhere;
use crate::support::shop;
use icecore_test_servers::{Ending, Hosts, Proxy, S3Server, Trap, Way};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Longer than the time between two flushes, and shorter than a request is repeated.
const OUTAGE: Duration = Duration::from_millis(1200);

/// A repository behind a line.
fn behind_a_line(server: &S3Server) -> (Elsewhere, Arc<Proxy>) {
    let proxy = Arc::new(Proxy::start(server.port()));
    let mut elsewhere = Elsewhere::s3(server);
    elsewhere.url = format!("s3://backups/of/shop?endpoint={}", proxy.endpoint());
    elsewhere.run(["init"]).expect(0);
    (elsewhere, proxy)
}

fn cut_for_a_while(proxy: &Arc<Proxy>, bytes: u64) {
    proxy.cut_after(bytes);
    let proxy = proxy.clone();
    thread::spawn(move || {
        proxy.wait_until_cut();
        thread::sleep(OUTAGE);
        proxy.mend();
    });
}

/// Ends the answers to so many requests in the middle.
fn cut_answers(proxy: &Proxy, request: &str, times: u32) {
    let request = request.to_owned();
    proxy.set_trap(Trap { request, way: Way::Answer, bytes: 70, ending: Ending::Close, times });
}

#[test]
fn backup_restore_follow_and_recover_go_on_after_an_outage_and_after_answers_that_are_cut() {
    let Some(server) = S3Server::start() else { return };
    let (elsewhere, proxy) = behind_a_line(&server);
    let source = format!("ndjson:{}", elsewhere.sandbox.write_shop(3));
    cut_for_a_while(&proxy, 6_000);
    elsewhere.run(["backup", "events", &source, "--name", "shop"]).expect(0);
    assert_eq!(proxy.cuts(), 1);
    cut_answers(&proxy, "GET /", 3);
    elsewhere.assert_restores(3);
    assert_eq!(proxy.caught(), 3);

    let follow = ["follow", &source, "--name", "shop", "--json", "--flush-interval", "20ms"];
    let mut follower = elsewhere.command(follow).spawn().unwrap();
    let mut messages = BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut wait_for = |message_type: &str| loop {
        let line = messages.next().expect("it goes on").unwrap();
        let message: Value = serde_json::from_str(&line).unwrap();
        if message["message_type"] == message_type {
            return message;
        }
    };
    wait_for("begun");
    let append = |from: u64, to: u64| {
        let (before, after) = (shop(from), shop(to));
        let mut file =
            File::options().append(true).open(elsewhere.sandbox.path("shop.ndjson")).unwrap();
        file.write_all(after.strip_prefix(&before).unwrap().as_bytes()).unwrap();
    };
    append(3, 4);
    let mut captured = wait_for("flush")["events"].as_u64().unwrap();
    proxy.cut();
    append(4, 6);
    thread::sleep(OUTAGE);
    cut_answers(&proxy, "PUT /", 2);
    proxy.mend();
    append(6, 7);
    while captured < 8 {
        let flush = wait_for("flush");
        assert!(flush["lag_s"].is_number(), "{flush}");
        captured += flush["events"].as_u64().unwrap();
    }
    kill_process(Pid::from_child(&follower), Signal::TERM).unwrap();
    assert!(follower.wait().unwrap().success());
    assert_eq!(captured, 8);

    cut_answers(&proxy, "GET /", 3);
    let recovered = elsewhere.run(["recover", "shop", "--latest", "--target", "-"]).expect(0);
    assert_eq!(recovered.stdout, shop(7));
    elsewhere.run(["check", "--read-data"]).expect(0);
}

#[test]
fn a_network_that_is_gone_ends_a_command_that_says_where_it_was() {
    let Some(server) = S3Server::start() else { return };
    let (elsewhere, proxy) = behind_a_line(&server);
    proxy.cut();
    let source = format!("ndjson:{}", elsewhere.sandbox.write_shop(3));
    let outcome = elsewhere.run(["backup", "events", &source, "--name", "shop"]).expect(1);
    insta::assert_snapshot!(outcome.stderr, @"
    error: cannot read config: the storage failed, perhaps only for the moment
      because: cannot reach the service: error sending request: client error (Connect): tcp connect error: Connection refused (os error 111)
    hint: try again; if it stays so, is s3://backups/of/shop reached from here?
    ");
    proxy.mend();
    elsewhere.back_up(3);
    elsewhere.assert_restores(3);
}

#[test]
fn a_limit_holds_for_what_is_sent_and_what_comes_and_is_told() {
    let Some(server) = S3Server::start() else { return };
    let elsewhere = Elsewhere::s3(&server);
    elsewhere.run(["init"]).expect(0);
    let events = random_shop(1, 100);
    fs::write(elsewhere.sandbox.path("shop.ndjson"), &events).unwrap();
    let source = format!("ndjson:{}", elsewhere.sandbox.text("shop.ndjson"));
    let limit = ["-v", "--limit-upload", "100kB"];
    let backup = ["backup", "events", &source, "--name", "shop"];
    let began = std::time::Instant::now();
    let outcome = elsewhere.run([&backup[..], &limit].concat()).expect(0);
    assert!(began.elapsed() > Duration::from_millis(500), "{:?}", began.elapsed());
    assert!(outcome.stderr.contains("B/s up, "), "{outcome:?}");
    let mut restore = elsewhere.command(["restore", "latest", "--target", "-"]);
    restore.env("ICECORE_LIMIT_DOWNLOAD", "100kB/s");
    let began = std::time::Instant::now();
    let restored = restore.output().unwrap();
    assert!(began.elapsed() > Duration::from_millis(500), "{:?}", began.elapsed());
    assert!(restored.stdout == events.as_bytes(), "{:?}", restored.stderr);
    let refused = elsewhere.run(["snapshots", "--limit-upload", "10"]).expect(2);
    assert!(refused.stderr.contains("at least 1KiB"), "{refused:?}");
}

/// Events of a stream whose payloads do not compress to less than half: of each some 1.5 kB.
fn random_shop(stream: u64, events: u64) -> String {
    let mut state = stream;
    let mut lines = String::new();
    for version in 1..=events {
        let mut data = String::new();
        for _ in 0..90 {
            // Source: the constants of Knuth's generator MMIX.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            write!(data, "{state:016x}").unwrap();
        }
        writeln!(
            lines,
            "{{\"stream_id\":\"scan-{stream}\",\"version\":{version},\"type\":\"Scanned\",\
             \"data\":\"{data}\"}}"
        )
        .unwrap();
    }
    lines
}

/// A sandbox on a host.
struct Host<'a> {
    elsewhere: Elsewhere,
    hosts: &'a Hosts,
    number: u8,
}

impl<'a> Host<'a> {
    fn new(hosts: &'a Hosts, number: u8, server: &S3Server) -> Self {
        let endpoint = format!("http://{}:{}", hosts.address(number), server.port());
        let url = format!("s3://backups/of/all?endpoint={endpoint}");
        let keys = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
        Self { elsewhere: Elsewhere::new(&url, keys), hosts, number }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let namespace = self.hosts.host(self.number);
        let [program, runner @ ..] = Hosts::runner(&namespace);
        let mut command = self.elsewhere.sandbox.program(program);
        command.args(runner).arg(env!("CARGO_BIN_EXE_icecore")).args(arguments);
        self.elsewhere.tell(&mut command);
        command
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "host {}: {output:?}", self.number);
        String::from_utf8(output.stdout).unwrap()
    }

    /// About to back up events of its own, so slowly that something can happen meanwhile.
    fn backup(&self, limit: &str) -> Command {
        fs::write(self.elsewhere.sandbox.path("own.ndjson"), self.events()).unwrap();
        let source = format!("ndjson:{}", self.elsewhere.sandbox.text("own.ndjson"));
        let name = self.name();
        self.command(&["backup", "events", &source, "--name", &name, "--limit-upload", limit])
    }

    fn name(&self) -> String {
        format!("host-{}", self.number)
    }

    fn events(&self) -> String {
        random_shop(u64::from(self.number), 200)
    }
}

#[test]
fn of_three_hosts_one_is_cut_off_in_a_backup_and_the_others_go_on_and_so_does_it() {
    let Some(hosts) = Hosts::start(3) else { return };
    let Some(server) = S3Server::start_for(&hosts, "backups") else { return };
    let all = [1, 2, 3].map(|number| Host::new(&hosts, number, &server));
    all[0].run(&["init"]);

    let before = hosts.bytes_sent(1);
    let cut_off = all[0].backup("100kB").spawn().unwrap();
    while hosts.bytes_sent(1) < before + 60_000 {
        thread::sleep(Duration::from_millis(5));
    }
    hosts.cut(1);
    // The others begin and end while it is away.
    let others: Vec<_> = all[1..].iter().map(|it| it.backup("10MB").spawn().unwrap()).collect();
    for other in others {
        let output = other.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let snapshots = all[1].run(&["snapshots", "--json"]);
    assert_eq!(snapshots.matches("\"message_type\":\"snapshot\"").count(), 2, "{snapshots}");
    hosts.mend(1);
    let output = cut_off.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");

    for (host, other) in all.iter().zip(all.iter().cycle().skip(1)) {
        let restore = ["restore", "latest", "--source", &host.name(), "--target", "-"];
        assert!(other.run(&restore) == host.events(), "{}", host.name());
    }
    let checked = all[1].run(&["check", "--read-data"]);
    assert!(checked.contains("checked 3 snapshots"), "{checked}");
}
