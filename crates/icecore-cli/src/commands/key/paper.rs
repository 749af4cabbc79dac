//! `icecore key export`: a recovery key on paper, and what to write beside it.

use crate::context::Context;
use crate::error::CommandError;
use clap::Args;
use icecore::key_slots;
use icecore_format::Role;
use icecore_format::keys::paper;
use icecore_format::keys::slot::PasswordCost;
use qrcode::QrCode;
use qrcode::render::{svg, unicode};
use serde::Serialize;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Make a recovery key, to be printed: another key of the same role, whose password is ten groups of digits
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Make it a reader's, which can restore everything and change nothing
    #[arg(long)]
    reader: bool,
    /// Write the QR code there as SVG, and not on the terminal
    #[arg(long, value_name = "FILE")]
    qr_file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Summary<'a> {
    key_id: String,
    role: &'static str,
    recovery_key: &'a str,
    repository_id: String,
    place: String,
}

/// Runs the command.
pub(super) async fn run(arguments: &Arguments, context: &Context) -> Result<(), CommandError> {
    let role = if arguments.reader { Role::Reader } else { Role::Admin };
    let repository = context.open_to_write("key export").await?;
    key_slots::require_admin(&repository, "make recovery keys")?;
    let secret = key_slots::recovery_key(&repository);
    let digits: String = secret.split('-').collect();
    // 60 digits are far below what a QR code takes.
    let code = QrCode::new(digits.as_bytes()).map_err(CommandError::Code)?;
    if let Some(path) = &arguments.qr_file {
        let image = code.render::<svg::Color<'_>>().min_dimensions(240, 240).build();
        let written = write_secret(path, &image);
        written.map_err(|source| CommandError::CodeFile { path: path.clone(), source })?;
    }
    // It is shown only when it opens something, and never again.
    let cost = PasswordCost::default();
    let id = match key_slots::add(&repository, role, secret.as_bytes(), cost).await {
        Ok(id) => id,
        Err(error) => {
            if let Some(path) = &arguments.qr_file {
                // It opens nothing.
                drop(std::fs::remove_file(path));
            }
            return Err(error.into());
        }
    };
    let (place, repository_id) = (repository.place(), repository.config().repository.to_string());
    let output = &context.output;
    if output.is_json() {
        output.summary(Summary {
            key_id: id.to_string(),
            role: role.name(),
            recovery_key: &secret,
            repository_id,
            place,
        });
        return Ok(());
    }
    output.line(format!("IceCore recovery key, {} of repository {repository_id}", role.name()));
    output.line(format!("at {place}, key {id}"));
    output.line("");
    let groups: Vec<&str> = secret.split('-').collect();
    for (line, groups) in groups.chunks(paper::GROUPS / 2).enumerate() {
        output.line(format!("  {}  {}", line * (paper::GROUPS / 2) + 1, groups.join(" ")));
    }
    output.line("");
    if arguments.qr_file.is_none() {
        for line in code.render::<unicode::Dense1x2>().build().lines() {
            output.line(line);
        }
    }
    output.line(
        "Type it where icecore asks for the password, or scan the code into a password file.",
    );
    output.line("It is not stored anywhere, and whoever reads it can do what the role can.");
    Ok(())
}

/// Writes a new file that nobody else can read.
fn write_secret(path: &Path, content: &str) -> std::io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}
