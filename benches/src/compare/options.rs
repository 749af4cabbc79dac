//! What can be said on the command line.

use super::tools::{ICECORE, PEERS};
use clap::builder::PossibleValuesParser;
use clap::{Parser, ValueEnum};
use serde::Serialize;
use std::path::PathBuf;

/// Compares icecore with its peers: the same data, the same level of safety, one table.
#[derive(Debug, Parser)]
#[command(name = "compare", max_term_width = 100)]
pub struct Options {
    /// What is backed up
    #[arg(value_enum)]
    pub what: What,
    /// How many events the first backup has; the later ones have one in a hundred more
    #[arg(long, default_value_t = 3_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub events: u64,
    /// What the events are generated from
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How often everything is done; figures are medians
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    pub rounds: u64,
    /// Of events, compare only these, such as icecore,restic
    #[arg(long, value_name = "TOOL,…", value_delimiter = ',')]
    #[arg(value_parser = PossibleValuesParser::new(names()))]
    pub only: Vec<String>,
    /// Write everything that was measured to a file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Work in a new folder within this one [default: compare in the target directory]
    #[arg(long, value_name = "DIR")]
    pub work: Option<PathBuf>,
    /// Leave the working folder there
    #[arg(long)]
    pub keep: bool,
    /// Of events, build those peers as well that take minutes to build
    #[arg(long)]
    pub install_all: bool,
    /// The icecore to compare [default: the one beside this program]
    #[arg(long, value_name = "PROGRAM")]
    pub icecore: Option<PathBuf>,
}

/// What can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Event stores, as NDJSON
    Events,
    /// An event store in PostgreSQL, beside PostgreSQL's own tools
    Postgres,
    /// Narrow events in PostgreSQL, any number of them: whether memory stays what it is
    PostgresNarrow,
    /// Following an event store in PostgreSQL, and recovering from what was captured
    Follow,
    /// A day of tail, in flushes a second and a minute apart
    TailScale,
    /// A repository on S3 that is far away, beside one on a local disk
    Latency,
}

impl Options {
    /// Whether this tool is to be compared.
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    /// How many events are appended after the first backup.
    pub fn appended_events(&self) -> u64 {
        self.events.div_ceil(100)
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    std::iter::once(ICECORE).chain(PEERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, clap::Error> {
        Options::try_parse_from([&["compare"], arguments].concat())
    }

    #[test]
    fn everything_is_compared_unless_only_some_are_wanted() {
        let all = parse(&["events"]).unwrap();
        assert!(names().all(|name| all.wants(name)));
        assert_eq!((all.events, all.appended_events(), all.rounds), (3_000_000, 30_000, 3));
        let two = parse(&["events", "--only", "icecore,borg"]).unwrap();
        let wanted: Vec<_> = names().filter(|name| two.wants(name)).collect();
        assert_eq!(wanted, ["icecore", "borg"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert!(parse(&["everything"]).is_err());
        assert!(parse(&["events", "--only", "tar"]).is_err());
        assert!(parse(&["events", "--rounds", "0"]).is_err());
        assert!(parse(&["events", "--events", "0"]).is_err());
    }
}
