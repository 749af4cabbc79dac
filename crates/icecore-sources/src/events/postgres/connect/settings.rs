//! How a database is connected to.
//!
//! What the text says wins over the service, the service over the environment, and that over what
//! is usual.

use super::environment::Environment;
use super::parameters::Parameters;
use super::password::{self, LookedIn};
use super::programs::Programs;
use super::servers::{Server, servers};
use super::service;
use super::settings_error::SettingsError;
use super::tls::TlsSettings;
use super::{keywords, name, url};
use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres::config::ChannelBinding;

/// What the server is told that the program is called.
const APPLICATION_NAME: &str = "icecore";

/// Schemes of URLs, with what separates them from the rest, and of keywords.
const URL_SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
const KEYWORD_SCHEMES: [&str; 2] = ["postgres:", "postgresql:"];

/// How a database is connected to.
#[derive(Clone, Debug)]
pub struct ConnectionSettings {
    pub(super) servers: Vec<Server>,
    pub(super) database: String,
    pub(super) user: String,
    pub(super) looked_in: LookedIn,
    pub(super) tls: TlsSettings,
    pub(super) channel_binding: ChannelBinding,
    pub(super) session: WantedSession,
    /// For each address that is tried; `None` is forever.
    pub(super) timeout: Option<Duration>,
    pub(super) application_name: String,
    pub(super) options: Option<String>,
    pub(super) keepalives: Keepalives,
    /// What PostgreSQL's own programs are told.
    pub(super) programs: Programs,
}

/// What a session must be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WantedSession {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

/// How a connection that became silent is noticed. What is not given is the system's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keepalives {
    pub(super) is_on: bool,
    pub(super) idle: Option<Duration>,
    pub(super) interval: Option<Duration>,
    pub(super) count: Option<u32>,
    pub(super) user_timeout: Option<Duration>,
}

impl ConnectionSettings {
    /// Reads the text of a source, and the service and password files that go with it.
    ///
    /// The text is a URL (`postgres://` or `postgresql://`), or keywords and values after
    /// `postgres:`. It must not have a password in it.
    pub fn parse(text: &str, environment: &Environment) -> Result<Self, SettingsError> {
        let mut parameters = explicit(text)?;
        let variables = Parameters::of_environment(environment)?;
        let from_service = add_service(&mut parameters, &variables, environment)?;
        let password_is_services = parameters.get("password").is_some();
        parameters.or(variables);

        let user = parameters.get("user").map(str::to_owned).or_else(|| environment.user.clone());
        let user = user.filter(|user| !user.is_empty()).ok_or(SettingsError::NoUser)?;
        let database = parameters.get("dbname").unwrap_or(&user).to_owned();
        if URL_SCHEMES.iter().any(|scheme| database.starts_with(scheme)) {
            let expected = "the name of a database, and not a URL".to_owned();
            return Err(SettingsError::Value { parameter: "dbname", expected });
        }
        let mut servers = servers(&parameters)?;
        let looked_in = password::give(
            &mut servers,
            &parameters,
            from_service.as_deref().filter(|_| password_is_services),
            [&database, &user],
            environment,
        )?;
        Ok(Self {
            servers,
            looked_in,
            tls: TlsSettings::of(&parameters, environment)?,
            channel_binding: channel_binding(&parameters)?,
            session: session(&parameters)?,
            timeout: seconds(&parameters, "connect_timeout")?,
            application_name: application_name(&parameters),
            options: parameters.get("options").map(str::to_owned),
            keepalives: keepalives(&parameters)?,
            programs: Programs::of(&parameters, environment),
            database,
            user,
        })
    }

    /// The name of the source: hosts, ports and database, such as `postgres://db.example/shop`.
    /// No role and no password are in it, and it stays the same, so it identifies the source.
    pub fn name(&self) -> String {
        name::name(&self.servers, &self.database)
    }
}

fn explicit(text: &str) -> Result<Parameters, SettingsError> {
    if let Some(rest) = URL_SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme)) {
        return url::parse(rest);
    }
    let rest = KEYWORD_SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme));
    keywords::parse(rest.ok_or(SettingsError::Scheme)?)
}

/// Adds what the service says, if one is named; the file that said it.
fn add_service(
    parameters: &mut Parameters,
    variables: &Parameters,
    environment: &Environment,
) -> Result<Option<PathBuf>, SettingsError> {
    let given = |name| parameters.get(name).or(variables.get(name));
    let Some(service) = given("service") else { return Ok(None) };
    let service = service::find(service, given("servicefile"), environment)?;
    parameters.or(service.parameters);
    Ok(Some(service.path))
}

fn application_name(parameters: &Parameters) -> String {
    let name = parameters.get("application_name");
    let name = name.or(parameters.get("fallback_application_name"));
    name.unwrap_or(APPLICATION_NAME).to_owned()
}

fn channel_binding(parameters: &Parameters) -> Result<ChannelBinding, SettingsError> {
    let choices = [
        ("disable", ChannelBinding::Disable),
        ("prefer", ChannelBinding::Prefer),
        ("require", ChannelBinding::Require),
    ];
    let choice = parameters.choice("channel_binding", &choices)?;
    Ok(choice.unwrap_or(ChannelBinding::Prefer))
}

fn session(parameters: &Parameters) -> Result<WantedSession, SettingsError> {
    let choices = [
        ("any", WantedSession::Any),
        ("read-write", WantedSession::ReadWrite),
        ("read-only", WantedSession::ReadOnly),
        ("primary", WantedSession::Primary),
        ("standby", WantedSession::Standby),
        ("prefer-standby", WantedSession::PreferStandby),
    ];
    let choice = parameters.choice("target_session_attrs", &choices)?;
    Ok(choice.unwrap_or(WantedSession::Any))
}

fn keepalives(parameters: &Parameters) -> Result<Keepalives, SettingsError> {
    let count = positive(parameters, "keepalives_count")?;
    let user_timeout = positive(parameters, "tcp_user_timeout")?;
    Ok(Keepalives {
        is_on: parameters.number("keepalives")?.is_none_or(|number| number != 0),
        idle: seconds(parameters, "keepalives_idle")?,
        interval: seconds(parameters, "keepalives_interval")?,
        count,
        user_timeout: user_timeout.map(|number| Duration::from_millis(number.into())),
    })
}

/// A number of seconds, if it is one that means something.
fn seconds(parameters: &Parameters, name: &'static str) -> Result<Option<Duration>, SettingsError> {
    Ok(positive(parameters, name)?.map(|number| Duration::from_secs(number.into())))
}

/// A number, unless it is one that means what is usual.
fn positive(parameters: &Parameters, name: &'static str) -> Result<Option<u32>, SettingsError> {
    let number = parameters.number(name)?;
    Ok(number.and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0))
}
