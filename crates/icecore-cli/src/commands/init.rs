//! `icecore init`: a new repository.

use crate::context::{Context, has_config};
use crate::error::CommandError;
use crate::password;
use clap::{Args, ValueEnum};
use icecore::Repository;
use icecore::repository::{InitError, InitOptions};
use serde::Serialize;

/// Make a new repository
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The cipher [default: the one that is fastest on this machine]
    #[arg(long, value_enum)]
    cipher: Option<Cipher>,
}

/// The ciphers.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Cipher {
    #[value(name = "aes-256-gcm")]
    Aes256Gcm,
    #[value(name = "chacha20-poly1305")]
    ChaCha20Poly1305,
}

#[derive(Serialize)]
struct Summary<'a> {
    repository_id: String,
    place: &'a str,
    cipher: &'a str,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<(), CommandError> {
    let location = context.location()?;
    // Before anybody thinks of a password for nothing, and before a directory is made.
    if let Ok(store) = context.open_store(&location)
        && has_config(&*store).await?
    {
        return Err(InitError::Exists { place: store.place() }.into());
    }
    let password = context.password(password::ask_twice).await?;
    location.create()?;
    let store = context.open_impatient(&location)?;
    let store = context.to_write(&location, store, "init").await?;
    let mut options = InitOptions::default();
    match arguments.cipher {
        None => {}
        Some(Cipher::Aes256Gcm) => options.cipher = icecore_format::cipher::Cipher::Aes256Gcm,
        Some(Cipher::ChaCha20Poly1305) => {
            options.cipher = icecore_format::cipher::Cipher::ChaCha20Poly1305;
        }
    }
    let environment = context.environment()?;
    let repository = Repository::init(store, environment, &password, &options).await?;

    let (config, place) = (repository.config(), repository.place());
    let output = &context.output;
    if output.is_json() {
        output.summary(Summary {
            repository_id: config.repository.to_string(),
            place: &place,
            cipher: config.cipher.name(),
        });
    } else {
        output.report(format!(
            "made repository {} at {place} ({})",
            config.repository,
            config.cipher.name()
        ));
        output.report("Without its password nothing in it can be read, by anyone: keep it safe.");
    }
    Ok(())
}
