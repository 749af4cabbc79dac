//! Repositories in object storage, with real servers.

use crate::elsewhere::Elsewhere;
use crate::support::shop;
use icecore_test_servers::{
    AzureServer, CarelessS3Server, GoogleServer, RcloneWebDavServer, S3Server, SshServer,
    WebDavServer,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};

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
        hint: two backups at once could lose one of them there; use another storage or a server with conditional puts, or have only one process at a time write to it, with --single-writer (docs/object-storage.md)
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

#[test]
fn webdav_takes_a_repository() {
    let Some(server) = WebDavServer::start() else { return };
    let who = [
        ("ICECORE_WEBDAV_USER", WebDavServer::USER),
        ("ICECORE_WEBDAV_PASSWORD", WebDavServer::PASSWORD),
    ];
    let elsewhere = Elsewhere::new(&format!("webdav://{}/of/shop", server.host()), who);
    let outcome = elsewhere.run(["snapshots"]).expect(10);
    assert!(outcome.stderr.contains("there is no repository at webdav://"), "{outcome:?}");
    elsewhere.run(["init"]).expect(0);
    elsewhere.back_up(3);
    elsewhere.back_up(5);
    elsewhere.assert_restores(5);
    let checked = elsewhere.run(["check", "--read-data"]).expect(0);
    assert!(checked.stdout.contains("checked 2 snapshots"), "{checked:?}");
    assert!(!checked.stdout.contains("no object of ours"), "{checked:?}");
    let stranger = Elsewhere::new(&elsewhere.url, []);
    let outcome = stranger.run(["snapshots"]).expect(1);
    assert!(outcome.stderr.contains("401 Unauthorized"), "{outcome:?}");
}

#[test]
fn the_webdav_of_rclone_takes_a_repository() {
    let Some(server) = RcloneWebDavServer::start() else { return };
    let elsewhere = Elsewhere::new(&format!("webdav://{}", server.host()), []);
    elsewhere.run(["init"]).expect(0);
    elsewhere.back_up(3);
    // Which it does not need, and which does no harm.
    let source = format!("ndjson:{}", elsewhere.sandbox.write_shop(4));
    elsewhere.run(["backup", "events", &source, "--name", "shop", "--single-writer"]).expect(0);
    elsewhere.assert_restores(4);
    elsewhere.run(["check", "--read-data"]).expect(0);
}
