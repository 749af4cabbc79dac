//! Where the server listens, and how it speaks there.

use super::error::ServeError;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// An address to listen on.
pub(crate) struct Offer {
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
}

/// An address that is listened on.
pub(crate) struct Listening {
    pub(super) listener: TcpListener,
    pub(super) tls: Option<TlsAcceptor>,
    address: SocketAddr,
    url: String,
}

impl Offer {
    /// To listen on `address`, with the certificates and the key in these files. Without them, only
    /// this machine may be listened to.
    pub(crate) fn new(
        address: SocketAddr,
        tls: Option<(&Path, &Path)>,
    ) -> Result<Self, ServeError> {
        if tls.is_none() && !address.ip().is_loopback() {
            return Err(ServeError::Open(address));
        }
        let tls = tls.map(|(certificate, key)| acceptor(certificate, key)).transpose()?;
        Ok(Self { address, tls })
    }

    /// Listens.
    pub(crate) async fn listen(self) -> Result<Listening, ServeError> {
        let Self { address, tls } = self;
        let failed = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        Ok(Listening { listener, tls, address, url: format!("{scheme}://{address}") })
    }
}

impl Listening {
    /// What clients call it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn is_loopback(&self) -> bool {
        self.address.ip().is_loopback()
    }
}

fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, ServeError> {
    let path = certificate.to_owned();
    let certificates = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|source| ServeError::Certificate { path: path.clone(), source })?;
    if certificates.is_empty() {
        return Err(ServeError::NoCertificate { path });
    }
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|source| ServeError::Key { path: key.to_owned(), source })?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(ServeError::Tls)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(ServeError::Tls)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config).into())
}
