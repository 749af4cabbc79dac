//! One server after the other, each of its addresses, with and without encryption.

use super::classify::classify;
use super::connect_error::ConnectError;
use super::servers::{Place, Server};
use super::session;
use super::settings::{ConnectionSettings, WantedSession};
use super::tls::{self, TlsMode};
use std::net::IpAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Where one attempt goes.
#[derive(Clone, Copy)]
enum Destination<'a> {
    Socket(&'a Path),
    Address(&'a str, IpAddr),
}

/// A connection.
pub(in crate::events::postgres) struct Connected {
    pub(in crate::events::postgres) client: Client,
    pub(in crate::events::postgres) ending: Ending,
}

/// What ended a connection, if it is over: a server may say why while nothing is asked of it, and
/// then no request is told.
pub(in crate::events::postgres) type Ending = Arc<OnceLock<tokio_postgres::Error>>;

/// Connects to the first server that is there and has the session that is wanted.
///
/// The connection is driven by a task of the runtime, and ends when the client is dropped.
pub async fn connect(settings: &ConnectionSettings) -> Result<Client, ConnectError> {
    Ok(connect_watched(settings).await?.client)
}

/// The same, where what ends it is of interest.
pub(in crate::events::postgres) async fn connect_watched(
    settings: &ConnectionSettings,
) -> Result<Connected, ConnectError> {
    let is_encrypted = settings.tls.mode != TlsMode::Disable
        && settings.servers.iter().any(|server| server.socket().is_none());
    let tls = if is_encrypted { Some(tls::connector(&settings.tls)?) } else { None };
    let passes: &[WantedSession] = match &settings.session {
        WantedSession::PreferStandby => &[WantedSession::Standby, WantedSession::Any],
        wanted => std::slice::from_ref(wanted),
    };
    let mut failures = Vec::new();
    for wanted in passes {
        failures.clear();
        for server in &settings.servers {
            match to_server(settings, server, tls.as_ref(), *wanted).await {
                Ok(connected) => return Ok(connected),
                Err(failure) if failure.leads_on() => failures.push(failure),
                Err(failure) => return Err(failure),
            }
        }
    }
    match (failures.pop(), failures.is_empty()) {
        (Some(only), true) => Err(only),
        (last, _) => {
            failures.extend(last);
            Err(ConnectError::AllFailed { failures })
        }
    }
}

async fn to_server(
    settings: &ConnectionSettings,
    server: &Server,
    tls: Option<&MakeRustlsConnect>,
    wanted: WantedSession,
) -> Result<Connected, ConnectError> {
    let (host, address) = match &server.place {
        Place::Socket(directory) => {
            let destination = Destination::Socket(directory);
            return to_destination(settings, server, destination, None, wanted).await;
        }
        Place::Network { host, address } => (host, *address),
    };
    let addresses = match address {
        Some(address) => vec![address],
        None => within(settings, server, look_up(host, server.port)).await?,
    };
    let mut failure = None;
    for address in addresses {
        let destination = Destination::Address(host, address);
        match to_destination(settings, server, destination, tls, wanted).await {
            Err(error) if error.leads_on() => failure = Some(error),
            result => return result,
        }
    }
    let source = || "name resolution gives no address".into();
    Err(failure
        .unwrap_or_else(|| ConnectError::HostNotFound { host: host.clone(), source: source() }))
}

async fn look_up(host: &str, port: u16) -> Result<Vec<IpAddr>, ConnectError> {
    let found = tokio::net::lookup_host((host, port)).await;
    let found = found.map(|addresses| addresses.map(|address| address.ip()).collect());
    found
        .map_err(|error| ConnectError::HostNotFound { host: host.to_owned(), source: error.into() })
}

async fn to_destination(
    settings: &ConnectionSettings,
    server: &Server,
    destination: Destination<'_>,
    tls: Option<&MakeRustlsConnect>,
    wanted: WantedSession,
) -> Result<Connected, ConnectError> {
    within(settings, server, async {
        let connected = with_encryption(settings, server, destination, tls).await?;
        session::require(&connected.client, wanted, server, settings).await?;
        Ok(connected)
    })
    .await
}

/// Connects with the encryption that the mode wants, or, where it does not mind, with the other.
async fn with_encryption(
    settings: &ConnectionSettings,
    server: &Server,
    destination: Destination<'_>,
    tls: Option<&MakeRustlsConnect>,
) -> Result<Connected, ConnectError> {
    let (first, second) = match (tls, settings.tls.mode) {
        (None, _) | (_, TlsMode::Disable) => (SslMode::Disable, None),
        (_, TlsMode::Allow) => (SslMode::Disable, Some(SslMode::Require)),
        (_, TlsMode::Prefer) => (SslMode::Prefer, Some(SslMode::Disable)),
        (_, TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull) => (SslMode::Require, None),
    };
    let open = async |mode| {
        let config = config(settings, server, destination, mode);
        let opened = open(&config, tls.filter(|_| mode != SslMode::Disable)).await;
        opened.map_err(|error| classify(error, server, settings))
    };
    let failure = match open(first).await {
        Err(failure) if depends_on_encryption(&failure) => failure,
        result => return result,
    };
    match second {
        None => Err(failure),
        Some(second) => match open(second).await {
            // The server did not take the other way either, so the first reason is the reason.
            Err(error) if depends_on_encryption(&error) => Err(failure),
            result => result,
        },
    }
}

/// Whether a connection that is encrypted the other way may be let in. A wrong password is wrong
/// either way, and is not sent twice.
fn depends_on_encryption(failure: &ConnectError) -> bool {
    matches!(
        failure,
        ConnectError::NotAdmitted { .. }
            | ConnectError::NotAuthenticated { .. }
            | ConnectError::ClientCertificate { .. }
            | ConnectError::CertificateUnusable { .. }
            | ConnectError::Tls { .. }
            | ConnectError::TlsNotOffered { .. }
    )
}

async fn open(
    config: &Config,
    tls: Option<&MakeRustlsConnect>,
) -> Result<Connected, tokio_postgres::Error> {
    match tls {
        Some(tls) => driven(config, tls.clone()).await,
        None => driven(config, NoTls).await,
    }
}

/// Connects, and leaves the connection to a task.
async fn driven<T>(config: &Config, tls: T) -> Result<Connected, tokio_postgres::Error>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, connection) = config.connect(tls).await?;
    let ending = Ending::default();
    let ended = Arc::clone(&ending);
    // The task ends with the client. What ends it earlier is known before requests fail of it, which
    // they do when the connection is dropped.
    drop(tokio::spawn(async move {
        let mut connection = pin!(connection);
        if let Err(error) = connection.as_mut().await {
            drop(ended.set(error));
        }
    }));
    Ok(Connected { client, ending })
}

