//! What every command is given: where to print, whom to listen to, and the way to the repository.

use crate::arguments::GlobalArguments;
use crate::directories;
use crate::error::CommandError;
use crate::explain;
use crate::interrupt::Interrupt;
use crate::location::Location;
use crate::output::Output;
use crate::password::{self, Password};
use crate::progress::Watch;
use icecore::layout::ObjectRole;
use icecore::local::LocalState;
use icecore::repository::OpenError;
use icecore::{Environment, Monitor, Repository};
use icecore_store::{Bandwidth, Store, StoreError, StoreErrorKind};
use std::sync::Arc;

/// What every command is given.
pub(crate) struct Context {
    pub(crate) global: GlobalArguments,
    pub(crate) output: Output,
    interrupt: Interrupt,
    /// What all stores of this process share.
    bandwidth: Bandwidth,
}

impl Context {
    pub(crate) fn new(global: GlobalArguments, output: Output, interrupt: Interrupt) -> Self {
        let bandwidth = Bandwidth::new(global.limit_upload, global.limit_download);
        Self { global, output, interrupt, bandwidth }
    }

    /// Opens the repository, and warns of what is wrong with its ledger.
    pub(crate) async fn open(&self) -> Result<Repository, CommandError> {
        let location = self.location()?;
        let store = match self.open_store(&location) {
            Ok(store) => store,
            Err(error) if error.kind() == StoreErrorKind::NotFound => {
                let place = error.place().to_owned();
                return Err(OpenError::NoRepository { place }.into());
            }
            Err(error) => return Err(error.into()),
        };
        // Before anybody types a password for nothing.
        if password::Source::choose(&self.global).asks_a_person() && !has_config(&*store).await? {
            return Err(OpenError::NoRepository { place: store.place() }.into());
        }
        let password = self.password(password::ask).await?;
        let environment = self.environment()?;
        let local = environment.local.clone();
        let repository = Repository::open(store, environment, &password).await?;
        for alarm in repository.alarms().await {
            let hint = explain::alarm_hint(&alarm, repository.config().repository, &local);
            self.output.warn(&alarm.to_string(), Some(&hint));
        }
        Ok(repository)
    }

    /// The store at a place, counted and limited as this process is.
    pub(crate) fn open_store(&self, location: &Location) -> Result<Arc<dyn Store>, StoreError> {
        location.open(self.output.meter(), &self.bandwidth)
    }

    /// The same, made if it can be.
    pub(crate) fn create_store(&self, location: &Location) -> Result<Arc<dyn Store>, StoreError> {
        location.create(self.output.meter(), &self.bandwidth)
    }

    /// Where the repository is.
    pub(crate) fn location(&self) -> Result<Location, CommandError> {
        Location::parse(self.global.repo.as_deref().ok_or(CommandError::NoPlace)?)
            .map_err(CommandError::Usage)
    }

    /// The password, from where the user said, or else from `ask`.
    pub(crate) async fn password(
        &self,
        ask: fn() -> Result<Password, password::PasswordError>,
    ) -> Result<Password, CommandError> {
        let source = password::Source::choose(&self.global);
        // Blocks, perhaps on a person, while interruptions are listened to.
        let read = tokio::task::spawn_blocking(move || source.read(ask)).await;
        Ok(read.map_err(|error| CommandError::Runtime(error.into()))??)
    }

    /// What the library is given.
    pub(crate) fn environment(&self) -> Result<Environment, CommandError> {
        environment(LocalState {
            state_directory: directories::state(),
            cache_directory: match &self.global.cache_dir {
                _ if self.global.no_cache => None,
                Some(directory) => Some(directory.clone()),
                None => directories::cache(),
            },
        })
    }

    /// Shows the progress of an operation that writes to `monitor`, and makes an interruption a
    /// wish to stop, until the returned value is dropped.
    pub(crate) fn watch(&self, monitor: &Monitor) -> Watch {
        Watch::begin(&self.output, &self.interrupt, monitor)
    }
}

/// What the library is given, with this place for local state.
pub(crate) fn environment(local: LocalState) -> Result<Environment, CommandError> {
    Environment::of_this_machine(local).map_err(CommandError::Runtime)
}

/// Whether there is a repository in `store`.
pub(crate) async fn has_config(store: &dyn Store) -> Result<bool, StoreError> {
    match store.get(&ObjectRole::Config.object_name(), 0).await {
        Ok(_) => Ok(true),
        // It has more than the nothing that was asked for.
        Err(error) if error.kind() == StoreErrorKind::TooLarge => Ok(true),
        // Where the place itself is missing, that is what has to be told.
        Err(error) if error.kind() == StoreErrorKind::NotFound && error.object().is_some() => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
