//! Repositories in object storage, with real servers.

use crate::support::{Outcome, Sandbox, outcome_of, shop};
use icecore_test_servers::{AzureServer, CarelessS3Server, GoogleServer, S3Server, SshServer};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Command;

/// A sandbox whose repository is in a bucket.
pub(crate) struct Elsewhere {
    pub(crate) sandbox: Sandbox,
    pub(crate) url: String,
    variables: Vec<(&'static str, String)>,
}

impl Elsewhere {
    pub(crate) fn new<const N: usize>(url: &str, variables: [(&'static str, &str); N]) -> Self {
        let variables = variables.map(|(name, value)| (name, value.to_owned())).to_vec();
        Self { sandbox: Sandbox::without_repository(), url: url.to_owned(), variables }
    }

    pub(crate) fn s3(server: &S3Server) -> Self {
        server.create_bucket("backups");
        let url = format!("s3://backups/of/shop?endpoint={}", server.endpoint());
        Self::new(&url, [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
    }

    pub(crate) fn command<'a>(&self, arguments: impl AsRef<[&'a str]>) -> Command {
        let mut command = self.sandbox.command(arguments);
        self.tell(&mut command);
        command
    }

    /// Tells a program where the repository is, and who asks.
    pub(crate) fn tell(&self, command: &mut Command) {
        command.env("ICECORE_REPOSITORY", &self.url);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
    }

    pub(crate) fn run<'a>(&self, arguments: impl AsRef<[&'a str]>) -> Outcome {
        outcome_of(&mut self.command(arguments))
    }

    /// Backs up a shop of so many orders.
    pub(crate) fn back_up(&self, orders: u64) {
        let source = format!("ndjson:{}", self.sandbox.write_shop(orders));
        self.run(["backup", "events", &source, "--name", "shop"]).expect(0);
    }

