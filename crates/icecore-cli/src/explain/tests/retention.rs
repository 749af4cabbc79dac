//! What a person is told when snapshots are not forgotten.

use super::told;
use icecore::forget::ForgetError;
use icecore::retention::PolicyRefused;
use icecore_format::snapshot::Tag;
use icecore_format::{Role, SnapshotId, Timestamp};

const SNAPSHOT: SnapshotId = SnapshotId([0x1f; 16]);

#[test]
fn a_policy_that_is_likely_a_mistake() {
    insta::assert_snapshot!(told(ForgetError::Policy(PolicyRefused::Empty)), @"
    error: the policy has no rule, so it keeps nothing
    hint: say what to keep, such as --keep-daily 7 --keep-weekly 5; or which snapshots to forget, by their ids
    exit code: 2
    ");
    insta::assert_snapshot!(told(ForgetError::Policy(PolicyRefused::NothingChosen)), @"
    error: no snapshot is of the source, host and labels that the policy is about
    hint: nothing was written; `icecore snapshots` lists sources, hosts and labels
    exit code: 1
    ");
    let tag = Tag { key: "keeep".to_owned(), value: None };
    insta::assert_snapshot!(told(ForgetError::Policy(PolicyRefused::TagOfNothing(tag))), @"
    error: no snapshot has the label keeep, so keeping it keeps nothing
    hint: nothing was written; is it spelt as in `icecore snapshots`? --allow-remove-all goes on without it
    exit code: 1
    ");
}

#[test]
fn a_snapshot_that_stays() {
    let what = "forget snapshots";
    insta::assert_snapshot!(told(ForgetError::NotAllowed { role: Role::Writer, what }), @"
    error: a writer key cannot forget snapshots
    hint: nothing was written; open the repository with an admin's password
    exit code: 1
    ");
    let until = Timestamp(0);
    insta::assert_snapshot!(told(ForgetError::Retained { snapshot: SNAPSHOT, until }), @"
    error: snapshot 1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f is to be kept until its time is up
    hint: nothing was written; --despite-retention forgets it before its time
    exit code: 1
    ");
    let source_name = "shop".to_owned();
    insta::assert_snapshot!(told(ForgetError::Tail { snapshot: SNAPSHOT, source_name }), @"
    error: the newest tail of shop goes on from snapshot 1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f
    hint: nothing was written; `icecore backup events` has the tail go on from a new snapshot, and --allow-remove-all loses what only the tail has
    exit code: 1
    ");
    let (source_name, host) = ("shop".to_owned(), "db-1".to_owned());
    insta::assert_snapshot!(told(ForgetError::RemovesAll { source_name, host }), @"
    error: no snapshot of shop would be left on db-1
    hint: nothing was written; --allow-remove-all leaves nothing of it
    exit code: 1
    ");
    insta::assert_snapshot!(told(ForgetError::Changed { snapshot: SNAPSHOT }), @"
    error: the repository has changed since the plan was made: 1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f is to be kept now
    hint: nothing was written; run it again
    exit code: 11
    ");
}
