//! The HTTP interface: docs/http.md.
//!
//! A job is a run of a command whose output is collected, and a request's members are the command's
//! options, so nothing is done here that the command does not do. Nothing is answered without the token
//! but that the server runs.

mod address;
mod connections;
mod error;
mod guard;
mod job;
mod jobs;
mod members;
mod openapi;
mod options;
mod paths;
mod problem;
mod results;
mod token;

use crate::context::Context;
use crate::error::CommandError;
use icecore::{Monitor, Repository};
use jobs::Jobs;
use std::sync::Arc;

pub(crate) use address::{Listening, Offer};
pub(crate) use error::ServeError;
pub(crate) use openapi::description;
pub(crate) use token::Token;

/// What all requests share.
pub(crate) struct Server {
    context: Context,
    jobs: Arc<Jobs>,
    token: Token,
    /// Whether a request has to name a loopback address as its host.
    is_loopback: bool,
    repository: Arc<Repository>,
}

impl Server {
    /// The repository, with what is new in it.
    async fn repository(&self) -> Result<&Repository, CommandError> {
        self.repository.refresh().await?;
        Ok(&self.repository)
    }
}

/// Answers requests until it is interrupted; then ends what runs.
pub(crate) async fn serve(
    listening: Listening,
    token: Token,
    repository: Arc<Repository>,
    context: &Context,
) {
    let interrupt = context.interrupt.clone();
    // From here on an interruption is waited for.
    let _running = interrupt.wait_for(&Monitor::default());
    let server = Arc::new(Server {
        context: context.beside(repository.clone(), context.output.clone(), interrupt.clone()),
        jobs: Arc::default(),
        token,
        is_loopback: listening.is_loopback(),
        repository,
    });
    let jobs = server.jobs.clone();
    let router = paths::router(server);
    let until = async move {
        interrupt.interrupted().await;
        // Whoever waits for a job hears how it ended before connections do.
        jobs.stop().await;
    };
    connections::serve(listening, router, until).await;
}
