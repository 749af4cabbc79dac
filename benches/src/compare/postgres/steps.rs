//! One round: each program in its turn.

use super::super::CompareError;
use super::super::interrupt::Interrupt;
use super::super::machine;
use super::super::place::Place;
use super::super::process::Invocation;
use super::super::report::Run;
use super::super::tools::{PASSWORD, bare_environment};
use super::load::{DATABASE, Store, WITH_POSITIONS};
use super::report::PostgresStep as Step;
use icecore_test_cluster::Cluster;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The database that is restored into.
const RESTORED: &str = "restored";

/// What the table has to be after a restore, and what it is: computed by the server.
const WHAT_IT_IS: &str =
    "SELECT count(*), sum(hashtextextended(e::text, 0)) FROM eventcore_events e";

/// What icecore asks to prove that nothing but what is new has changed: how many events there are and
/// which, of all, of the new ones, and of those that may come again.
const PROOF: &str = "\
    SELECT count(*), sum(uuid_hash_extended(event_id, hashint8extended(stream_version, \
               hashtextextended(stream_id, 0)))), \
           min(ctid), (xmin::text::bigint - 3000) & 4294967295 < 10 AS is_new, false AS is_recent \
    FROM eventcore_events GROUP BY is_new, is_recent";

/// Where what a step took is told: the step, its command line, and the run.
pub(super) type Record<'a> = &'a mut dyn FnMut(Step, String, Run);

/// What all rounds work with.
pub(super) struct Steps<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) icecore: &'a Path,
    pub(super) work: &'a Path,
    pub(super) interrupt: &'a Interrupt,
}

/// What a step writes, whose length is told.
enum Written {
    Nothing,
    File(PathBuf),
    /// A repository, and what it was before.
    Repository(u64),
}

