//! Encryption of connections: rustls with ring, and the certificates that this system trusts.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

/// Connections cannot be encrypted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// Nobody could be believed.
    #[error("this system has no certificates of authorities that it trusts")]
    NoRoots,
    /// The library does not take what it was given.
    #[error("encryption cannot be set up")]
    Unusable(#[from] rustls::Error),
}

/// What connections are encrypted with. `SSL_CERT_FILE` says other certificates than the system's.
pub(super) fn configuration() -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    // What could not be read of them is missing, and a server that needs it is not trusted.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TlsError::NoRoots) } else { trusting(roots) }
}

/// What connections are encrypted with where none is to be: nobody is believed.
pub(super) fn nobody() -> Result<ClientConfig, TlsError> {
    trusting(RootCertStore::empty())
}

fn trusting(roots: RootCertStore) -> Result<ClientConfig, TlsError> {
    let configuration = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(configuration)
}
