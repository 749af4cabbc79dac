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
#[cfg(feature = "object-storage")]
use crate::single_writer::SingleWriter;
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
    pub(crate) interrupt: Interrupt,
    /// The repository, if it was opened before.
    opened: Option<Arc<Repository>>,
    /// What all stores of this process share.
    bandwidth: Bandwidth,
    #[cfg(feature = "object-storage")]
    single_writer: SingleWriter,
}

impl Context {
    pub(crate) fn new(global: GlobalArguments, output: Output, interrupt: Interrupt) -> Self {
        let bandwidth = Bandwidth::new(global.limit_upload, global.limit_download);
        Self {
            global,
            output,
            interrupt,
            opened: None,
            bandwidth,
            #[cfg(feature = "object-storage")]
            single_writer: SingleWriter::default(),
        }
    }

    /// The same for one of several operations on a repository that is open, and may be written to.
    #[cfg(feature = "serve")]
    pub(crate) fn beside(
        &self,
        repository: Arc<Repository>,
        output: Output,
        interrupt: Interrupt,
    ) -> Self {
        #[cfg(feature = "object-storage")]
        if self.global.single_writer {
            output.set_single_writer();
        }
        let (global, opened) = (self.global.clone(), Some(repository));
        Self { opened, bandwidth: self.bandwidth.clone(), ..Self::new(global, output, interrupt) }
    }

    /// Opens the repository, or reads what is new in it; warns of what is wrong with its ledger.
    pub(crate) async fn open(&self) -> Result<Arc<Repository>, CommandError> {
        self.open_for(Purpose::Reading).await
    }

    /// The same for a command of this name that writes.
    pub(crate) async fn open_to_write(
        &self,
        command: &'static str,
    ) -> Result<Arc<Repository>, CommandError> {
        self.open_for(Purpose::Writing(command)).await
    }

    async fn open_for(&self, purpose: Purpose) -> Result<Arc<Repository>, CommandError> {
        let repository = match &self.opened {
            Some(repository) => {
                repository.refresh().await?;
                repository.clone()
            }
            None => Arc::new(self.open_anew(purpose).await?),
        };
        let local = self.local_state();
        for alarm in repository.alarms().await {
            let hint = explain::alarm_hint(&alarm, repository.config().repository, &local);
            self.output.warn(&alarm.to_string(), Some(&hint));
        }
        Ok(repository)
    }

    async fn open_anew(&self, purpose: Purpose) -> Result<Repository, CommandError> {
        let location = self.location()?;
        let impatient = match self.open_impatient(&location) {
            Ok(store) => store,
            Err(error) if error.kind() == StoreErrorKind::NotFound => {
                let place = error.place().to_owned();
                return Err(OpenError::NoRepository { place }.into());
            }
            Err(error) => return Err(error.into()),
        };
        let mut store = location.patient(impatient.clone());
        // Before anybody types a password for nothing.
        if password::Source::choose(&self.global).asks_a_person() && !has_config(&*store).await? {
            return Err(OpenError::NoRepository { place: store.place() }.into());
        }
        let password = self.password(password::ask).await?;
        let environment = self.environment()?;
        if let Purpose::Writing(command) = purpose {
            store = self.to_write(&location, impatient, command).await?;
        }
        // That storage cannot be reached, or the place itself is missing, this request tells sooner and more
        // plainly than opening does.
        let is_there = async { has_config(&*store).await.map_err(CommandError::from) };
        let opened = async { Ok(Repository::open(store.clone(), environment, &password).await) };
        let (_, opened) = tokio::try_join!(is_there, opened)?;
        Ok(opened?)
    }

    /// The store at a place, counted and limited as this process is.
    pub(crate) fn open_store(&self, location: &Location) -> Result<Arc<dyn Store>, StoreError> {
        Ok(location.patient(self.open_impatient(location)?))
    }

    /// The same, without anything that repeats requests.
    pub(crate) fn open_impatient(&self, location: &Location) -> Result<Arc<dyn Store>, StoreError> {
        location.open_impatient(self.output.meter(), &self.bandwidth)
    }

    /// A store for a command of this name that writes: with `--single-writer`, one that does so only
    /// while no other process does.
    #[cfg_attr(
        not(feature = "object-storage"),
        expect(unused_variables, clippy::unused_async, reason = "there are no leases then")
    )]
    pub(crate) async fn to_write(
        &self,
        location: &Location,
        store: Arc<dyn Store>,
        command: &'static str,
    ) -> Result<Arc<dyn Store>, CommandError> {
        #[cfg(feature = "object-storage")]
        if self.global.single_writer {
            let lasting = location.patient(store.clone());
            let guarded = self.single_writer.begin(store, lasting, command, &self.output).await?;
            return Ok(location.patient(guarded));
        }
        Ok(location.patient(store))
    }

    /// Waits until this process may not write any more, with the error that tells so: for ever, where it
    /// needs nobody's leave.
    pub(crate) async fn stopped_by_others(&self) -> CommandError {
        #[cfg(feature = "object-storage")]
        return self.single_writer.lost().await.into();
        #[cfg(not(feature = "object-storage"))]
        std::future::pending().await
    }

    /// Gives back what nobody else could have meanwhile. Called last of all, however the command ended.
    pub(crate) async fn release(&self) {
        #[cfg(feature = "object-storage")]
        self.single_writer.end(&self.output).await;
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
        environment(self.local_state())
    }

    pub(crate) fn local_state(&self) -> LocalState {
        LocalState {
            state_directory: directories::state(),
            cache_directory: match &self.global.cache_dir {
                _ if self.global.no_cache => None,
                Some(directory) => Some(directory.clone()),
                None => directories::cache(),
            },
        }
    }

    /// Shows the progress of an operation that writes to `monitor`, and makes an interruption a
    /// wish to stop, until the returned value is dropped.
    pub(crate) fn watch(&self, monitor: &Monitor) -> Watch {
        Watch::begin(&self.output, &self.interrupt, monitor)
    }
}

/// What a repository is opened for.
#[derive(Clone, Copy, Debug)]
enum Purpose {
    Reading,
    /// By the command of this name.
    Writing(&'static str),
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
