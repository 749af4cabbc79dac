//! What encryption needs of files: root certificates, the client's own certificate and its key.

use super::verifier::{Trust, Verifier};
use super::{File, Roots, TlsFileError, TlsMode, TlsSettings};
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_postgres_rustls::MakeRustlsConnect;

/// What TLS calls the protocol: <https://www.iana.org/assignments/tls-extensiontype-values/>.
const PROTOCOL: &[u8] = b"postgresql";

/// Permissions that the key of another owner than root must not have, and of root: a group may
/// read root's.
const OTHERS: u32 = 0o077;
const OTHERS_OF_ROOT: u32 = 0o037;

/// The permissions of a file.
const PERMISSIONS: u32 = 0o7777;

/// A certificate chain and its key.
type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// What encrypts connections as settings say.
pub(in super::super) fn connector(
    settings: &TlsSettings,
) -> Result<MakeRustlsConnect, TlsFileError> {
    let provider = Arc::new(ring::default_provider());
    let trust = trust(settings, &provider)?;
    let verifier = Arc::new(Verifier { provider: Arc::clone(&provider), trust });
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable("cryptography", error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity(settings)? {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| unusable("client certificate", error))?,
    };
    config.enable_sni = settings.sends_name;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(MakeRustlsConnect::new(config))
}

fn trust(settings: &TlsSettings, provider: &Arc<CryptoProvider>) -> Result<Trust, TlsFileError> {
    if settings.mode < TlsMode::Require {
        return Ok(Trust::Anyone);
    }
    let roots = match &settings.roots {
        Roots::System => system_roots()?,
        Roots::File(file) => match file.path() {
            Some(path) => certificates("root certificates", path)?,
            // Nothing to check against is all that this mode needs.
            None if settings.mode == TlsMode::Require => return Ok(Trust::Anyone),
            None => return Err(TlsFileError::NoRoots { mode: settings.mode.text() }),
        },
    };
    let mut store = RootCertStore::empty();
    for root in &roots {
        let added = store.add(root.clone());
        // The system may have some that cannot be used.
        if let (Err(error), Roots::File(_)) = (added, &settings.roots) {
            return Err(unusable("root certificates", error));
        }
    }
    let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider))
        .with_crls(revoked(&settings.revoked)?)
        .build()
        .map_err(|error| unusable("root certificates", error))?;
    let is_name_checked = settings.mode == TlsMode::VerifyFull;
    Ok(Trust::Roots { chain, roots, is_name_checked })
}

fn system_roots() -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    // What could not be read of them is missing, and a server that needs it is not trusted.
    let roots = rustls_native_certs::load_native_certs().certs;
    if roots.is_empty() { Err(TlsFileError::NoSystemRoots) } else { Ok(roots) }
}

fn revoked(file: &File) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsFileError> {
    let Some(path) = file.path() else { return Ok(Vec::new()) };
    let lists = CertificateRevocationListDer::pem_file_iter(path).and_then(Iterator::collect);
    lists.map_err(|error| unreadable("certificate revocation lists", path, error))
}

fn identity(settings: &TlsSettings) -> Result<Option<Identity>, TlsFileError> {
    let Some(certificate) = settings.certificate.path() else { return Ok(None) };
    let chain = certificates("client certificate", certificate)?;
    let key = settings.key.path();
    let key = key.ok_or_else(|| TlsFileError::NoKey { certificate: certificate.clone() })?;
    require_private(key)?;
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("private key", key, error))?;
    Ok(Some((chain, private)))
}

fn certificates(
    what: &'static str,
    path: &PathBuf,
) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|error| unreadable(what, path, error))?;
    if found.is_empty() {
        return Err(unreadable(what, path, "there is no certificate in it"));
    }
    Ok(found)
}

fn require_private(path: &Path) -> Result<(), TlsFileError> {
    let metadata = fs::metadata(path).map_err(|error| unreadable("private key", path, error))?;
    let forbidden = if metadata.uid() == 0 { OTHERS_OF_ROOT } else { OTHERS };
    let mode = metadata.mode() & PERMISSIONS;
    if mode & forbidden == 0 {
        return Ok(());
    }
    Err(TlsFileError::KeyMode { path: path.to_owned(), mode })
}

fn unreadable(
    what: &'static str,
    path: &Path,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> TlsFileError {
    TlsFileError::Read { what, path: path.to_owned(), source: source.into() }
}

fn unusable(
    what: &'static str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> TlsFileError {
    TlsFileError::Unusable { what, source: source.into() }
}
