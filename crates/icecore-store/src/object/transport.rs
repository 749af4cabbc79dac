//! HTTP: one request and its answer, given up where no byte moves any more.
//!
//! Nothing is repeated, and nothing that may be secret (addresses can carry a signature) gets into
//! an error.

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures::Stream;
use futures::stream::unfold;
use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use md5::{Digest as _, Md5};
use opendal::{Buffer, Error, ErrorKind, HttpBody, HttpTransport};
use reqwest::redirect::Policy;
use tokio::time::{Sleep, sleep_until};

use super::operator::Puts;
use super::pacing::{Pace, Told, Turn};
use super::progress::{Progress, Stalled};
use super::tls;
use crate::Bandwidth;
use crate::bandwidth::Lane;

/// How much of a body is handed on at a time: so much has to move within the time for a stall.
const FRAME_BYTES_MAX: usize = 64 << 10;

/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>.
const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");

/// Where Google takes objects.
const GOOGLE_UPLOADS: &str = "/upload/storage/";

/// How long it may take to get a connection.
const CONNECTING_MAX: Duration = Duration::from_secs(30);

/// A client could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    #[error("cannot set up HTTP")]
    Http(#[from] reqwest::Error),
}

/// What connections are made with and kept in.
pub(crate) fn client(
    is_encrypted: bool,
    redirects: Policy,
) -> Result<reqwest::Client, ClientError> {
    let mut builder = reqwest::Client::builder()
        .redirect(redirects)
        .user_agent(concat!("icecore/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECTING_MAX);
    // Reading the system's certificates takes longer than a request to a server nearby.
    builder = if is_encrypted {
        builder.tls_backend_preconfigured(tls::configuration()?)
    } else {
        builder.tls_backend_preconfigured(tls::nobody()?)
    };
    Ok(builder.build()?)
}

/// What a service answered to the calls of one request; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers(Arc<AtomicU16>);

impl Answers {
    /// The status of the last answer; `None` where none came since the last call was begun.
    pub(super) fn last(&self) -> Option<StatusCode> {
        StatusCode::from_u16(self.0.load(Relaxed)).ok()
    }

    fn none_yet(&self) {
        self.0.store(0, Relaxed);
    }

    fn note(&self, status: StatusCode) {
        self.0.store(status.as_u16(), Relaxed);
    }
}

/// What the calls of all requests share.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) client: reqwest::Client,
    /// How long nothing may move.
    pub(super) silence_max: Duration,
    pub(super) bandwidth: Bandwidth,
    pub(super) pace: Pace,
    pub(super) digests: Digests,
}

/// Makes the calls of one request.
pub(super) struct Transport {
    line: Line,
    answers: Answers,
    puts: Puts,
}

/// Whether a digest goes with what is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digests {
    /// MD5: S3 takes nothing without one into a bucket that locks objects, and else compares it with what
    /// came. It need not be signed.
    Md5,
    None,
}

impl Transport {
    pub(super) fn new(line: Line, answers: Answers, puts: Puts) -> Self {
        Self { line, answers, puts }
    }
}

impl HttpTransport for Transport {
    async fn fetch(&self, request: Request<Buffer>) -> opendal::Result<Response<HttpBody>> {
        self.answers.none_yet();
        let address = request.uri().clone();
        let is_head = request.method() == Method::HEAD;
        let turn = self.line.pace.turn().await;
        let progress = Progress::begin(self.line.silence_max);
        let call = self.call(request, &progress)?;
        let answer = match progress.unless_stalled(call.send()).await {
            Ok(answer) => answer.map_err(|error| unanswered("cannot reach the service", error))?,
            Err(stalled) => {
                turn.note(Told::SlowDown);
                return Err(stalled_error(stalled));
            }
        };
        self.answers.note(answer.status());
        let told = told(answer.status());
        turn.note(told);
        if told == Told::SlowDown
            && let Some(rest) = rest_wanted(answer.headers())
        {
            turn.note_rest(rest);
        }

        let bytes = match answer.headers().get(CONTENT_LENGTH) {
            // That of what was not sent, or of what was packed.
            Some(_) if is_head || answer.headers().contains_key(CONTENT_ENCODING) => None,
            Some(length) => length.to_str().ok().and_then(|length| length.parse().ok()),
            None => None,
        };
        let mut response = Response::new(());
        *response.status_mut() = answer.status();
        *response.version_mut() = answer.version();
        *response.headers_mut() = answer.headers().clone();
        response.extensions_mut().insert(address);
        let body = AnswerBody(Mutex::new(Box::pin(chunks(answer, self.line.clone(), turn))));
        Ok(response.map(|()| HttpBody::new(body, bytes)))
    }
}

