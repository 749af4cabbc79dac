//! One round of one tool: everything that is measured, in order, from an empty folder.

use super::interrupt::Interrupt;
use super::machine;
use super::place::{self, Place};
use super::process::{Invocation, RunError};
use super::report::{Run, Step, ToolReport};
use super::source::{Cold, FILE_NAME, Source, same_bytes};
use super::tools::{Action, Tool, stream_ids};
use std::io;

/// How many streams are restored alone in a round, each another.
const STREAMS: usize = 5;
/// How often a repository is only opened in a round, as that is soon done.
const OPENINGS: usize = 3;

/// Why a tool did not get to the end of a round.
#[derive(Debug, thiserror::Error)]
pub(super) enum RoundError {
    /// A program brought no result.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Something around it failed.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Why.
        source: io::Error,
    },
    /// What came back is not what was backed up.
    #[error("what it restored is not what was backed up")]
    Different,
    /// Whoever looked at the first backup wants no more.
    #[error("the data were refused")]
    Refused,
}

/// What a round needs, beside the tool.
pub(super) struct Round<'a> {
    /// Where the tool works.
    pub place: &'a Place,
    /// What is backed up.
    pub source: &'a Source,
    /// Whether to end.
    pub interrupt: &'a Interrupt,
    /// Told after each step: its name and its wall time in seconds.
    pub progress: &'a dyn Fn(Step, f64),
    /// Asked after the first backup, with the size of the repository, whether to go on.
    pub accept: &'a dyn Fn(u64) -> bool,
}

impl Round<'_> {
    /// Makes all steps. What was measured before one failed is in `report` all the same. Returns
    /// how the page cache was emptied.
    pub(super) fn run(&self, tool: &Tool, report: &mut ToolReport) -> Result<Cold, RoundError> {
        let (place, source) = (self.place, self.source);
        let file = source.file();
        let warm_file = || place::warm(&file).map_err(cannot("read the source"));

        source.cut_back().map_err(cannot("cut the source back"))?;
        self.create_repository(tool)?;
        report.init = tool.init_line(place, source.folder()).unwrap_or_default();

        // 1. The first backup.
        warm_file()?;
        // Nothing is not a repository yet: the first backup is charged with all of it.
        self.measure(tool, Step::First, Action::First, Some(0), report)?;
        let stored = self.repository_bytes()?;
        if !(self.accept)(stored) {
            return Err(RoundError::Refused);
        }
        for _ in 0..OPENINGS {
            self.measure(tool, Step::Open, Action::Open, None, report)?;
        }
        place.save().map_err(cannot("copy the repository"))?;

        // 2. Everything again, from the disk, and nothing is new.
        source.touch().map_err(cannot("touch the source"))?;
        let cold = source.make_cold().map_err(cannot("empty the page cache"))?;
        self.measure(tool, Step::Reread, Action::Reread, Some(stored), report)?;

        // 3. Events were appended: each way from the state after the first backup, and the one that
        //    everybody has last, as the following steps need it.
        source.append().map_err(cannot("append to the source"))?;
        for (step, action) in
            [(Step::AppendedTrusting, Action::AppendedTrusting), (Step::Appended, Action::Appended)]
        {
            place.put_back().map_err(cannot("put the repository back"))?;
            warm_file()?;
            self.measure(tool, step, action, Some(stored), report)?;
        }

        // 4. Restore, and look whether it is the same.
        place.warm_repository().map_err(cannot("read the repository"))?;
        place.create_restored().map_err(cannot("create a folder to restore to"))?;
        self.measure(tool, Step::Restore, Action::Restore, None, report)?;
        let restored = place.restored_file(FILE_NAME).map_err(cannot("find what was restored"))?;
        let same = restored.map(|restored| same_bytes(&restored, &file)).transpose();
        if same.map_err(cannot("read what was restored"))? != Some(true) {
            return Err(RoundError::Different);
        }
        place.remove_restored().map_err(cannot("remove what was restored"))?;

        // 5. Check all data.
        self.measure(tool, Step::Check, Action::Check, None, report)?;

        // 6. One stream.
        self.streams(tool, report)?;
        place.remove().map_err(cannot("remove the tool's folder"))?;
        Ok(cold)
    }

    /// What a new repository grows by when it gets the appended events alone; `None` if the tool is
    /// not asked for that.
    pub(super) fn appended_alone(&self, tool: &Tool) -> Result<Option<u64>, RoundError> {
        let Some(alone) = self.invocation(tool, Action::Alone) else { return Ok(None) };
        self.create_repository(tool)?;
        let before = self.repository_bytes()?;
        alone.run(self.interrupt)?;
        let grown = self.repository_bytes()?.saturating_sub(before);
        self.place.remove().map_err(cannot("remove the tool's folder"))?;
        Ok(Some(grown))
    }

    fn create_repository(&self, tool: &Tool) -> Result<(), RoundError> {
        self.place.create().map_err(cannot("create the tool's folder"))?;
        let file = self.source.file();
        tool.prepare(self.place, &file).map_err(cannot("configure the tool"))?;
        if let Some(init) = self.invocation(tool, Action::Init) {
            init.run(self.interrupt)?;
        }
        Ok(())
    }

    fn streams(&self, tool: &Tool, report: &mut ToolReport) -> Result<(), RoundError> {
        let Some(list) = self.invocation(tool, Action::ListStreams) else { return Ok(()) };
        for id in stream_ids(&list.output(self.interrupt)?, STREAMS) {
            self.place.create_restored().map_err(cannot("create a folder to restore to"))?;
            self.measure(tool, Step::OneStream, Action::OneStream(&id), None, report)?;
        }
        Ok(())
    }

    /// Runs one step and records what it took; does nothing if the tool knows no such thing.
    /// `before` is what the repository came to, if the step adds to it.
    fn measure(
        &self,
        tool: &Tool,
        step: Step,
        action: Action,
        before: Option<u64>,
        report: &mut ToolReport,
    ) -> Result<(), RoundError> {
        let Some(invocation) = self.invocation(tool, action) else { return Ok(()) };
        // What was written meanwhile is not to be written at the expense of this.
        rustix::fs::sync();
        let load_before = machine::load();
        let usage = invocation.run(self.interrupt)?;
        let repository_bytes = match before {
            Some(before) => Some(self.repository_bytes()?.saturating_sub(before)),
            None => None,
        };
        let run = Run { usage, repository_bytes, load_before };
        report.record(step, invocation.command_line(), run);
        (self.progress)(step, usage.wall_s);
        Ok(())
    }

    fn invocation(&self, tool: &Tool, action: Action) -> Option<Invocation> {
        tool.invocation(action, self.place, self.source.folder())
    }

    fn repository_bytes(&self) -> Result<u64, RoundError> {
        self.place.repository_bytes().map_err(cannot("measure the repository"))
    }
}

fn cannot(action: &'static str) -> impl FnOnce(io::Error) -> RoundError {
    move |source| RoundError::Io { action, source }
}
