//! `icecore key`: who may open the repository, and do what in it.

mod paper;

use crate::context::Context;
use crate::error::CommandError;
use crate::password::{self, Password};
use crate::table::{self, Side};
use clap::{Args, Subcommand, ValueEnum};
use icecore::key_slots::{self, KeyListed, SlotsLeft};
use icecore_format::Role;
use icecore_format::keys::slot::PasswordCost;
use serde::Serialize;
use std::ffi::OsString;
use std::path::PathBuf;

/// List, add and remove keys, and give them other passwords
#[derive(Debug, Args)]
#[command(after_help = "\
A writer can back up and follow, and read nothing back. A reader can restore, recover, check and drill, \
and add nothing. An admin can do everything. docs/keys.md says what a removed key can still do.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the keys
    List,
    Add(AddArguments),
    Remove(RemoveArguments),
    Passwd(PasswdArguments),
    Export(paper::Arguments),
}

/// Add a key with a password of its own; only an admin can
#[derive(Debug, Args)]
struct AddArguments {
    /// What whoever has it may do
    #[arg(long, value_enum)]
    role: RoleName,
    #[command(flatten)]
    password: NewPassword,
}

/// Remove a key: what it signs from then on counts for nothing; only an admin can
#[derive(Debug, Args)]
struct RemoveArguments {
    /// The beginning of its id
    #[arg(value_name = "KEY_ID")]
    key: String,
}

/// Give the key that this repository is opened with another password; its id and role stay
#[derive(Debug, Args)]
struct PasswdArguments {
    #[command(flatten)]
    password: NewPassword,
}

/// The password of a key that is made; a person is asked if neither is given.
#[derive(Debug, Args)]
struct NewPassword {
    /// Read the new password from a file; one line end after it is not part of it
    #[arg(long, value_name = "FILE", conflicts_with = "new_password_command")]
    new_password_file: Option<PathBuf>,
    /// Take what a shell command prints for the new password, such as the command line of a KMS
    #[arg(long, value_name = "COMMAND")]
    new_password_command: Option<OsString>,
}

/// The roles.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleName {
    Writer,
    Reader,
    Admin,
}

#[derive(Serialize)]
struct KeyLine {
    key_id: String,
    role: Option<&'static str>,
    /// `counts`, `removed`, or `unknown` to the ledger
    state: &'static str,
    founder: bool,
    own: bool,
    slots: usize,
}

