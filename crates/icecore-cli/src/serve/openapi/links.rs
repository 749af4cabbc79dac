//! What can be asked next: which answers have what other requests need.

use utoipa::openapi::OpenApi;
use utoipa::openapi::RefOr;
use utoipa::openapi::link::LinkBuilder;
use utoipa::openapi::path::{Operation, PathItem};

/// An answer, by its path and status, and the operations that take something of it.
type Link = (&'static str, &'static str, &'static [&'static str], &'static [Parameter]);

/// A parameter, and where it comes from.
type Parameter = (&'static str, &'static str);

const JOB: &[Parameter] = &[("job", "$response.body#/job_id")];
const WITH_A_JOB: &[&str] = &["showJob", "cancelJob", "watchJob"];
const SNAPSHOT: &[Parameter] = &[("snapshot", "$response.body#/snapshots/0/snapshot_id")];
const STREAM: &[Parameter] =
    &[("snapshot", "$request.path.snapshot"), ("stream", "$response.body#/streams/0/stream_id")];

const LINKS: [Link; 7] = [
    ("/v1/jobs/backup", "202", WITH_A_JOB, JOB),
    ("/v1/jobs/restore", "202", WITH_A_JOB, JOB),
    ("/v1/jobs/recover", "202", WITH_A_JOB, JOB),
    ("/v1/jobs/check", "202", WITH_A_JOB, JOB),
    ("/v1/jobs/drill", "202", WITH_A_JOB, JOB),
    ("/v1/snapshots", "200", &["showSnapshot", "listStreams"], SNAPSHOT),
    ("/v1/snapshots/{snapshot}/streams", "200", &["listEvents"], STREAM),
];

/// Adds the links.
pub(super) fn add(description: &mut OpenApi) {
    for (path, status, operations, parameters) in LINKS {
        let item = description.paths.paths.get_mut(path);
        let operation = item.and_then(|PathItem { get, post, .. }| get.as_mut().or(post.as_mut()));
        let answer =
            operation.and_then(|it: &mut Operation| it.responses.responses.get_mut(status));
        let Some(RefOr::T(answer)) = answer else { continue };
        for to in operations {
            let link = LinkBuilder::new().operation_id(*to);
            let link =
                parameters.iter().fold(link, |link, (name, from)| link.parameter(*name, *from));
            answer.links.insert((*to).to_owned(), link.build().into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::described;
    use super::*;
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    #[test]
    fn every_link_leads_from_an_answer_to_an_operation_with_these_parameters() {
        let description = json!(described());
        let operations =
            |item: &Value| item.as_object().unwrap().values().cloned().collect::<Vec<_>>();
        let paths = description["paths"].as_object().unwrap();
        let all: Vec<Value> = paths.values().flat_map(operations).collect();
        let ids: BTreeSet<_> = all.iter().map(|it| it["operationId"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), all.len(), "no two operations are called the same");
        for (path, status, to, parameters) in LINKS {
            let [from] = &operations(&description["paths"][path])[..] else { panic!("{path}") };
            for to in to {
                assert_eq!(from["responses"][status]["links"][to]["operationId"], *to, "{path}");
                let to = all.iter().find(|it| it["operationId"] == *to).unwrap();
                let taken = to["parameters"].as_array().unwrap();
                for (name, _) in parameters {
                    assert!(taken.iter().any(|it| it["name"] == *name), "{path}: {name}");
                }
            }
        }
    }
}