fn config(
    settings: &ConnectionSettings,
    server: &Server,
    destination: Destination<'_>,
    mode: SslMode,
) -> Config {
    let mut config = Config::new();
    match destination {
        Destination::Socket(directory) => config.host_path(directory),
        Destination::Address(host, address) => config.host(host).hostaddr(address),
    };
    config.port(server.port).user(&settings.user).dbname(&settings.database);
    config.application_name(&settings.application_name).channel_binding(settings.channel_binding);
    if let Some(password) = &server.password {
        config.password(password.secret.as_bytes());
    }
    if let Some(options) = &settings.options {
        config.options(options);
    }
    if settings.tls.is_direct && mode == SslMode::Require {
        config.ssl_negotiation(SslNegotiation::Direct);
    }
    let keepalives = settings.keepalives;
    config.ssl_mode(mode).keepalives(keepalives.is_on);
    if let Some(idle) = keepalives.idle {
        config.keepalives_idle(idle);
    }
    if let Some(interval) = keepalives.interval {
        config.keepalives_interval(interval);
    }
    if let Some(count) = keepalives.count {
        config.keepalives_retries(count);
    }
    if let Some(timeout) = keepalives.user_timeout {
        config.tcp_user_timeout(timeout);
    }
    config
}

/// Waits no longer than the settings say.
async fn within<T>(
    settings: &ConnectionSettings,
    server: &Server,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    let Some(timeout) = settings.timeout else { return work.await };
    let timed = tokio::time::timeout(timeout, work).await;
    timed.unwrap_or_else(|_| {
        Err(ConnectError::TimedOut { server: server.to_string(), seconds: timeout.as_secs() })
    })
}