impl Steps<'_> {
    /// Makes all steps once, and appends `appended` events to the store.
    pub(super) fn run(
        &self,
        store: &mut Store,
        appended: u64,
        record: Record<'_>,
    ) -> Result<(), CompareError> {
        let copy_out = "COPY eventcore_events TO STDOUT";
        self.measure(
            Step::CopyOut,
            &self.psql(DATABASE, copy_out),
            Written::Nothing,
            None,
            record,
        )?;
        let (dump, fast) = (self.work.join("dump"), self.work.join("dump-fast"));
        for (step, file, level) in
            [(Step::Dump, &dump, &[][..]), (Step::DumpFast, &fast, &["--compress=1"])]
        {
            let mut arguments = vec!["--format=custom".to_owned()];
            arguments.extend(level.iter().map(|&word| word.to_owned()));
            arguments.push(format!("--file={}", file.display()));
            let invocation = self.client("pg_dump", DATABASE, &arguments);
            self.measure(step, &invocation, Written::File(file.clone()), None, record)?;
        }
        fs::remove_file(&fast).map_err(cannot("remove a dump"))?;

        let place = self.place("icecore")?;
        self.first(&place, record)?;
        self.measure(Step::Proof, &self.psql(DATABASE, PROOF), Written::Nothing, None, record)?;

        let target = self.cluster.url(RESTORED);
        let restore = ["restore", "latest", "--target", &target];
        self.restored(|| self.own(Step::Restore, &place, &restore, Written::Nothing, record))?;
        let arguments = ["--jobs=2".to_owned(), dump.display().to_string()];
        let pg_restore = self.client("pg_restore", RESTORED, &arguments);
        self.restored(|| {
            self.measure(Step::RestoreDump, &pg_restore, Written::Nothing, None, record)
        })?;
        fs::remove_file(&dump).map_err(cannot("remove a dump"))?;

        store.append(self.cluster, appended, self.interrupt)?;
        self.cluster.psql(DATABASE, "CHECKPOINT");
        let before = repository_bytes(&place)?;
        let source = self.cluster.url(DATABASE);
        let backup = ["backup", "events", &source];
        self.own(Step::Appended, &place, &backup, Written::Repository(before), record)?;
        place.remove().map_err(cannot("remove a repository"))?;

        let place = self.place("icecore-positions")?;
        let source = self.cluster.url(WITH_POSITIONS);
        let backup = ["backup", "events", &source];
        self.own(Step::FirstByPositions, &place, &backup, Written::Repository(0), record)?;
        self.own(Step::UnchangedByPositions, &place, &backup, Written::Nothing, record)?;
        place.remove().map_err(cannot("remove a repository"))
    }

    /// Makes a first backup and another one, and nothing else.
    pub(super) fn back_up(&self, record: Record<'_>) -> Result<(), CompareError> {
        let place = self.place("icecore")?;
        self.first(&place, record)?;
        place.remove().map_err(cannot("remove a repository"))
    }

    fn first(&self, place: &Place, record: Record<'_>) -> Result<(), CompareError> {
        let source = self.cluster.url(DATABASE);
        let backup = ["backup", "events", &source];
        self.own(Step::First, place, &backup, Written::Repository(0), record)?;
        self.own(Step::Open, place, &["snapshots"], Written::Nothing, record)?;
        self.own(Step::Unchanged, place, &backup, Written::Nothing, record)
    }

    /// A place with a new repository.
    fn place(&self, name: &str) -> Result<Place, CompareError> {
        let place = Place::new(self.work.join(name));
        place.create().map_err(cannot("make a folder"))?;
        self.icecore(&place, &["init"]).run(self.interrupt)?;
        Ok(place)
    }

    /// Restores into an empty database, which has to be like the store then.
    fn restored(
        &self,
        restore: impl FnOnce() -> Result<(), CompareError>,
    ) -> Result<(), CompareError> {
        self.cluster.create_database(RESTORED);
        self.cluster.psql(RESTORED, "CHECKPOINT");
        restore()?;
        let [expected, found] = [DATABASE, RESTORED].map(|it| self.cluster.psql(it, WHAT_IT_IS));
        self.cluster.psql(DATABASE, &format!("DROP DATABASE {RESTORED}"));
        if expected == found {
            return Ok(());
        }
        let difference = format!("the store is {expected}, and what was restored is {found}");
        Err(cannot("compare what was restored")(io::Error::other(difference)))
    }

    /// Measures a command of icecore.
    fn own(
        &self,
        step: Step,
        place: &Place,
        arguments: &[&str],
        written: Written,
        record: Record<'_>,
    ) -> Result<(), CompareError> {
        let invocation = self.icecore(place, arguments);
        self.measure(step, &invocation, written, Some(place), record)
    }

    fn measure(
        &self,
        step: Step,
        invocation: &Invocation,
        written: Written,
        place: Option<&Place>,
        record: Record<'_>,
    ) -> Result<(), CompareError> {
        // What was written meanwhile is not to be written at the expense of this.
        rustix::fs::sync();
        let load_before = machine::load();
        let usage = invocation.run(self.interrupt)?;
        let repository_bytes = match (written, place) {
            (Written::File(file), _) => {
                Some(fs::metadata(file).map_err(cannot("look at a dump"))?.len())
            }
            (Written::Repository(before), Some(place)) => {
                Some(repository_bytes(place)?.saturating_sub(before))
            }
            _ => None,
        };
        let command = invocation.command_line().replace(&*self.work.to_string_lossy(), "WORK");
        record(step, command, Run { usage, repository_bytes, load_before });
        Ok(())
    }

    fn icecore(&self, place: &Place, arguments: &[&str]) -> Invocation {
        let mut environment = bare_environment(&place.home());
        environment.push(("ICECORE_PASSWORD".into(), PASSWORD.into()));
        environment.push(("ICECORE_REPOSITORY".into(), place.repository().into()));
        let arguments = ["--quiet"].iter().chain(arguments).map(|&word| word.to_owned()).collect();
        self.invocation(self.icecore.to_owned(), arguments, environment)
    }

    fn psql(&self, database: &str, sql: &str) -> Invocation {
        let arguments = ["--no-psqlrc".to_owned(), format!("--command={sql}")];
        self.client("psql", database, &arguments)
    }

    /// One of PostgreSQL's own programs.
    fn client(&self, program: &str, database: &str, more: &[String]) -> Invocation {
        let mut arguments = vec![format!("--dbname={}", self.cluster.url(database))];
        arguments.extend_from_slice(more);
        let environment = bare_environment("/nonexistent");
        self.invocation(self.cluster.program(program), arguments, environment)
    }

    fn invocation(
        &self,
        program: PathBuf,
        arguments: Vec<String>,
        environment: Vec<(OsString, OsString)>,
    ) -> Invocation {
        Invocation { program, arguments, environment, folder: self.work.to_owned() }
    }
}

fn repository_bytes(place: &Place) -> Result<u64, CompareError> {
    place.repository_bytes().map_err(cannot("measure the repository"))
}

fn cannot(action: &'static str) -> impl FnOnce(io::Error) -> CompareError {
    move |source| CompareError::Io { action, source }
}
