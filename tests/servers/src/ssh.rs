//! An SSH server that has SFTP and nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::installed;
use crate::process::Process;

/// A server that lets in whoever runs the test, with a key that is made for it.
#[derive(Debug)]
pub struct SshServer(Process);

impl SshServer {
    /// What the server is called in [`configuration`](Self::configuration).
    pub const HOST: &str = "test-server";

    /// Starts one; `None` where it is not installed.
    pub fn start() -> Option<Self> {
        let program = installed::find_program("/usr/sbin/sshd")?;
        installed::find_program("/usr/bin/ssh")?;
        Some(Self(Process::start_with(
            |port, directory| {
                prepare(port, directory);
                let mut server = Command::new(&program);
                server.args(["-D", "-e", "-f"]).arg(directory.join("sshd_config"));
                server
            },
            |port| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok(),
        )))
    }

    /// A configuration for `ssh` that knows the server and has the key.
    pub fn configuration(&self) -> PathBuf {
        self.0.directory().join("ssh_config")
    }

    /// A configuration for `ssh` that takes the server for another.
    pub fn configuration_of_strangers(&self) -> PathBuf {
        self.0.directory().join("stranger_config")
    }

    /// A directory of the server that is there for files.
    pub fn files(&self) -> PathBuf {
        self.0.directory().join("files")
    }
}

/// Makes keys and configurations.
fn prepare(port: u16, directory: &Path) {
    let at = |name: &str| directory.join(name).display().to_string();
    fs::create_dir(directory.join("files")).expect("a directory can be made");
    // Where the server runs as root it wants this one, which is empty.
    drop(fs::create_dir_all("/run/sshd"));
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).expect("it is ours");
    for key in ["host_key", "user_key", "other_key"] {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f", &at(key)])
            .stdin(Stdio::null())
            .status();
        assert!(made.expect("ssh-keygen is there").success(), "{key}");
    }
    let public =
        |key: &str| fs::read_to_string(directory.join(format!("{key}.pub"))).expect("it was made");
    write(directory, "authorized_keys", &public("user_key"));
    write(directory, "known_hosts", &format!("[127.0.0.1]:{port} {}", public("host_key")));
    write(directory, "other_hosts", &format!("[127.0.0.1]:{port} {}", public("other_key")));
    let server = format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
         PasswordAuthentication no\nUsePAM no\nStrictModes no\nPermitRootLogin yes\n\
         MaxStartups 100\nSubsystem sftp internal-sftp\n",
        at("host_key"),
        at("authorized_keys"),
    );
    write(directory, "sshd_config", &server);
    for (name, hosts) in [("ssh_config", "known_hosts"), ("stranger_config", "other_hosts")] {
        let client = format!(
            "Host {}\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {}\n  IdentitiesOnly yes\n  \
             UserKnownHostsFile {}\n  GlobalKnownHostsFile /dev/null\n",
            SshServer::HOST,
            at("user_key"),
            at(hosts),
        );
        write(directory, name, &client);
    }
}

fn write(directory: &Path, name: &str, text: &str) {
    fs::write(directory.join(name), text).expect("there is room");
}
