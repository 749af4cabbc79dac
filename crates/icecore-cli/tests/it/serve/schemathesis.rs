//! The server does what its description says, whatever it is sent.

use super::client::{Server, TOKEN};
use crate::support::{Sandbox, outcome_of};

/// What is sent and how much of it: the same each time, and less than a minute of it.
const SEED: &str = "1";
const EXAMPLES: &str = "25";

/// What is not asked for: that text is accepted wherever text is allowed. Whether it is a time, a pattern
/// or a place is for the server to say.
const LEFT_OUT: &str = "positive_data_acceptance";

#[test]
fn answers_are_as_described_whatever_is_sent() {
    let Some(schemathesis) = icecore_test_servers::schemathesis() else { return };
    let sandbox = Sandbox::with_snapshot();
    let server = Server::start(&sandbox);
    let description = format!("{}/v1/openapi.json", server.url());
    let header = format!("Authorization: Bearer {TOKEN}");
    let mut command = sandbox.program(schemathesis.to_str().unwrap());
    command.args(["run", &description, "--header", &header, "--no-color", "--warnings", "off"]);
    command.args(["--seed", SEED, "--max-examples", EXAMPLES, "--exclude-checks", LEFT_OUT]);
    command.args(["--generation-database", "none", "--request-timeout", "30"]);
    // What it keeps, it keeps in the sandbox.
    let outcome = outcome_of(&mut command);
    assert_eq!(outcome.code, 0, "{}\n{}", outcome.stdout, outcome.stderr);
    assert!(outcome.stdout.contains("Tested: 16"), "{}", outcome.stdout);
    // It goes on as if nothing had been.
    server.get("/health").expect(200);
    server.signal();
    server.outcome().expect(0);
    sandbox.run(["check", "--read-data"]).expect(0);
}
