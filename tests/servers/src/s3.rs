//! Servers that speak S3: one that keeps to what it is asked, and one that does not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::hosts::{self, Hosts};
use crate::process::Process;
use crate::{http, installed};

/// What serves; its arguments are an address and a port.
const PROGRAM: &str = include_str!("s3_server.py");

/// Python with what that needs.
fn python() -> Option<PathBuf> {
    installed::find("python/bin/cheroot")?;
    installed::find("python/bin/python")
}

/// A server that takes the conditions of S3 seriously, whatever the credentials. It keeps all in memory,
/// and connections open.
#[derive(Debug)]
pub struct S3Server(Process);

impl S3Server {
    /// Starts one; `None` where it is not installed.
    pub fn start() -> Option<Self> {
        let python = python()?;
        Some(Self(Process::start(|port, _| {
            let mut server = Command::new(&python);
            server.args(["-c", PROGRAM, "127.0.0.1", &port.to_string()]);
            server
        })))
    }

    /// Starts one that hosts reach over their lines, with a bucket; `None` where it is not installed.
    pub fn start_for(hosts: &Hosts, bucket: &str) -> Option<Self> {
        let python = python()?;
        let namespace = hosts.server();
        let runner = Hosts::runner(&namespace);
        // Whoever is not in the namespace cannot ask it.
        let ask = |port: u16, request: &str| {
            let script = format!(
                "exec 3<>/dev/tcp/127.0.0.1/{port} && printf '{request} HTTP/1.1\r\nHost: s3\r\n                 Content-Length: 0\r\nConnection: close\r\n\r\n' >&3 && head -n 1 <&3"
            );
            hosts::run(&[&runner[..], &["bash", "-c", &script]].concat()).unwrap_or_default()
        };
        let start = |port: u16, _: &Path| {
            let mut server = Command::new(runner[0]);
            server.args(&runner[1..]).arg(&python);
            server.args(["-c", PROGRAM, "0.0.0.0", &port.to_string()]);
            server
        };
        let server = Process::start_with(start, |port| ask(port, "GET /").contains(" 200 "));
        let made = ask(server.port(), &format!("PUT /{bucket}"));
        assert!(made.contains(" 200 "), "{made}");
        Some(Self(server))
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.0.port()
    }

    /// Its address.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.port())
    }

    /// Makes a bucket.
    pub fn create_bucket(&self, name: &str) {
        let status = http::send(self.0.port(), &format!("PUT /{name}"), &[], "");
        assert_eq!(status.expect("the server answers"), 200, "{name}");
    }

    /// Makes a bucket that keeps every version of each object, and lets nobody delete a version for
    /// thirty days.
    pub fn create_locked_bucket(&self, name: &str) {
        let lock = [("x-amz-bucket-object-lock-enabled", "true")];
        let status = http::send(self.0.port(), &format!("PUT /{name}"), &lock, "");
        assert_eq!(status.expect("the server answers"), 200, "{name}");
        let rule = "<ObjectLockConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                    <ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>\
                    <Mode>COMPLIANCE</Mode><Days>30</Days></DefaultRetention></Rule>\
                    </ObjectLockConfiguration>";
        let (status, answer) = self.ask(&format!("PUT /{name}?object-lock"), rule);
        assert_eq!(status, 200, "{answer}");
    }

    /// Makes a request of the only user; status and text of the answer. The path is as in URLs.
    pub fn ask(&self, method_and_path: &str, body: &str) -> (u16, String) {
        // It takes any signature that looks like one.
        let who = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, \
                   SignedHeaders=host, Signature=none";
        let headers = [
            ("Authorization", who),
            ("Content-Type", "application/xml"),
            ("Content-MD5", "it-is-not-compared"),
        ];
        http::ask(self.0.port(), method_and_path, &headers, body).expect("the server answers")
    }

    /// Python, with Amazon's library for it.
    pub fn python() -> Option<PathBuf> {
        installed::find("python/bin/python")
    }
}

/// A server that takes the condition of a put and ignores it.
#[derive(Debug)]
pub struct CarelessS3Server(Process);

impl CarelessS3Server {
    /// The name of the only key that it takes.
    pub const KEY: &str = "careless";
    /// That key.
    pub const SECRET: &str = "careless-secret";

    /// Starts one; `None` where it is not installed.
    pub fn start() -> Option<Self> {
        let program = installed::find("python/bin/rclone")?;
        Some(Self(Process::start(|port, directory| {
            let mut server = Command::new(&program);
            server.args(["serve", "s3", "--config", "/dev/null"]);
            server.args(["--addr", &format!("127.0.0.1:{port}")]);
            server.args(["--auth-key", &format!("{},{}", Self::KEY, Self::SECRET)]);
            server.arg(directory);
            server
        })))
    }

    /// Its address.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.port())
    }

    /// Makes a bucket.
    pub fn create_bucket(&self, name: &str) {
        fs::create_dir(self.0.directory().join(name)).expect("a bucket is a directory");
    }
}
