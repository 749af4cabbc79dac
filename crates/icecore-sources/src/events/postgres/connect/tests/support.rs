//! What the tests share: environments and homes.

use crate::events::postgres::connect::{
    ConnectError, ConnectionSettings, Environment, SettingsError, connect,
};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio_postgres::Client;

/// A secret that must not show up anywhere.
pub(super) const SECRET: &str = "hunter2-is-secret";

/// An environment with these variables, of the user `alice`, who has no home.
pub(super) fn environment(variables: &[(&str, &str)]) -> Environment {
    let pairs = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Environment { variables: pairs.collect(), home: None, user: Some("alice".to_owned()) }
}

/// The settings of a text where nothing else is known.
pub(super) fn parse(text: &str) -> Result<ConnectionSettings, SettingsError> {
    ConnectionSettings::parse(text, &environment(&[]))
}

/// A home directory with files in it.
pub(super) struct Home(TempDir);

impl Home {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes a file; its path.
    pub(super) fn file(&self, name: &str, mode: u32, content: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// An environment with this home.
    pub(super) fn environment(&self, variables: &[(&str, &str)]) -> Environment {
        Environment { home: Some(self.path().to_owned()), ..environment(variables) }
    }
}

/// Connects as a text says.
pub(super) async fn open(text: &str, environment: &Environment) -> Result<Client, ConnectError> {
    connect(&ConnectionSettings::parse(text, environment).unwrap()).await
}

/// What a query gives, as one text.
pub(super) async fn ask(client: &Client, query: &str) -> String {
    client.query_one(query, &[]).await.unwrap().get(0)
}

/// All messages of an error, from the outermost.
pub(super) fn messages(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}
