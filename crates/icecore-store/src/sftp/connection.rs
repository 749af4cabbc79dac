//! A connection: `ssh`, which runs as long as it is held, and what speaks through it.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use openssh_sftp_client::{Sftp, SftpOptions};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, Command};

use super::SftpSettings;
use super::failure::Failure;
use crate::StoreErrorKind;

/// What `ssh` is to do, beside what its configuration says: ask nobody, and tell a dead connection
/// from a slow one within a minute.
const OPTIONS: [&str; 5] = [
    "BatchMode=yes",
    "ConnectTimeout=30",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=4",
    "StrictHostKeyChecking=yes",
];

/// How much of what `ssh` says is kept.
const SAID_BYTES_MAX: usize = 2 << 10;

/// A connection to a server.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) sftp: Sftp,
    /// Ends when this is dropped.
    _ssh: Child,
}

impl Connection {
    /// Connects.
    pub(super) async fn make(settings: &SftpSettings) -> Result<Self, Failure> {
        let mut ssh = command(settings).spawn().map_err(|error| {
            let reason = format!("the program `ssh` cannot be started: {error}");
            Failure::new(StoreErrorKind::Permanent, reason)
        })?;
        let said = Arc::new(Mutex::new(String::new()));
        let (stdin, stdout) = (ssh.stdin.take(), ssh.stdout.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, ssh.stderr.take()) else {
            return Err(Failure::new(StoreErrorKind::Permanent, "`ssh` has no pipes"));
        };
        let listening = tokio::spawn(listen(stderr, said.clone()));
        match Sftp::new(stdin, stdout, SftpOptions::default()).await {
            Ok(sftp) => Ok(Self { sftp, _ssh: ssh }),
            Err(error) => {
                // It says why, then ends.
                drop(ssh.wait().await);
                drop(listening.await);
                let said = said.lock().unwrap_or_else(PoisonError::into_inner).trim().to_owned();
                Err(Failure::of_connecting(&said, error))
            }
        }
    }
}

fn command(settings: &SftpSettings) -> Command {
    let mut command = Command::new("ssh");
    if let Some(file) = &settings.configuration {
        command.arg("-F").arg(file);
    }
    for option in OPTIONS {
        command.args(["-o", option]);
    }
    if let Some(port) = settings.port {
        command.args(["-p", &port.to_string()]);
    }
    if let Some(user) = &settings.user {
        command.args(["-l", user]);
    }
    command.args(["-s", "--", &settings.host, "sftp"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    command
}

/// Keeps the beginning of what `ssh` says, and reads on so that it never waits.
async fn listen(mut stderr: ChildStderr, said: Arc<Mutex<String>>) {
    let mut buffer = [0; 1024];
    while let Ok(bytes @ 1..) = stderr.read(&mut buffer).await {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() < SAID_BYTES_MAX {
            said.push_str(&String::from_utf8_lossy(&buffer[..bytes]));
        }
    }
}