#[derive(Serialize)]
struct Summary {
    key_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ledger_entry: Option<u64>,
    /// Objects that an old password still opens
    slots_left: Vec<String>,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<(), CommandError> {
    match arguments.what {
        What::List => list(context).await,
        What::Add(arguments) => add(arguments, context).await,
        What::Remove(arguments) => remove(&arguments, context).await,
        What::Passwd(arguments) => passwd(arguments, context).await,
        What::Export(arguments) => paper::run(&arguments, context).await,
    }
}

async fn list(context: &Context) -> Result<(), CommandError> {
    let repository = context.open().await?;
    let keys = key_slots::list(&repository).await?;
    let output = &context.output;
    if output.is_json() {
        for key in &keys {
            output.message("key", line(key));
        }
        return Ok(());
    }
    let rows: Vec<_> = keys.iter().map(row).collect();
    let columns =
        [("key", Side::Left), ("role", Side::Left), ("state", Side::Left), ("", Side::Left)];
    for line in table::lines(columns, &rows) {
        output.line(line);
    }
    Ok(())
}

fn line(key: &KeyListed) -> KeyLine {
    let state = match key.known {
        None => "unknown",
        Some(known) if known.is_removed => "removed",
        Some(_) => "counts",
    };
    KeyLine {
        key_id: key.id.to_string(),
        role: key.known.map(|known| known.role.name()),
        state,
        founder: key.is_founder,
        own: key.is_own,
        slots: key.slots.len(),
    }
}

fn row(key: &KeyListed) -> [String; 4] {
    let line = line(key);
    let slots = match (line.slots, line.state) {
        (0, "counts") => Some("its slot is missing".to_owned()),
        (1, "counts") | (0, _) => None,
        (_, "counts") => Some(format!("{} passwords open it", line.slots)),
        (_, _) => Some("its slot is still there".to_owned()),
    };
    let notes = [
        key.is_founder.then(|| "founder".to_owned()),
        key.is_own.then(|| "this one".to_owned()),
        slots,
    ];
    [
        line.key_id,
        line.role.unwrap_or_default().to_owned(),
        line.state.to_owned(),
        notes.into_iter().flatten().collect::<Vec<_>>().join(", "),
    ]
}

async fn add(arguments: AddArguments, context: &Context) -> Result<(), CommandError> {
    let role = match arguments.role {
        RoleName::Writer => Role::Writer,
        RoleName::Reader => Role::Reader,
        RoleName::Admin => Role::Admin,
    };
    let repository = context.open_to_write("key add").await?;
    // Before anybody thinks of a password for nothing.
    key_slots::require_admin(&repository, "add keys")?;
    let password = arguments.password.read().await?;
    let id = key_slots::add(&repository, role, &password, PasswordCost::default()).await?;
    let output = &context.output;
    if output.is_json() {
        output.summary(Summary {
            key_id: id.to_string(),
            role: Some(role.name()),
            ledger_entry: None,
            slots_left: Vec::new(),
        });
    } else {
        output.report(format!("added {} key {id}", role.name()));
    }
    Ok(())
}

async fn remove(arguments: &RemoveArguments, context: &Context) -> Result<(), CommandError> {
    let repository = context.open_to_write("key remove").await?;
    key_slots::require_admin(&repository, "remove keys")?;
    let id = key_slots::find(&repository, &arguments.key).await?;
    let was_founder = repository.keys().founder.id() == id;
    let SlotsLeft { entry, left } = key_slots::remove(&repository, id).await?;
    let output = &context.output;
    for (name, why) in &left {
        let message = format!("{name} was not deleted, so its password still opens it: {why}");
        output.warn(&message, Some("delete that object with credentials that may"));
    }
    if output.is_json() {
        output.summary(Summary {
            key_id: id.to_string(),
            role: None,
            ledger_entry: entry,
            slots_left: left.iter().map(|(name, _)| name.to_string()).collect(),
        });
        return Ok(());
    }
    output.report(format!("removed key {id}: what it signs from now on counts for nothing"));
    output.report(
        "  Whoever copied its slot and knows its password can still read what that role reads, of this \
         storage and any copy of it. If that is somebody else, take the storage's credentials away, and \
         begin a new repository for what must stay secret.",
    );
    if was_founder {
        output.report(
            "  It was the founder's: checkpoints that it signs are still believed, so if it was stolen, \
             begin a new repository.",
        );
    }
    Ok(())
}

async fn passwd(arguments: PasswdArguments, context: &Context) -> Result<(), CommandError> {
    let repository = context.open_to_write("key passwd").await?;
    let password = arguments.password.read().await?;
    let changed =
        key_slots::change_password(&repository, &password, PasswordCost::default()).await?;
    let output = &context.output;
    for (name, why) in &changed.left {
        let message = format!("{name} was not deleted, so the old password still opens it: {why}");
        output.warn(&message, Some("delete that object with credentials that may"));
    }
    let id = repository.keys().signing.verifying_key().id();
    if output.is_json() {
        output.summary(Summary {
            key_id: id.to_string(),
            role: None,
            ledger_entry: None,
            slots_left: changed.left.iter().map(|(name, _)| name.to_string()).collect(),
        });
    } else {
        output.report(format!("key {id} has another password"));
        output.report(
            "  Whoever copied the old slot and knows the old password still has the key: if that is \
             somebody else, add a new key, and remove this one.",
        );
    }
    Ok(())
}

impl NewPassword {
    /// Reads it; blocks, perhaps on a person, while interruptions are listened to.
    async fn read(self) -> Result<Password, CommandError> {
        let source = match (self.new_password_file, self.new_password_command) {
            (Some(path), _) => password::Source::File(path),
            (None, Some(command)) => password::Source::Command(command),
            (None, None) => password::Source::Person,
        };
        let read = tokio::task::spawn_blocking(move || source.read(password::ask_twice)).await;
        Ok(read.map_err(|error| CommandError::Runtime(error.into()))??)
    }
}
