//! What a test may want otherwise.

/// How a cluster is made.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// Settings for `postgresql.conf`; they win over the usual ones.
    pub settings: Vec<(String, String)>,
    /// The lines of `pg_hba.conf`, for everyone but the role `postgres` on the socket, which is
    /// always let in. Without them everyone is.
    pub hba: Option<String>,
    /// Files in the data directory, readable for the server alone: certificates and their keys.
    pub files: Vec<(String, String)>,
    /// The encoding of databases.
    pub encoding: String,
    /// The locale of databases.
    pub locale: String,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            settings: Vec::new(),
            hba: None,
            files: Vec::new(),
            encoding: "UTF8".to_owned(),
            locale: "C".to_owned(),
        }
    }
}

impl ClusterOptions {
    /// With one more setting.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With these lines of `pg_hba.conf`.
    #[must_use]
    pub fn hba(mut self, lines: &str) -> Self {
        self.hba = Some(lines.to_owned());
        self
    }

    /// With one more file in the data directory.
    #[must_use]
    pub fn file(mut self, name: &str, content: &str) -> Self {
        self.files.push((name.to_owned(), content.to_owned()));
        self
    }
}
