//! Why a server did not start.

use super::token::TOKEN_BYTES_MIN;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A server that did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error("there is no token")]
    NoToken,
    #[error("cannot read the token file {}", path.display())]
    TokenFile { path: PathBuf, source: std::io::Error },
    #[error("the token is shorter than {TOKEN_BYTES_MIN} bytes")]
    ShortToken,
    #[error("the token cannot be sent in a header: {0}")]
    BadToken(&'static str),
    #[error("{0} is no loopback address, and there is no TLS")]
    Open(SocketAddr),
    #[error("cannot read the certificates in {}", path.display())]
    Certificate { path: PathBuf, source: rustls::pki_types::pem::Error },
    #[error("there is no certificate in {}", path.display())]
    NoCertificate { path: PathBuf },
    #[error("cannot read the private key in {}", path.display())]
    Key { path: PathBuf, source: rustls::pki_types::pem::Error },
    #[error("cannot speak TLS with this certificate and key")]
    Tls(#[source] rustls::Error),
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: std::io::Error },
}