    /// Restores the latest state of the shop, which has to have so many orders.
    pub(crate) fn assert_restores(&self, orders: u64) {
        let restore = ["restore", "latest", "--source", "shop", "--target", "-"];
        let restored = self.run(restore).expect(0);
        assert_eq!(restored.stdout, shop(orders));
    }
}

#[test]
fn a_repository_in_s3_takes_and_gives_back_what_one_on_a_disk_does() {
    let Some(server) = S3Server::start() else { return };
    let elsewhere = Elsewhere::s3(&server);
    let outcome = elsewhere.run(["snapshots"]).expect(10);
    assert!(
        outcome.stderr.contains("there is no repository at s3://backups/of/shop"),
        "{outcome:?}"
    );
    let outcome = elsewhere.run(["init"]).expect(0);
    assert!(outcome.stdout.contains(" at s3://backups/of/shop ("), "{outcome:?}");
    elsewhere.run(["init"]).expect(1);
    elsewhere.back_up(3);
    elsewhere.back_up(5);
    elsewhere.assert_restores(5);
    let checked = elsewhere.run(["check", "--read-data"]).expect(0);
    assert!(checked.stdout.contains("checked 2 snapshots"), "{checked:?}");
    // A machine that has seen nothing of it.
    fs::remove_dir_all(elsewhere.sandbox.path("home")).unwrap();
    fs::create_dir(elsewhere.sandbox.path("home")).unwrap();
    elsewhere.assert_restores(5);

    // Two at once, of other sources: both are in it.
    let backups: Vec<_> = ["one", "two"]
        .map(|name| {
            let path = elsewhere.sandbox.path(name);
            fs::write(&path, shop(4)).unwrap();
            let source = format!("ndjson:{}", path.display());
            elsewhere.command(["backup", "events", &source, "--name", name]).spawn().unwrap()
        })
        .into();
    for backup in backups {
        let output = backup.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let told = elsewhere.run(["snapshots", "-v"]).expect(0);
    assert!(told.stderr.contains("asked of storage: "), "{told:?}");
    let snapshots = elsewhere.run(["snapshots", "--json"]).expect(0).messages();
    assert_eq!(snapshots.iter().filter(|it| it["message_type"] == "snapshot").count(), 4);
}

#[test]
fn a_tail_in_s3_is_captured_and_recovered() {
    let Some(server) = S3Server::start() else { return };
    let elsewhere = Elsewhere::s3(&server);
    elsewhere.run(["init"]).expect(0);
    elsewhere.back_up(3);
    let source = format!("ndjson:{}", elsewhere.sandbox.text("shop.ndjson"));
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
    let new = shop(4).strip_prefix(&shop(3)).unwrap().to_owned();
    let mut file =
        File::options().append(true).open(elsewhere.sandbox.path("shop.ndjson")).unwrap();
    file.write_all(new.as_bytes()).unwrap();
    let mut captured = 0;
    while captured < 2 {
        captured += wait_for("flush")["events"].as_u64().unwrap();
    }
    kill_process(Pid::from_child(&follower), Signal::TERM).unwrap();
    assert!(follower.wait().unwrap().success());
    let recovered = elsewhere.run(["recover", "shop", "--latest", "--target", "-"]).expect(0);
    assert_eq!(recovered.stdout, shop(4));
}

#[test]
fn a_bucket_that_is_not_there_is_told_and_not_made() {
    let Some(server) = S3Server::start() else { return };
    let mut elsewhere = Elsewhere::s3(&server);
    elsewhere.url = format!("s3://nowhere/of/shop?endpoint={}", server.endpoint());
    for command in ["init", "snapshots"] {
        let outcome = elsewhere.run([command]).expect(10);
        insta::allow_duplicates! {
            insta::assert_snapshot!(outcome.stderr, @"
            error: cannot open s3://nowhere/of/shop: it is not there
              because: NoSuchBucket: The specified bucket does not exist
            hint: make the bucket or container first: icecore makes none
            ");
        }
    }
}

#[test]
fn a_server_that_cannot_keep_writers_apart_gets_no_repository() {
    let Some(server) = CarelessS3Server::start() else { return };
    server.create_bucket("backups");
    let url = format!("s3://backups?endpoint={}", server.endpoint());
    let keys = [
        ("AWS_ACCESS_KEY_ID", CarelessS3Server::KEY),
        ("AWS_SECRET_ACCESS_KEY", CarelessS3Server::SECRET),
    ];
    let elsewhere = Elsewhere::new(&url, keys);
    let outcome = elsewhere.run(["init"]).expect(1);
    insta::with_settings!({ filters => [(r"\d+ of 16", "[SEVERAL] of 16")] }, {
        insta::assert_snapshot!(outcome.stderr, @"
        error: the storage at s3://backups cannot keep writers apart
          because: [SEVERAL] of 16 writers of one name were told that they were the first
        hint: two backups at once could lose one of them there; use another storage, or a server with conditional puts
        ");
    });
}

#[test]
fn azure_takes_a_repository() {
    let Some(server) = AzureServer::start() else { return };
    server.create_container("backups");
    let url = format!("azblob://backups/of/shop?endpoint={}", server.endpoint());
    let keys =
        [("AZURE_STORAGE_ACCOUNT", AzureServer::ACCOUNT), ("AZURE_STORAGE_KEY", AzureServer::KEY)];
    let elsewhere = Elsewhere::new(&url, keys);
    elsewhere.run(["init"]).expect(0);
    elsewhere.back_up(3);
    elsewhere.assert_restores(3);
    elsewhere.run(["check", "--read-data"]).expect(0);
}

#[test]
fn google_takes_a_repository() {
    let Some(server) = GoogleServer::start() else { return };
    server.create_bucket("backups");
    let endpoint = server.endpoint();
    let elsewhere =
        Elsewhere::new("gs://backups/of/shop", [("STORAGE_EMULATOR_HOST", endpoint.as_str())]);
    elsewhere.run(["init"]).expect(0);
    elsewhere.back_up(3);
    elsewhere.assert_restores(3);
    elsewhere.run(["check", "--read-data"]).expect(0);
}

#[test]
fn a_directory_of_an_ssh_server_takes_a_repository() {
    let Some(server) = SshServer::start() else { return };
    let (files, configuration) = (server.files(), server.configuration());
    let url = format!("sftp://{}{}/shop", SshServer::HOST, files.display());
    let mut elsewhere = Elsewhere::new(&format!("{url}?config={}", configuration.display()), []);
    elsewhere.run(["init"]).expect(0);
    elsewhere.back_up(3);
    elsewhere.assert_restores(3);
    elsewhere.run(["check", "--read-data"]).expect(0);
    // It is what a directory is.
    let files = files.join("shop");
    elsewhere.url = files.display().to_string();
    elsewhere.assert_restores(3);

    let strangers = server.configuration_of_strangers();
    elsewhere.url = format!("{url}?config={}", strangers.display());
    let outcome = elsewhere.run(["snapshots"]).expect(1);
    assert!(outcome.stderr.contains("Host key verification failed"), "{outcome:?}");
}
