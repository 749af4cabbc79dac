//! The connection to a service, and one request on it.

use opendal::{HttpTransporter, Operator, services};
use reqwest::redirect::Policy;

use super::failure::Failure;
use super::pacing::{CALLS_MAX, Pace};
use super::progress::SILENCE_MAX;
use super::settings::{AzureCredential, AzureSettings, GoogleSettings, S3Settings};
use super::transport::{Answers, Digests, Line, Transport};
use super::{ObjectSettings, Service};
use crate::{Bandwidth, StoreErrorKind};

/// What all requests share.
#[derive(Debug)]
pub(super) struct Connection {
    operator: Operator,
    pub(super) line: Line,
    puts: Puts,
}

/// How a service takes an object where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Puts {
    /// In parts where it is long; the client adds the condition.
    InParts,
    /// In one piece. The client would open an upload first, which takes a request more for each object,
    /// so it is asked for a put without a condition, and the condition is added on the way.
    Whole,
}

/// One request of a caller: one call of the service or, where it takes several, all of them.
pub(super) struct Request {
    pub(super) operator: Operator,
    pub(super) answers: Answers,
    pub(super) puts: Puts,
}

impl Connection {
    pub(super) fn new(settings: &ObjectSettings) -> Result<Self, Failure> {
        let prefix = &settings.prefix;
        let (operator, endpoint) = match &settings.service {
            Service::S3(s3) => (operator_of_s3(s3, prefix), s3.endpoint.as_ref()),
            Service::Azure(azure) => (operator_of_azure(azure, prefix), azure.endpoint.as_ref()),
            Service::Google(google) => {
                (operator_of_google(google, prefix), google.endpoint.as_ref())
            }
        };
        let operator = operator.map_err(|error| Failure::of_settings(&error))?;
        let is_encrypted = endpoint.is_none_or(|endpoint| !endpoint.starts_with("http://"));
        let client = super::transport::client(is_encrypted, Policy::default())
            .map_err(|error| Failure::new(StoreErrorKind::Permanent, error))?;
        let puts = match settings.service {
            Service::Google(_) => Puts::Whole,
            Service::S3(_) | Service::Azure(_) => Puts::InParts,
        };
        let digests = match settings.service {
            Service::S3(_) => Digests::Md5,
            // It would have to be signed, or is not asked for.
            Service::Azure(_) | Service::Google(_) => Digests::None,
        };
        let line = Line {
            client,
            silence_max: SILENCE_MAX,
            bandwidth: Bandwidth::default(),
            pace: Pace::new(CALLS_MAX),
            digests,
        };
        Ok(Self { operator, line, puts })
    }

    /// A request, which has its own memory of what the service answered.
    pub(super) fn request(&self) -> Request {
        let answers = Answers::default();
        let transport = Transport::new(self.line.clone(), answers.clone(), self.puts);
        let context =
            self.operator.base_context().with_http_transport(HttpTransporter::new(transport));
        let operator = self.operator.clone().with_context(context);
        Request { operator, answers, puts: self.puts }
    }
}

fn operator_of_s3(settings: &S3Settings, prefix: &str) -> opendal::Result<Operator> {
    let mut builder = services::S3::default()
        .root(prefix)
        .bucket(&settings.bucket)
        .region(&settings.region)
        .endpoint(settings.endpoint.as_deref().unwrap_or("https://s3.amazonaws.com"));
    if settings.is_virtual_host {
        builder = builder.enable_virtual_host_style();
    }
    if let Some(key) = &settings.credential {
        builder = builder
            .access_key_id(&key.id)
            .secret_access_key(key.secret.expose())
            .disable_config_load()
            .disable_ec2_metadata();
    }
    Operator::new(builder)
}

fn operator_of_azure(settings: &AzureSettings, prefix: &str) -> opendal::Result<Operator> {
    let AzureSettings { container, account, endpoint, credential } = settings;
    let endpoint = endpoint.clone();
    let endpoint = endpoint.unwrap_or_else(|| format!("https://{account}.blob.core.windows.net"));
    let mut builder = services::Azblob::default()
        .root(prefix)
        .container(container)
        .account_name(account)
        .endpoint(&endpoint);
    match credential {
        Some(AzureCredential::AccountKey(key)) => builder = builder.account_key(key.expose()),
        Some(AzureCredential::SharedAccessSignature(signature)) => {
            builder = builder.sas_token(signature.expose());
        }
        None => {}
    }
    Operator::new(builder)
}

fn operator_of_google(settings: &GoogleSettings, prefix: &str) -> opendal::Result<Operator> {
    let mut builder = services::Gcs::default().root(prefix).bucket(&settings.bucket);
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.endpoint(endpoint);
    }
    if settings.is_anonymous {
        builder = builder.skip_signature();
    }
    Operator::new(builder)
}
