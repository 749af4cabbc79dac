//! The parameters of a connection by their names in libpq.
//!
//! Those that are not supported have an effect that somebody may rely on, so they are refused,
//! except with a value that says what is done anyway.
//!
//! Source: <https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-PARAMKEYWORDS>,
//! <https://www.postgresql.org/docs/18/libpq-envars.html>.

use super::environment::Environment;
use super::settings_error::SettingsError;
use std::collections::BTreeMap;

/// A parameter that is known.
struct Known {
    name: &'static str,
    /// The environment variable that gives it, or nothing.
    variable: &'static str,
    /// The only values that are taken; all, where there are none.
    accepted: &'static [&'static str],
}

const fn supported(name: &'static str, variable: &'static str) -> Known {
    Known { name, variable, accepted: &[] }
}

const fn limited(
    name: &'static str,
    variable: &'static str,
    accepted: &'static [&'static str],
) -> Known {
    Known { name, variable, accepted }
}

/// All of them. `password` is in here for the environment and service files.
const KNOWN: [Known; 50] = [
    supported("application_name", "PGAPPNAME"),
    supported("channel_binding", "PGCHANNELBINDING"),
    supported("connect_timeout", "PGCONNECT_TIMEOUT"),
    supported("dbname", "PGDATABASE"),
    supported("fallback_application_name", ""),
    supported("host", "PGHOST"),
    supported("hostaddr", "PGHOSTADDR"),
    supported("keepalives", ""),
    supported("keepalives_count", ""),
    supported("keepalives_idle", ""),
    supported("keepalives_interval", ""),
    supported("options", "PGOPTIONS"),
    supported("passfile", "PGPASSFILE"),
    supported("password", "PGPASSWORD"),
    supported("port", "PGPORT"),
    supported("service", "PGSERVICE"),
    supported("servicefile", "PGSERVICEFILE"),
    supported("sslcert", "PGSSLCERT"),
    supported("sslcrl", "PGSSLCRL"),
    supported("sslkey", "PGSSLKEY"),
    supported("sslmode", "PGSSLMODE"),
    supported("sslnegotiation", "PGSSLNEGOTIATION"),
    supported("sslrootcert", "PGSSLROOTCERT"),
    supported("sslsni", "PGSSLSNI"),
    supported("target_session_attrs", "PGTARGETSESSIONATTRS"),
    supported("tcp_user_timeout", ""),
    supported("user", "PGUSER"),
    // Texts are UTF-8 whatever the environment says, so the variable is not looked at.
    limited("client_encoding", "", &["auto", "UTF8", "utf8", "UTF-8", "utf-8"]),
    limited("gssdelegation", "PGGSSDELEGATION", &["0"]),
    limited("gssencmode", "PGGSSENCMODE", &["disable", "prefer"]),
    limited("gsslib", "PGGSSLIB", &["gssapi"]),
    limited("krbsrvname", "PGKRBSRVNAME", &["postgres"]),
    limited("load_balance_hosts", "PGLOADBALANCEHOSTS", &["disable"]),
    limited("max_protocol_version", "PGMAXPROTOCOLVERSION", &["3.0", "latest"]),
    limited("min_protocol_version", "PGMINPROTOCOLVERSION", &["3.0"]),
    limited("oauth_client_id", "", &[""]),
    limited("oauth_client_secret", "", &[""]),
    limited("oauth_issuer", "", &[""]),
    limited("oauth_scope", "", &[""]),
    limited("replication", "", &["false", "off", "no", "0"]),
    limited("require_auth", "PGREQUIREAUTH", &[""]),
    limited("requirepeer", "PGREQUIREPEER", &[""]),
    limited("scram_client_key", "", &[""]),
    limited("scram_server_key", "", &[""]),
    limited("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION", &["TLSv1.3"]),
    limited(
        "ssl_min_protocol_version",
        "PGSSLMINPROTOCOLVERSION",
        &["TLSv1", "TLSv1.1", "TLSv1.2"],
    ),
    limited("sslcertmode", "PGSSLCERTMODE", &["allow"]),
    limited("sslcompression", "PGSSLCOMPRESSION", &["0"]),
    limited("sslcrldir", "PGSSLCRLDIR", &[""]),
    limited("sslpassword", "", &[""]),
];

/// Parameters that were given, by name.
#[derive(Default)]
pub(super) struct Parameters(BTreeMap<&'static str, String>);

impl Parameters {
    /// What the environment gives.
    pub(super) fn of_environment(environment: &Environment) -> Result<Self, SettingsError> {
        let mut parameters = Self::default();
        for known in &KNOWN {
            if let Some(value) = environment.variable(known.variable) {
                parameters.insert(known.name, value.to_owned())?;
            }
        }
        Ok(parameters)
    }

    /// A value that is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Adds a value, in place of an earlier one. The name is as `name` gave it.
    pub(super) fn insert(
        &mut self,
        name: &'static str,
        value: String,
    ) -> Result<(), SettingsError> {
        let known = KNOWN.iter().find(|known| known.name == name);
        let accepted = known.map_or(&[][..], |known| known.accepted);
        let is_accepted = accepted.is_empty() || value.is_empty();
        if !is_accepted && !accepted.contains(&value.as_str()) {
            return Err(SettingsError::Unsupported { parameter: name });
        }
        self.0.insert(name, value);
        Ok(())
    }

    /// Adds a value if there is none.
    pub(super) fn insert_missing(
        &mut self,
        name: &'static str,
        value: String,
    ) -> Result<(), SettingsError> {
        if self.0.contains_key(name) { Ok(()) } else { self.insert(name, value) }
    }

    /// Adds what others have and these have not.
    pub(super) fn or(&mut self, others: Self) {
        for (name, value) in others.0 {
            self.0.entry(name).or_insert(value);
        }
    }

    /// Those that an environment variable can give, by its name; no password is among them.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let given = KNOWN.iter().filter(|known| !known.variable.is_empty());
        given
            .filter(|known| known.name != "password")
            .filter_map(|known| Some((known.variable, self.get(known.name)?)))
    }

    /// The text of one of a few values.
    pub(super) fn choice<T: Copy>(
        &self,
        parameter: &'static str,
        choices: &[(&'static str, T)],
    ) -> Result<Option<T>, SettingsError> {
        let Some(value) = self.get(parameter) else { return Ok(None) };
        let choice = choices.iter().find(|(text, _)| *text == value);
        let expected = || choices.iter().map(|(text, _)| *text).collect::<Vec<_>>().join(", ");
        let wrong = || SettingsError::Value { parameter, expected: expected() };
        choice.map(|(_, choice)| Some(*choice)).ok_or_else(wrong)
    }

    /// A whole number.
    pub(super) fn number(&self, parameter: &'static str) -> Result<Option<i32>, SettingsError> {
        let Some(value) = self.get(parameter) else { return Ok(None) };
        let wrong = |_| SettingsError::Value { parameter, expected: "a whole number".to_owned() };
        value.trim().parse().map(Some).map_err(wrong)
    }
}

/// The name of a parameter that may be given in the text of a source: no password.
pub(super) fn name_in_text(name: &str) -> Result<&'static str, SettingsError> {
    match self::name(name)? {
        "password" | "sslpassword" => Err(SettingsError::Password),
        name => Ok(name),
    }
}

/// The name of a parameter.
pub(super) fn name(name: &str) -> Result<&'static str, SettingsError> {
    let known = KNOWN.iter().find(|known| known.name == name);
    known
        .map(|known| known.name)
        .ok_or_else(|| SettingsError::UnknownParameter { name: name.to_owned() })
}
