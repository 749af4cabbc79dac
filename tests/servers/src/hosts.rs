//! Several hosts and a server, each with a network of its own, on one machine.
//!
//! A host is a namespace with a line to that of the server. They are gone when the value is dropped;
//! those of a test that was killed are removed by the next one.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::installed;

/// The program that makes namespaces.
const PROGRAM: &str = "/usr/sbin/ip";

/// What the names of all namespaces of tests begin with; the process of the test follows.
const NAME: &str = "icecore-test-";

/// Hosts, numbered from one, and their server.
#[derive(Debug)]
pub struct Hosts {
    name: String,
    count: u8,
}

impl Hosts {
    /// Makes so many. `None`, after saying so, where that needs rights or programs that are not there.
    pub fn start(count: u8) -> Option<Self> {
        installed::find_program(PROGRAM)?;
        if !rustix::process::geteuid().is_root() {
            installed::skip("only root can make networks");
            return None;
        }
        remove_left_over();
        let hosts = Self { name: format!("{NAME}{}", std::process::id()), count };
        if let Err(reason) = hosts.make() {
            installed::missing(&format!("there are no network namespaces: {reason}"));
            return None;
        }
        Some(hosts)
    }

    fn make(&self) -> Result<(), String> {
        let server = self.server();
        ip(&["netns", "add", &server])?;
        ip(&["-n", &server, "link", "set", "lo", "up"])?;
        for host in 1..=self.count {
            let (namespace, line) = (self.host(host), line(host));
            ip(&["netns", "add", &namespace])?;
            ip(&[
                "-n", &server, "link", "add", &line, "type", "veth", "peer", "name", "line",
                "netns", &namespace,
            ])?;
            let (near, far) = (format!("10.213.{host}.2/30"), format!("10.213.{host}.1/30"));
            ip(&["-n", &namespace, "address", "add", &near, "dev", "line"])?;
            ip(&["-n", &server, "address", "add", &far, "dev", &line])?;
            ip(&["-n", &namespace, "link", "set", "line", "up"])?;
            ip(&["-n", &server, "link", "set", &line, "up"])?;
        }
        Ok(())
    }

    /// The namespace of a host.
    pub fn host(&self, host: u8) -> String {
        format!("{}-{host}", self.name)
    }

    /// The namespace of the server.
    pub fn server(&self) -> String {
        format!("{}-server", self.name)
    }

    /// Where a host finds the server.
    pub fn address(&self, host: u8) -> String {
        format!("10.213.{host}.1")
    }

    /// The program and the arguments before those of another program, which then runs in a namespace.
    pub fn runner(namespace: &str) -> [&str; 4] {
        [PROGRAM, "netns", "exec", namespace]
    }

    /// Lets nothing through to a host or from it. Nobody is told: what is sent is lost.
    pub fn cut(&self, host: u8) {
        self.set_line(host, "down");
    }

    /// Ends that.
    pub fn mend(&self, host: u8) {
        self.set_line(host, "up");
    }

    /// How many bytes a host has sent.
    pub fn bytes_sent(&self, host: u8) -> u64 {
        let file = "/sys/class/net/line/statistics/tx_bytes";
        let text = run(&[&Self::runner(&self.host(host))[..], &["cat", file]].concat());
        text.expect("the host is there").trim().parse().expect("a number")
    }

    fn set_line(&self, host: u8, state: &str) {
        // At the server's end: the host's then seems to lead somewhere.
        ip(&["-n", &self.server(), "link", "set", &line(host), state]).expect("the line is there");
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for host in 1..=self.count {
            drop(ip(&["netns", "delete", &self.host(host)]));
        }
        drop(ip(&["netns", "delete", &self.server()]));
    }
}

fn line(host: u8) -> String {
    format!("line-{host}")
}

/// Removes what tests left that were killed.
fn remove_left_over() {
    let Ok(namespaces) = fs::read_dir("/run/netns") else { return };
    for namespace in namespaces.filter_map(Result::ok) {
        let name = namespace.file_name().to_string_lossy().into_owned();
        let process = name.strip_prefix(NAME).and_then(|rest| rest.split('-').next());
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            drop(ip(&["netns", "delete", &name]));
        }
    }
}

fn ip(arguments: &[&str]) -> Result<String, String> {
    run(&[&[PROGRAM], arguments].concat())
}

/// Runs a program; what it printed, or what it said is wrong.
pub(crate) fn run(command: &[&str]) -> Result<String, String> {
    let (program, arguments) = command.split_first().expect("there is a program");
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}
