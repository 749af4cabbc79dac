//! What a person is told of alarms, and of keys.

use super::super::{alarm_advice, witness_advice};
use super::told;
use icecore::key_slots::KeyError;
use icecore::ledger::{Alarm, AppendError, WitnessFinding};
use icecore::local::LocalState;
use icecore_format::{KeyId, RepositoryId, Role};

#[test]
fn each_alarm_says_what_it_means_and_what_to_do() {
    let local = LocalState { state_directory: Some("/state".into()), cache_directory: None };
    let repository = RepositoryId([0x1f; 16]);
    let advice = |alarm: Alarm| alarm_advice(&alarm, repository, &local);
    for (alarm, object) in [
        (Alarm::Damaged { number: 7 }, "ledger/00000000000000000007"),
        (Alarm::Missing { number: 7 }, "ledger/00000000000000000007"),
        (Alarm::Fork { number: 7 }, "ledger/00000000000000000006"),
        (Alarm::RolledBack { found: 7, remembered: 9 }, "ledger/00000000000000000007"),
        (Alarm::Replaced { number: 7 }, "/state/1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f"),
    ] {
        let told = advice(alarm.clone());
        assert!(told.to_do.contains(object), "{alarm:?}: {told:?}");
        assert!(told.means.len() > 40, "{alarm:?}: {told:?}");
    }
    for number in [0, 7] {
        assert!(witness_advice(&WitnessFinding::BeyondEnd { number }).is_some());
        assert!(witness_advice(&WitnessFinding::Differs { number }).is_some());
        // By itself that harms nothing.
        assert_eq!(witness_advice(&WitnessFinding::Unreadable { number }), None);
    }
}

#[test]
fn keys() {
    let id = KeyId([0x1f; 16]);
    insta::assert_snapshot!(told(KeyError::LastAdmin { id }), @"
    error: key 1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f is the last admin's
    hint: nothing was written; `icecore key add --role admin` adds another first, as nobody could add or remove keys any more
    exit code: 1
    ");
    insta::assert_snapshot!(told(KeyError::NotAllowed { role: Role::Writer, what: "add keys" }), @"
    error: a writer key cannot add keys
    hint: nothing was written; open the repository with an admin's password
    exit code: 1
    ");
    insta::assert_snapshot!(told(KeyError::Unknown { name: "abcd".to_owned() }), @"
    error: no key has an id that begins with abcd
    hint: `icecore key list` lists them
    exit code: 1
    ");
    let gone = AppendError::KeyDoesNotCount { id, is: "was removed" };
    insta::assert_snapshot!(told(KeyError::Append(gone)), @"
    error: key 1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f was removed, so what it adds counts for nothing
    hint: nothing was written; an admin can add another key with `icecore key add`
    exit code: 1
    ");
}
