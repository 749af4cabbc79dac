//! As much of a client as the tests need: a server, and requests to it.

use crate::support::{Outcome, Sandbox};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command};
use std::time::Duration;

pub(super) const TOKEN: &str = "a-token-of-24-characters";

/// A server that runs; killed when it is dropped.
pub(super) struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// Where it listens, as `HOST:PORT`.
    pub(super) host: String,
    pub(super) scheme: String,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// In lower case, with their values.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Server {
    /// Starts one, and waits until it listens.
    pub(super) fn start(sandbox: &Sandbox) -> Self {
        Self::run(sandbox.command(["serve", "--listen", "127.0.0.1:0", "--json"]))
    }

    pub(super) fn run(mut command: Command) -> Self {
        let mut child = command.env("ICECORE_TOKEN", TOKEN).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let _ = stdout.read_line(&mut line).unwrap();
        let message: Value = serde_json::from_str(&line).expect("it listens");
        let (scheme, host) = message["address"].as_str().unwrap().split_once("://").unwrap();
        let (scheme, host) = (scheme.to_owned(), host.to_owned());
        Self { child, stdout, host, scheme }
    }

    pub(super) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.host)
    }

    /// Asks with the token.
    pub(super) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    /// Asks for JSON.
    #[track_caller]
    pub(super) fn get_json(&self, path: &str) -> Value {
        self.get(path).expect(200).json()
    }

    /// Sends JSON with the token.
    pub(super) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[("Content-Type", "application/json")], &body.to_string())
    }

    /// Sends a request with the token.
    pub(super) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let token = format!("Bearer {TOKEN}");
        let mut all = vec![("Authorization", token.as_str()), ("Host", &self.host)];
        all.extend(headers);
        self.send_with(method, path, &all, body)
    }

    /// Sends a request with these headers and no other but what HTTP needs.
    pub(super) fn send_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let connection = TcpStream::connect(&self.host).unwrap();
        exchange(connection, method, path, headers, body)
    }

    /// Starts a job, and waits for its end.
    #[track_caller]
    pub(super) fn run_job(&self, operation: &str, body: &Value) -> Value {
        let answer = self.post(&format!("/v1/jobs/{operation}"), body).expect(202);
        self.wait(answer.header("location").unwrap())
    }

    /// Waits for the end of a job: what it says as it ends.
    #[track_caller]
    pub(super) fn wait(&self, path: &str) -> Value {
        let events = self.get(&format!("{path}/events")).expect(200);
        let (_, ended) = events.body.rsplit_once("event: ended\ndata: ").expect("it ended");
        serde_json::from_str(ended.trim_end()).unwrap()
    }

    pub(super) fn signal(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Whether it ended by itself within a moment.
    pub(super) fn is_running(&mut self) -> bool {
        std::thread::sleep(Duration::from_millis(200));
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end.
    pub(super) fn outcome(mut self) -> Outcome {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let _ = self.stdout.read_to_string(&mut stdout).unwrap();
        let _ = self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        Outcome { code: self.child.wait().unwrap().code().unwrap_or(-1), stdout, stderr }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Answer {
    #[track_caller]
    pub(super) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The code of an error, which has to be one as RFC 9457 has it.
    #[track_caller]
    pub(super) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:#?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        let code = problem["code"].as_str().unwrap();
        assert_eq!(problem["type"], format!("urn:icecore:problem:{code}"));
        code.to_owned()
    }
}

/// Sends a request, and reads the answer to its end.
pub(super) fn exchange(
    mut connection: impl Read + Write,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let headers: String =
        headers.iter().map(|(name, value)| [*name, ": ", value, "\r\n"].concat()).collect();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\n{headers}Content-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    );
    // What is refused early may not be read to its end.
    drop(connection.write_all(request.as_bytes()));
    let mut answer = Vec::new();
    // Nor need the end be told.
    drop(connection.read_to_end(&mut answer));
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("it answers");
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_lowercase(), value.to_owned())
    };
    let headers: Vec<_> = lines.map(header).collect();
    let is_chunked = headers.iter().any(|(name, _)| name == "transfer-encoding");
    let body = if is_chunked { chunks(body) } else { body.to_owned() };
    Answer { status, headers, body }
}

/// A body that comes in chunks, whose end has to be there.
fn chunks(mut text: &str) -> String {
    let mut body = String::new();
    loop {
        let (length, rest) = text.split_once("\r\n").expect("a chunk has a length");
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return body;
        }
        body.push_str(&rest[..length]);
        text = &rest[length + 2..];
    }
}
