//! Which place of which service is meant, and who asks.
//!
//! What is secret never shows: it has no text, and its `Debug` says only that it is there.

use std::fmt;

/// A place in object storage.
#[derive(Clone, Debug)]
pub struct ObjectSettings {
    /// The service, and its bucket or container.
    pub service: Service,
    /// What all keys begin with: empty, or segments joined by `/`.
    pub prefix: String,
}

/// A service, with its bucket or container.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Service {
    /// Amazon S3, or a server that speaks like it.
    S3(S3Settings),
    /// Azure Blob Storage.
    Azure(AzureSettings),
    /// Google Cloud Storage.
    Google(GoogleSettings),
}

/// A bucket of S3.
#[derive(Clone, Debug, Default)]
pub struct S3Settings {
    /// The bucket.
    pub bucket: String,
    /// The server, such as `https://s3.example`; Amazon's where there is none.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
    /// Whether the bucket is part of the host's name instead of the path.
    pub is_virtual_host: bool,
    /// Who asks; found as Amazon's own programs do where there is none.
    pub credential: Option<AccessKey>,
}

/// Who asks S3.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// The key's name.
    pub id: String,
    /// The key.
    pub secret: Secret,
}

/// A container of Azure Blob Storage.
#[derive(Clone, Debug)]
pub struct AzureSettings {
    /// The container.
    pub container: String,
    /// The storage account.
    pub account: String,
    /// The server; that of the account where there is none.
    pub endpoint: Option<String>,
    /// Who asks; found as Azure's own libraries do where there is none.
    pub credential: Option<AzureCredential>,
}

/// Who asks Azure Blob Storage.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AzureCredential {
    /// The account's key.
    AccountKey(Secret),
    /// A shared access signature.
    SharedAccessSignature(Secret),
}

/// A bucket of Google Cloud Storage.
#[derive(Clone, Debug, Default)]
pub struct GoogleSettings {
    /// The bucket.
    pub bucket: String,
    /// The server; Google's where there is none.
    pub endpoint: Option<String>,
    /// Whether requests are signed with nothing, as an emulator takes them.
    pub is_anonymous: bool,
}

/// A text that is not shown.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

impl ObjectSettings {
    /// A short name of the place for messages, without credentials.
    pub fn place(&self) -> String {
        let (scheme, bucket) = match &self.service {
            Service::S3(s3) => ("s3", &s3.bucket),
            Service::Azure(azure) => ("azblob", &azure.container),
            Service::Google(google) => ("gs", &google.bucket),
        };
        match self.prefix.as_str() {
            "" => format!("{scheme}://{bucket}"),
            prefix => format!("{scheme}://{bucket}/{prefix}"),
        }
    }
}
