//! A source during whose reading something happens.

use async_trait::async_trait;
use futures::future::BoxFuture;
use icecore::source::{
    EventReader, Reading, Source, SourceEnd, SourceError, SourceRequest, UnparsedBatch,
};
use std::sync::{Mutex, PoisonError};

type Hook = Box<dyn FnOnce() -> BoxFuture<'static, Result<(), SourceError>> + Send>;

/// Another source, with something that happens once all of it was read and before it ends.
pub struct HookedSource<S> {
    inner: S,
    hook: Mutex<Option<Hook>>,
}

impl<S: Source> HookedSource<S> {
    /// `inner`, with `hook` before its end.
    pub fn new(
        inner: S,
        hook: impl FnOnce() -> BoxFuture<'static, Result<(), SourceError>> + Send + 'static,
    ) -> Self {
        Self { inner, hook: Mutex::new(Some(Box::new(hook))) }
    }
}

#[async_trait]
impl<S: Source> Source for HookedSource<S> {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn default_name(&self) -> String {
        self.inner.default_name()
    }

    fn gives_again(&self) -> bool {
        self.inner.gives_again()
    }

    async fn open(&self, request: &SourceRequest) -> Result<Box<dyn EventReader>, SourceError> {
        let hook = self.hook.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(Box::new(HookedReader { inner: self.inner.open(request).await?, hook }))
    }
}

struct HookedReader {
    inner: Box<dyn EventReader>,
    hook: Option<Hook>,
}

#[async_trait]
impl EventReader for HookedReader {
    fn reading(&self) -> &Reading {
        self.inner.reading()
    }

    fn bytes_expected(&self) -> Option<u64> {
        self.inner.bytes_expected()
    }

    fn has_all_known(&self) -> Option<bool> {
        self.inner.has_all_known()
    }

    async fn next(&mut self) -> Result<Option<UnparsedBatch>, SourceError> {
        self.inner.next().await
    }

    async fn finish(mut self: Box<Self>) -> Result<SourceEnd, SourceError> {
        if let Some(hook) = self.hook.take() {
            hook().await?;
        }
        self.inner.finish().await
    }
}