impl Transport {
    fn call(
        &self,
        request: Request<Buffer>,
        progress: &Progress,
    ) -> opendal::Result<reqwest::RequestBuilder> {
        let (mut parts, body) = request.into_parts();
        if self.line.digests == Digests::Md5 && parts.method == Method::PUT {
            parts.headers.insert(CONTENT_MD5, md5(&body));
        }
        let mut address = reqwest::Url::parse(&parts.uri.to_string())
            .map_err(|error| Error::new(ErrorKind::Unexpected, "no address").set_source(error))?;
        if self.puts == Puts::Whole && address.path().starts_with(GOOGLE_UPLOADS) {
            only_where_none(&mut address)?;
        }
        let call = self.line.client.request(parts.method, address).headers(parts.headers);
        if body.is_empty() {
            return Ok(call);
        }
        Ok(call.body(request_body(body, progress, &self.line.bandwidth.upload)))
    }
}

fn md5(body: &Buffer) -> HeaderValue {
    let mut digest = Md5::new();
    for part in body.clone() {
        digest.update(&part);
    }
    let text = BASE64_STANDARD.encode(digest.finalize());
    HeaderValue::try_from(text).expect("its letters are allowed")
}

/// What is sent, part after part, each noted in `progress` and no faster than `upload` has it.
pub(crate) fn request_body(content: Buffer, progress: &Progress, upload: &Lane) -> reqwest::Body {
    reqwest::Body::wrap(RequestBody {
        rest: content,
        frame: Bytes::new(),
        progress: progress.clone(),
        upload: upload.clone(),
        turn: None,
    })
}

/// Makes an upload one that fails where there is an object.
///
/// Source: <https://cloud.google.com/storage/docs/request-preconditions>.
fn only_where_none(address: &mut reqwest::Url) -> opendal::Result<()> {
    let is_whole = |(name, value): (Cow<'_, str>, Cow<'_, str>)| {
        name == "uploadType" && (value == "multipart" || value == "media")
    };
    if !address.query_pairs().any(is_whole) {
        // Of an upload in steps each would need it. There is none, and without it none may be.
        return Err(Error::new(ErrorKind::Unsupported, "this kind of upload has no condition"));
    }
    address.query_pairs_mut().append_pair("ifGenerationMatch", "0");
    Ok(())
}

/// What a status says of how much the service can take.
fn told(status: StatusCode) -> Told {
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Told::SlowDown,
        _ => Told::Answer,
    }
}

/// How long a service wants to be asked nothing, where it says so in seconds, as those do that are known;
/// a date says nothing to whoever has another time.
fn rest_wanted(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The pieces of an answer, as they come. It is the call's turn until the last of them.
fn chunks(
    answer: reqwest::Response,
    line: Line,
    turn: Turn,
) -> impl Stream<Item = opendal::Result<Buffer>> + Send {
    unfold(Some((answer, line, turn)), async |rest| {
        let (mut answer, line, turn) = rest?;
        loop {
            let progress = Progress::begin(line.silence_max);
            let chunk = match progress.unless_stalled(answer.chunk()).await {
                Ok(chunk) => chunk.map_err(|error| unanswered("the answer was cut off", error)),
                Err(stalled) => {
                    turn.note(Told::SlowDown);
                    Err(stalled_error(stalled))
                }
            };
            match chunk {
                // An empty one would be taken for the end.
                Ok(Some(bytes)) if bytes.is_empty() => {}
                Ok(Some(bytes)) => {
                    line.bandwidth.download.pass(bytes.len()).await;
                    return Some((Ok(Buffer::from(bytes)), Some((answer, line, turn))));
                }
                Ok(None) => return None,
                Err(error) => return Some((Err(error), None)),
            }
        }
    })
}

fn unanswered(message: &'static str, error: reqwest::Error) -> Error {
    // The address may carry a signature.
    Error::new(ErrorKind::Unexpected, message).set_temporary().set_source(error.without_url())
}

fn stalled_error(stalled: Stalled) -> Error {
    Error::new(ErrorKind::Unexpected, "the connection is dead").set_temporary().set_source(stalled)
}

/// The body of an answer. The lock is never waited for: it makes of what one thread may have what
/// several may.
struct AnswerBody(Mutex<Pin<Box<dyn Stream<Item = opendal::Result<Buffer>> + Send>>>);

impl Stream for AnswerBody {
    type Item = opendal::Result<Buffer>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let stream = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        stream.as_mut().poll_next(context)
    }
}

