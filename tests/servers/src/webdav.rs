//! Servers that speak WebDAV: one that keeps to the condition of a move, and one that does not.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::installed;
use crate::process::Process;

/// lighttpd, which lets in one user.
#[derive(Debug)]
pub struct WebDavServer(Process);

impl WebDavServer {
    /// The only user.
    pub const USER: &str = "shop";
    /// Its password.
    pub const PASSWORD: &str = "shop:secret";

    /// Starts one; `None` where it is not installed.
    pub fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// Starts one that takes the condition of a move and ignores it.
    pub fn start_careless() -> Option<Self> {
        Self::start_with("setenv.set-request-header = (\"Overwrite\" => \"T\")\n")
    }

    fn start_with(settings: &str) -> Option<Self> {
        let program = installed::find_program("/usr/sbin/lighttpd")?;
        installed::find_program("/usr/lib/lighttpd/mod_webdav.so")?;
        Some(Self(Process::start(|port, directory| {
            configure(port, directory, settings);
            let mut server = Command::new(&program);
            server.args(["-D", "-f"]).arg(directory.join("lighttpd.conf"));
            server
        })))
    }

    /// Its host and port.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.0.port())
    }
}

fn configure(port: u16, directory: &Path, settings: &str) {
    let at = |name: &str| directory.join(name).display().to_string();
    for name in ["files", "unfinished"] {
        fs::create_dir(directory.join(name)).expect("a directory can be made");
    }
    let users = format!("{}:{}\n", WebDavServer::USER, WebDavServer::PASSWORD);
    fs::write(directory.join("users"), users).expect("there is room");
    let configuration = format!(
        "server.bind = \"127.0.0.1\"\n\
         server.port = {port}\n\
         server.document-root = \"{}\"\n\
         server.upload-dirs = (\"{}\")\n\
         server.modules = (\"mod_setenv\", \"mod_auth\", \"mod_authn_file\", \"mod_webdav\")\n\
         static-file.disable-pathinfo = \"enable\"\n\
         webdav.activate = \"enable\"\n\
         auth.backend = \"plain\"\n\
         auth.backend.plain.userfile = \"{}\"\n\
         auth.require = (\"/\" => (\"method\" => \"basic\", \"realm\" => \"tests\", \
         \"require\" => \"valid-user\"))\n\
         {settings}",
        at("files"),
        at("unfinished"),
        at("users"),
    );
    fs::write(directory.join("lighttpd.conf"), configuration).expect("there is room");
}

/// rclone, which lets in everybody and keeps what was sent of a put that was cut off.
#[derive(Debug)]
pub struct RcloneWebDavServer(Process);

impl RcloneWebDavServer {
    /// Starts one; `None` where it is not installed.
    pub fn start() -> Option<Self> {
        let program = installed::find("python/bin/rclone")?;
        Some(Self(Process::start(|port, directory| {
            let mut server = Command::new(&program);
            server.args(["serve", "webdav", "--config", "/dev/null"]);
            server.args(["--addr", &format!("127.0.0.1:{port}")]);
            server.arg(directory.join("files"));
            fs::create_dir(directory.join("files")).expect("a directory can be made");
            server
        })))
    }

    /// Its host and port.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.0.port())
    }
}
