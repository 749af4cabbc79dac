//! Real servers of object storage for tests, on ports of the loopback address that are free, a proxy
//! that makes the network before a server as bad as a test wants it, hosts and disks that can be cut off and
//! filled, and what puts our own server to the test.
//!
//! A server is gone when it is dropped, also when its test panics, and also when the process of the
//! test is killed: a keeper outside of it then ends the server.
//!
//! A server that is not installed is no failure of a test: `start` says so and gives none, and the
//! test ends. Where `CI` is set it is one, unless the script noted that it could not install what is
//! missing. `scripts/install-test-servers` installs them.

mod azure;
mod disk;
mod google;
mod hosts;
mod http;
mod installed;
mod port;
mod process;
mod proxy;
mod s3;
mod schemathesis;
mod ssh;
mod webdav;

pub use azure::AzureServer;
pub use disk::SmallDisk;
pub use google::GoogleServer;
pub use hosts::Hosts;
pub use proxy::{Ending, Proxy, Trap, Way};
pub use s3::{CarelessS3Server, S3Server};
pub use schemathesis::schemathesis;
pub use ssh::SshServer;
pub use webdav::{RcloneWebDavServer, WebDavServer};
