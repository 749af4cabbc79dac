//! Rows that are copied into a table, or statements, piece by piece: more than a script can have.

use std::io::{self, Write as _};
use std::process::{Child, Command, Stdio};

/// `psql`, which waits for rows, or for statements.
#[derive(Debug)]
pub struct CopyIn {
    psql: Child,
}

impl CopyIn {
    pub(crate) fn start(psql: &mut Command) -> Self {
        let started = psql.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        Self { psql: started.expect("psql can be started") }
    }

    /// Gives some rows, as the format of the statement has them, or statements. What the server has against them
    /// `psql` says on standard error.
    pub fn write(&mut self, rows: &[u8]) -> io::Result<()> {
        self.psql.stdin.as_mut().expect("it is open until the end").write_all(rows)
    }

    /// Ends them; all must have been taken.
    pub fn finish(mut self) {
        drop(self.psql.stdin.take());
        let status = self.psql.wait().expect("psql can be waited for");
        assert!(status.success(), "psql copied nothing in: {status}");
    }
}
