//! The connection to a server, and one request on it.
//!
//! Answers that lead elsewhere are not followed: what follows a move that was sent elsewhere would be
//! taken for what became of it.

use bytes::Bytes;
use futures::Stream;
use futures::stream::unfold;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::{Method, StatusCode, Version};
use opendal::Buffer;
use reqwest::Url;
use reqwest::redirect::Policy;

use super::failure::Failure;
use super::{WebDavCredential, WebDavSettings};
use crate::bandwidth::Lane;
use crate::object::{Progress, SILENCE_MAX, client, request_body};
use crate::{Bandwidth, Content, Secret, StoreErrorKind};

/// How much of an answer is read that nobody wants, so that its connection can be used again.
const UNWANTED_BYTES_MAX: usize = 64 << 10;

/// What all requests share.
#[derive(Debug)]
pub(super) struct Connection {
    client: reqwest::Client,
    /// The directory of the store; ends in `/`.
    base: Url,
    credential: Option<WebDavCredential>,
    pub(super) bandwidth: Bandwidth,
}

/// An answer that has begun.
pub(super) struct Answer {
    response: reqwest::Response,
    download: Lane,
}

impl Connection {
    pub(super) fn new(settings: &WebDavSettings) -> Result<Self, Failure> {
        let scheme = if settings.is_encrypted { "https" } else { "http" };
        let slash = if settings.path.is_empty() { "" } else { "/" };
        let base = Url::parse(&format!("{scheme}://{}/{}{slash}", settings.host, settings.path))
            .map_err(|error| Failure::new(StoreErrorKind::Permanent, error))?;
        let client = client(settings.is_encrypted, Policy::none())
            .map_err(|error| Failure::new(StoreErrorKind::Permanent, error))?;
        let (credential, bandwidth) = (settings.credential.clone(), Bandwidth::default());
        Ok(Self { client, base, credential, bandwidth })
    }

    /// The path of what is `below` the store's directory, as URLs have it.
    pub(super) fn path(&self, below: &str) -> String {
        format!("{}{below}", self.base.path())
    }

    /// The address of a path of the server.
    pub(super) fn address(&self, path: &str) -> Url {
        let mut address = self.base.clone();
        address.set_path(path);
        address
    }

    /// Sends a request for a path, and waits until an answer begins.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        content: Option<&Content>,
    ) -> Result<Answer, Failure> {
        let progress = Progress::begin(SILENCE_MAX);
        let mut call = self.client.request(method, self.address(path)).headers(headers);
        call = match &self.credential {
            None => call,
            Some(WebDavCredential::User { name, password }) => {
                call.basic_auth(name, Some(password.expose()))
            }
            Some(WebDavCredential::Token(token)) => call.header(AUTHORIZATION, bearer(token)?),
        };
        if let Some(content) = content {
            let buffer = Buffer::from(content.parts().to_vec());
            call = call.body(request_body(buffer, &progress, &self.bandwidth.upload));
        }
        match progress.unless_stalled(call.send()).await {
            Ok(answer) => {
                let response = answer.map_err(Failure::unanswered)?;
                Ok(Answer { response, download: self.bandwidth.download.clone() })
            }
            Err(stalled) => Err(Failure::new(StoreErrorKind::Transient, stalled)),
        }
    }

    /// Sends a request of whose answer only the status is of interest.
    pub(super) async fn status(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        content: Option<&Content>,
    ) -> Result<StatusCode, Failure> {
        let mut answer = self.ask(method, path, headers, content).await?;
        let status = answer.status();
        let mut unwanted = 0;
        // The status counts, whatever becomes of the rest.
        while let Ok(Some(bytes)) = answer.next().await
            && unwanted < UNWANTED_BYTES_MAX
        {
            unwanted += bytes.len();
        }
        Ok(status)
    }
}

/// A method that HTTP itself does not have.
pub(super) fn method(name: &'static str) -> Method {
    Method::from_bytes(name.as_bytes()).expect("it consists of letters")
}

fn bearer(token: &Secret) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))
        .map_err(|_| Failure::new(StoreErrorKind::Permanent, "the token is no text of a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    pub(super) fn version(&self) -> Version {
        self.response.version()
    }

    /// The next piece; none at its end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        match Progress::begin(SILENCE_MAX).unless_stalled(self.response.chunk()).await {
            Ok(bytes) => {
                let bytes = bytes.map_err(Failure::unanswered)?;
                self.download.pass(bytes.as_ref().map_or(0, Bytes::len)).await;
                Ok(bytes)
            }
            Err(stalled) => Err(Failure::new(StoreErrorKind::Transient, stalled)),
        }
    }
}

/// The pieces of an answer of at most `bytes_max` bytes, as they come.
pub(super) fn pieces(
    answer: Answer,
    bytes_max: u64,
) -> impl Stream<Item = std::io::Result<Bytes>> + Send {
    unfold(Some((answer, bytes_max)), async |state| {
        let (mut answer, left) = state?;
        match answer.next().await {
            Ok(None) => None,
            Ok(Some(bytes)) => match left.checked_sub(bytes.len() as u64) {
                Some(left) => Some((Ok(bytes), Some((answer, left)))),
                None => Some((Err(std::io::Error::other("it is longer than any can be")), None)),
            },
            Err(failure) => Some((Err(failure.into_io()), None)),
        }
    })
}
