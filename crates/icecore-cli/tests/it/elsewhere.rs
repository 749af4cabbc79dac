//! Repositories that are on servers, for tests.

use crate::support::{Outcome, Sandbox, outcome_of, shop};
use icecore_test_servers::S3Server;
use std::process::Command;

/// A sandbox whose repository is on a server.
pub(crate) struct Elsewhere {
    pub(crate) sandbox: Sandbox,
    pub(crate) url: String,
    variables: Vec<(&'static str, String)>,
}

impl Elsewhere {
    pub(crate) fn new<const N: usize>(url: &str, variables: [(&'static str, &str); N]) -> Self {
        let variables = variables.map(|(name, value)| (name, value.to_owned())).to_vec();
        Self { sandbox: Sandbox::without_repository(), url: url.to_owned(), variables }
    }

    pub(crate) fn s3(server: &S3Server) -> Self {
        server.create_bucket("backups");
        let url = format!("s3://backups/of/shop?endpoint={}", server.endpoint());
        Self::new(&url, [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
    }

    pub(crate) fn command<'a>(&self, arguments: impl AsRef<[&'a str]>) -> Command {
        let mut command = self.sandbox.command(arguments);
        self.tell(&mut command);
        command
    }

    /// Tells a program where the repository is, and who asks.
    pub(crate) fn tell(&self, command: &mut Command) {
        command.env("ICECORE_REPOSITORY", &self.url);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
    }

    pub(crate) fn run<'a>(&self, arguments: impl AsRef<[&'a str]>) -> Outcome {
        outcome_of(&mut self.command(arguments))
    }

    /// Backs up a shop of so many orders.
    pub(crate) fn back_up(&self, orders: u64) {
        let source = format!("ndjson:{}", self.sandbox.write_shop(orders));
        self.run(["backup", "events", &source, "--name", "shop"]).expect(0);
    }

    /// Restores the latest state of the shop, which has to have so many orders.
    pub(crate) fn assert_restores(&self, orders: u64) {
        let restore = ["restore", "latest", "--source", "shop", "--target", "-"];
        let restored = self.run(restore).expect(0);
        assert_eq!(restored.stdout, shop(orders));
    }
}
