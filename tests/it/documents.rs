//! What documents say that can be looked up: tests by their names, and policies by their form.

use crate::tidy::{root, rust_files};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

#[test]
fn every_test_that_the_guide_to_ransomware_names_is_there() {
    let guide = fs::read_to_string(root().join("docs/guides/ransomware.md")).unwrap();
    let is_test = |text: &&str| {
        text.matches('_').count() >= 3
            && text.bytes().all(|it| it.is_ascii_lowercase() || it == b'_')
    };
    let named: BTreeSet<&str> = guide.split('`').skip(1).step_by(2).filter(is_test).collect();
    assert!(named.len() >= 8, "the guide names tests otherwise: {named:?}");
    let mut tests = BTreeSet::new();
    for path in rust_files(&["src", "it", "tests"]) {
        let text = fs::read_to_string(path).unwrap();
        for after in text.split("#[test]").chain(text.split("#[tokio::test")).skip(1) {
            let name = after.split_once("fn ").and_then(|(_, name)| name.split('(').next());
            tests.extend(name.map(str::to_owned));
        }
    }
    let missing: Vec<_> = named.into_iter().filter(|name| !tests.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The actions that the policies may have. Source: the service authorization reference of Amazon S3.
const ACTIONS: [&str; 12] = [
    "s3:*",
    "s3:AbortMultipartUpload",
    "s3:DeleteObjectVersion",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetBucketVersioning",
    "s3:GetObject",
    "s3:GetObjectRetention",
    "s3:GetObjectVersion",
    "s3:ListBucket",
    "s3:ListBucketMultipartUploads",
    "s3:ListBucketVersions",
    "s3:PutObject",
];

/// The conditions: operator, key, value. Source: the same, and Amazon's page on enforcing conditional writes.
const CONDITIONS: [(&str, &str, &str); 5] = [
    ("Bool", "aws:SecureTransport", "false"),
    ("Bool", "s3:ObjectCreationOperation", "false"),
    ("Bool", "s3:ObjectCreationOperation", "true"),
    ("Null", "s3:if-none-match", "false"),
    ("Null", "s3:if-none-match", "true"),
];

/// A text, or all of a list of them.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().map(|it| it.as_str().unwrap()).collect(),
        other => panic!("{other} is no text"),
    }
}

#[test]
fn policies_have_known_members_actions_and_conditions_and_no_writer_deletes() {
    let mut seen = Vec::new();
    for entry in fs::read_dir(root().join("docs/policies")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let policy: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let policy = policy.as_object().unwrap();
        assert_eq!(policy.keys().collect::<Vec<_>>(), ["Statement", "Version"], "{name}");
        assert_eq!(policy["Version"], "2012-10-17", "{name}");
        let mut ids = BTreeSet::new();
        for statement in policy["Statement"].as_array().unwrap() {
            let statement = statement.as_object().unwrap();
            let is_of_bucket = name == "s3-bucket";
            for member in statement.keys() {
                let known = ["Action", "Condition", "Effect", "Resource", "Sid"];
                let is_known = known.contains(&member.as_str()) || member == "Principal";
                assert!(is_known, "{name}: {member}");
            }
            // A bucket's policy says whom it is about, and a user's must not.
            assert_eq!(statement.contains_key("Principal"), is_of_bucket, "{name}");
            let effect = if is_of_bucket { "Deny" } else { "Allow" };
            assert_eq!(statement["Effect"], effect, "{name}");
            let id = statement["Sid"].as_str().unwrap();
            assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{name}: {id}");
            assert!(ids.insert(id), "{name}: {id} twice");

            let actions = texts(&statement["Action"]);
            for action in &actions {
                assert!(ACTIONS.contains(action), "{name}: {action}");
                let may_delete = is_of_bucket || name == "s3-admin";
                assert!(may_delete || !action.contains("Delete"), "{name}: {action}");
                assert!(is_of_bucket || *action != "s3:*", "{name}");
            }
            for resource in texts(&statement["Resource"]) {
                let place = resource.strip_prefix("arn:aws:s3:::shop-backups").unwrap();
                assert!(["", "/*", "/events/*"].contains(&place), "{name}: {resource}");
                // What is about a bucket has a bucket for its resource, and the other way around.
                let is_about_bucket = |action: &&str| action.contains("Bucket");
                assert!(
                    is_of_bucket
                        || actions.iter().all(|it| is_about_bucket(it) == place.is_empty())
                );
            }
            let none = serde_json::Map::new();
            let conditions = statement.get("Condition").map_or(&none, |it| it.as_object().unwrap());
            for (operator, keys) in conditions {
                for (key, value) in keys.as_object().unwrap() {
                    let found = (operator.as_str(), key.as_str(), value.as_str().unwrap());
                    assert!(CONDITIONS.contains(&found), "{name}: {found:?}");
                }
            }
            if !is_of_bucket && actions.contains(&"s3:PutObject") {
                assert!(!conditions.is_empty(), "{name} puts without a condition");
            }
        }
        seen.push(name);
    }
    seen.sort_unstable();
    assert_eq!(seen, ["s3-admin", "s3-bucket", "s3-reader", "s3-writer"]);
}
