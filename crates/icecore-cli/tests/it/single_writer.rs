//! `--single-writer`, on servers that take the condition of a put and ignore it.

use crate::elsewhere::Elsewhere;
use crate::support::{Outcome, outcome_of};
use icecore_test_servers::{CarelessS3Server, WebDavServer};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command};

fn s3(server: &CarelessS3Server) -> Elsewhere {
    server.create_bucket("backups");
    let keys = [
        ("AWS_ACCESS_KEY_ID", CarelessS3Server::KEY),
        ("AWS_SECRET_ACCESS_KEY", CarelessS3Server::SECRET),
    ];
    Elsewhere::new(&format!("s3://backups/shop?endpoint={}", server.endpoint()), keys)
}

fn webdav(server: &WebDavServer) -> Elsewhere {
    let who = [
        ("ICECORE_WEBDAV_USER", WebDavServer::USER),
        ("ICECORE_WEBDAV_PASSWORD", WebDavServer::PASSWORD),
    ];
    Elsewhere::new(&format!("webdav://{}/shop", server.host()), who)
}

impl Elsewhere {
    fn source(&self, orders: u64) -> String {
        format!("ndjson:{}", self.sandbox.write_shop(orders))
    }

    fn single<'a>(&self, arguments: impl AsRef<[&'a str]>) -> Command {
        let mut command = self.command(arguments);
        command.env("ICECORE_SINGLE_WRITER", "1");
        command
    }

    fn run_single<'a>(&self, arguments: impl AsRef<[&'a str]>) -> Outcome {
        outcome_of(&mut self.single(arguments))
    }

    /// A follower that has begun.
    fn follower(&self, source: &str) -> Child {
        let follow = ["follow", source, "--name", "shop", "--json"];
        let mut follower = self.single(follow).spawn().unwrap();
        let mut messages = BufReader::new(follower.stdout.take().unwrap()).lines();
        let begun = messages.any(|line| line.unwrap().contains("\"begun\""));
        assert!(begun, "{:?}", follower.wait_with_output());
        // So that it does not write into nothing.
        std::thread::spawn(move || messages.for_each(drop));
        follower
    }

    fn assert_one_writer_at_a_time_is_enough(&self) {
        let outcome = self.run(["init"]).expect(1);
        assert!(outcome.stderr.contains("cannot keep writers apart"), "{outcome:?}");
        assert!(outcome.stderr.contains("--single-writer"), "{outcome:?}");

        let outcome = self.run(["init", "--single-writer"]).expect(0);
        assert!(outcome.stderr.contains("kept apart from others by a lease alone"), "{outcome:?}");
        let source = self.source(3);
        let backup = ["backup", "events", &source, "--name", "shop"];
        let outcome = outcome_of(self.single(backup).arg("--json")).expect(0);
        let summary = outcome.messages().pop().unwrap();
        assert_eq!(summary["single_writer"], true, "{summary}");
        let source = self.source(5);
        self.run_single(["backup", "events", &source, "--name", "shop"]).expect(0);
        // Who only reads needs no lease.
        self.assert_restores(5);
        let told = self.run(["snapshots", "--tag", "single-writer", "--json"]).expect(0).messages();
        assert_eq!(told.iter().filter(|it| it["message_type"] == "snapshot").count(), 2);
        let checked = self.run_single(["check", "--read-data"]).expect(0);
        assert!(checked.stdout.contains("checked 2 snapshots"), "{checked:?}");

        for refused in [
            ["backup", "events", &source, "--name", "shop"].as_slice(),
            &["follow", &source, "--name", "shop"],
        ] {
            let outcome = self.run(refused).expect(1);
            assert!(outcome.stderr.contains("it took config a second time"), "{outcome:?}");
            assert!(outcome.stderr.contains("--single-writer"), "{outcome:?}");
        }
        let drilled = self.run(["drill", "shop"]).expect(0);
        assert!(drilled.stderr.contains("the drill was not recorded"), "{drilled:?}");
        let drilled = self.run_single(["drill", "shop"]).expect(0);
        assert!(!drilled.stderr.contains("was not recorded"), "{drilled:?}");
    }
}

#[test]
fn an_s3_server_that_ignores_conditions_takes_one_writer_at_a_time() {
    let Some(server) = CarelessS3Server::start() else { return };
    s3(&server).assert_one_writer_at_a_time_is_enough();
}

#[test]
fn a_webdav_server_that_ignores_conditions_takes_one_writer_at_a_time() {
    let Some(server) = WebDavServer::start_careless() else { return };
    webdav(&server).assert_one_writer_at_a_time_is_enough();
}

#[test]
fn a_second_writer_is_refused_while_the_first_lives_and_goes_on_when_it_has_ended() {
    let Some(server) = CarelessS3Server::start() else { return };
    let elsewhere = s3(&server);
    elsewhere.run_single(["init"]).expect(0);
    let source = elsewhere.source(3);
    let backup = ["backup", "events", &source, "--name", "shop"];
    elsewhere.run_single(backup).expect(0);

    let mut follower = elsewhere.follower(&source);
    let id = follower.id();
    let outcome = elsewhere.run_single(backup).expect(11);
    let first = format!("process {id} (icecore follow) on ");
    assert!(outcome.stderr.contains(&first), "{outcome:?}");
    assert!(outcome.stderr.contains("hint: it lives: try again when it has ended"), "{outcome:?}");

    kill_process(Pid::from_child(&follower), Signal::TERM).unwrap();
    assert!(follower.wait().unwrap().success());
    let outcome = elsewhere.run_single(backup).expect(0);
    assert!(!outcome.stderr.contains("waiting"), "{outcome:?}");
}

#[test]
fn a_writer_that_was_killed_is_waited_for_and_told_of_and_the_wait_can_be_interrupted() {
    let Some(server) = WebDavServer::start_careless() else { return };
    let elsewhere = webdav(&server);
    elsewhere.run_single(["init"]).expect(0);
    let source = elsewhere.source(3);
    let backup = ["backup", "events", &source, "--name", "shop"];
    elsewhere.run_single(backup).expect(0);
    let mut follower = elsewhere.follower(&source);
    follower.kill().unwrap();
    follower.wait().unwrap();

    let mut waiting = elsewhere.single(backup).spawn().unwrap();
    let mut errors = BufReader::new(waiting.stderr.take().unwrap());
    let mut line = String::new();
    errors.read_line(&mut line).unwrap();
    let who = format!("process {} (icecore follow) on ", follower.id());
    assert!(line.starts_with(&who) && line.ends_with("waiting up to 90 s to know\n"), "{line}");
    kill_process(Pid::from_child(&waiting), Signal::INT).unwrap();
    assert_eq!(waiting.wait().unwrap().code(), Some(130));
    errors.read_to_string(&mut line).unwrap();
    assert!(line.contains("error: interrupted"), "{line}");
    let checked = elsewhere.run(["check", "-v"]).expect(0);
    assert!(!checked.stdout.contains("no object of ours"), "{checked:?}");
    elsewhere.assert_restores(3);
}