/// The body of a request, which notes when a part of it is taken.
struct RequestBody {
    rest: Buffer,
    frame: Bytes,
    progress: Progress,
    upload: Lane,
    /// The end of the wait until the next part may go.
    turn: Option<Pin<Box<Sleep>>>,
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.progress.note();
        while self.frame.is_empty() {
            match self.rest.next() {
                Some(bytes) => self.frame = bytes,
                None => return Poll::Ready(None),
            }
        }
        let bytes_max = self.upload.piece_bytes().unwrap_or(FRAME_BYTES_MAX);
        let bytes = self.frame.len().min(bytes_max);
        if self.turn.is_none() {
            self.turn = self.upload.reserve(bytes).map(|through| Box::pin(sleep_until(through)));
        }
        if let Some(turn) = &mut self.turn {
            ready!(turn.as_mut().poll(context));
            self.turn = None;
            self.progress.note();
        }
        Poll::Ready(Some(Ok(Frame::data(self.frame.split_to(bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        self.frame.is_empty() && self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact((self.frame.len() + self.rest.len()) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::TryStreamExt as _;
    use futures::future::join;
    use std::future::poll_fn;
    use tokio::time::Instant;

    /// The lengths of the frames of a body of so many bytes.
    async fn frames(bytes: usize, upload: Lane) -> Vec<usize> {
        let rest = Buffer::from(vec![7; bytes]);
        let progress = Progress::begin(Duration::from_mins(1));
        let mut body = RequestBody { rest, frame: Bytes::new(), progress, upload, turn: None };
        let mut frames = Vec::new();
        while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            frames.push(frame.unwrap().into_data().unwrap().len());
        }
        frames
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_sent_goes_in_even_pieces_and_all_bodies_together_keep_to_the_limit() {
        let upload = Bandwidth::new(Some(100_000), None).upload;
        let began = Instant::now();
        let (one, two) = join(frames(100_000, upload.clone()), frames(50_000, upload)).await;
        assert_eq!((one, two), (vec![5_000; 20], vec![5_000; 10]));
        assert_eq!(began.elapsed().as_millis(), 1_500);
        let began = Instant::now();
        assert_eq!(
            frames(100_000, Lane::default()).await,
            [FRAME_BYTES_MAX, 100_000 - FRAME_BYTES_MAX]
        );
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_is_handed_on_no_faster_than_the_limit() {
        let line = Line {
            client: reqwest::Client::builder()
                .tls_backend_preconfigured(tls::nobody().unwrap())
                .build()
                .unwrap(),
            silence_max: Duration::from_mins(1),
            bandwidth: Bandwidth::new(None, Some(100_000)),
            pace: Pace::new(2),
            digests: Digests::None,
        };
        let began = Instant::now();
        let answer = || reqwest::Response::from(Response::new(vec![7; 100_000]));
        let read = |line: Line| async move {
            let turn = line.pace.turn().await;
            let pieces: Vec<Buffer> = chunks(answer(), line, turn).try_collect().await.unwrap();
            pieces.iter().map(Buffer::len).sum::<usize>()
        };
        assert_eq!(join(read(line.clone()), read(line)).await, (100_000, 100_000));
        assert_eq!(began.elapsed().as_millis(), 2_000);
    }
}
