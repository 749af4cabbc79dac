use crate::{Cluster, ClusterOptions, Mode};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use std::{env, fs, io};

/// How often a standby is asked whether it has what it should.
const POLL: Duration = Duration::from_millis(20);

#[test]
fn a_cluster_answers_and_keeps_what_it_is_told() {
    let cluster = Cluster::start();
    cluster.create_database("shop \"1\"");
    // Neither can be done in a transaction with others.
    cluster.psql("postgres", "CREATE DATABASE another; VACUUM");
    cluster.psql("shop \"1\"", "CREATE TABLE orders (id int); INSERT INTO orders VALUES (7), (8)");
    assert_eq!(cluster.psql("shop \"1\"", "SELECT id, id * 2 FROM orders"), "7|14\n8|16");
    assert_eq!(cluster.psql("postgres", "SHOW server_encoding"), "UTF8");
    let url = format!("postgres://postgres@127.0.0.1:{}/shop", cluster.port());
    assert_eq!(cluster.url("shop"), url);
}

#[test]
fn settings_and_files_are_the_tests() {
    let options = ClusterOptions { encoding: "LATIN1".to_owned(), ..ClusterOptions::default() }
        .setting("work_mem", "8MB")
        .setting("cluster_name", "a 'quoted' name")
        .file("extra.conf", "maintenance_work_mem = '32MB'")
        .setting("include", "extra.conf");
    let cluster = Cluster::start_with(&options);
    assert_eq!(cluster.psql("postgres", "SHOW work_mem"), "8MB");
    assert_eq!(cluster.psql("postgres", "SHOW cluster_name"), "a 'quoted' name");
    assert_eq!(cluster.psql("postgres", "SHOW maintenance_work_mem"), "32MB");
    assert_eq!(cluster.psql("postgres", "SHOW server_encoding"), "LATIN1");
}

#[test]
fn what_was_committed_survives_every_end_of_the_server() {
    let mut cluster = Cluster::start();
    cluster.psql("postgres", "CREATE TABLE kept (how text)");
    let port = cluster.port();
    for how in ["fast", "immediate", "kill"] {
        cluster.psql("postgres", &format!("INSERT INTO kept VALUES ('{how}')"));
        match how {
            "fast" => cluster.stop(Mode::Fast),
            "immediate" => cluster.stop(Mode::Immediate),
            _ => cluster.kill(),
        }
        cluster.start_again();
    }
    assert_eq!(cluster.psql("postgres", "SELECT how FROM kept"), "fast\nimmediate\nkill");
    assert_eq!(cluster.port(), port);
}

#[test]
fn a_standby_follows_and_can_be_promoted() {
    let mut primary = Cluster::start();
    let standby = primary.standby();
    primary.psql("postgres", "CREATE TABLE followed (id int)");
    let has_it = "SELECT to_regclass('followed') IS NOT NULL";
    while standby.psql("postgres", has_it) == "f" {
        sleep(POLL);
    }
    assert_eq!(standby.psql("postgres", "SELECT pg_is_in_recovery()"), "t");
    primary.stop(Mode::Fast);
    standby.promote();
    standby.psql("postgres", "INSERT INTO followed VALUES (1)");
    assert_eq!(standby.psql("postgres", "SELECT pg_is_in_recovery()"), "f");
}

#[test]
fn a_test_that_panics_leaves_nothing_behind() {
    let mut directory = PathBuf::new();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let cluster = Cluster::start();
        directory = cluster.socket_directory().to_owned();
        assert!(directory.join("data/PG_VERSION").exists());
        cluster.psql("postgres", "SELECT 1 FROM no_such_table");
    }));
    let message = panicked.expect_err("there is no such table");
    let message = message.downcast_ref::<String>().expect("a message");
    assert!(message.contains("relation \"no_such_table\" does not exist"), "{message}");
    assert!(!directory.exists());
}

/// Where the process that is to be killed says where its cluster is; only there it has one.
const REPORT: &str = "cluster-directory";

#[test]
fn a_process_that_is_killed_leaves_nothing_behind() {
    let scratch = tempfile::tempdir().expect("a directory");
    let report = scratch.path().join(REPORT);
    fs::write(&report, "").expect("there is room");
    let mut process = Command::new(env::current_exe().expect("a test has a file"))
        .args(["--ignored", "--exact", "tests::a_process_to_kill"])
        .current_dir(scratch.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("a test can be started");
    let directory = loop {
        let text = fs::read_to_string(&report).expect("it is there");
        if let Some(directory) = text.strip_suffix('\n') {
            break PathBuf::from(directory);
        }
        assert!(matches!(process.try_wait(), Ok(None)), "it ended");
        sleep(POLL);
    };
    assert!(directory.join("data/postmaster.pid").exists());
    process.kill().expect("it runs");
    process.wait().expect("it ends");
    while directory.exists() {
        sleep(POLL);
    }
}

#[test]
#[ignore = "another test starts it and kills it"]
fn a_process_to_kill() {
    if fs::exists(REPORT).is_ok_and(|exists| exists) {
        let cluster = Cluster::start();
        let directory = cluster.socket_directory().display().to_string();
        fs::write(REPORT, directory + "\n").expect("there is room");
        let ended = io::stdin().read_line(&mut String::new());
        panic!("it was to be killed: {ended:?}");
    }
}

#[test]
fn clusters_can_be_started_at_once() {
    let clusters: Vec<Cluster> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..4).map(|_| scope.spawn(Cluster::start)).collect();
        starting.into_iter().map(|cluster| cluster.join().expect("it starts")).collect()
    });
    for (index, cluster) in clusters.iter().enumerate() {
        cluster.psql("postgres", &format!("CREATE TABLE own AS SELECT {index} AS number"));
    }
    for (index, cluster) in clusters.iter().enumerate() {
        assert_eq!(cluster.psql("postgres", "SELECT number FROM own"), index.to_string());
    }
}
