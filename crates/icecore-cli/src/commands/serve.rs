//! `icecore serve`: what the command does, over HTTP.

use crate::context::Context;
use crate::error::CommandError;
use crate::serve::{self, Offer, Token, description};
use clap::Args;
use serde::Serialize;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Serve a repository over HTTP
#[derive(Debug, Args)]
#[command(after_help = "\
Every request needs the token, as `Authorization: Bearer TOKEN`. Whoever has it can do what the user can \
that runs the server: read all of the repository, and read and write what requests name. A token is \
16 bytes or more, from --token-file, else from ICECORE_TOKEN_FILE or ICECORE_TOKEN.

Without TLS it listens on loopback addresses alone. It ends by SIGTERM or Ctrl-C, with exit code 0, after \
asking what runs to stop. The interface is documented in docs/http.md.")]
pub(crate) struct Arguments {
    /// The address and port to listen on; port 0 takes one that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8417")]
    listen: SocketAddr,
    /// Read the token from a file; one line end after it is not part of it
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Speak TLS, with the certificates in this file (PEM), the server's own first
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Print the description of the interface, in OpenAPI, and end
    #[arg(long)]
    openapi: bool,
}

#[derive(Serialize)]
struct Listening<'a> {
    address: &'a str,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<(), CommandError> {
    if arguments.openapi {
        context.output.document(description().as_bytes());
        return Ok(());
    }
    let tls = arguments.tls_certificate.as_deref().zip(arguments.tls_key.as_deref());
    let offer = Offer::new(arguments.listen, tls)?;
    let token = Token::read(arguments.token_file)?;
    let repository = context.open_to_write("serve").await?;
    let listening = offer.listen().await?;
    let address = listening.url();
    if context.output.is_json() {
        context.output.message("listening", Listening { address });
    } else {
        context.output.line(format!("listening on {address}"));
    }
    context.output.flush();
    serve::serve(listening, token, repository, context).await;
    Ok(())
}
