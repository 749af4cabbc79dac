//! The description of the interface, from the code that answers.

mod links;

use super::paths;
use super::problem::{PROBLEM_JSON, ProblemView};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use utoipa::PartialSchema as _;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, ResponseBuilder,
};

/// What security is called.
const TOKEN: &str = "token";

/// What every operation may answer beside what it says.
const REFUSALS: [(&str, &str); 4] = [
    ("400", "The request is malformed"),
    ("401", "The token is missing or wrong"),
    ("421", "The host is not this one"),
    ("500", "It did not work"),
];

/// What is said of all of it.
pub(super) fn frame() -> OpenApi {
    let info = InfoBuilder::new()
        .title("IceCore")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("A repository of backups of event stores"))
        .build();
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let components = ComponentsBuilder::new()
        .security_scheme(TOKEN, SecurityScheme::Http(scheme))
        .schema("Problem", ProblemView::schema())
        .build();
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .security(Some([SecurityRequirement::new(TOKEN, Vec::<String>::new())]))
        .build()
}

/// The description as text.
pub(crate) fn description() -> String {
    // Maps without text as keys cannot be written, and there are none.
    described().to_pretty_json().unwrap_or_default() + "\n"
}

fn described() -> OpenApi {
    let (_, mut description) = paths::described().split_for_parts();
    for (path, item) in &mut description.paths.paths {
        let refusals = refusals_of(path);
        for operation in operations(item) {
            for (status, said) in REFUSALS.iter().chain(&refusals) {
                add_refusal(operation, status, said);
            }
            if operation.request_body.is_some() {
                for (status, said) in [
                    ("413", "The body is too large"),
                    ("415", "The body is no JSON"),
                    ("429", "Too many jobs are waiting"),
                    ("503", "The server is ending"),
                ] {
                    add_refusal(operation, status, said);
                }
            }
        }
    }
    links::add(&mut description);
    description
}

/// The description of this interface
#[utoipa::path(
    get,
    operation_id = "describe",
    path = "/v1/openapi.json",
    tag = "server",
    responses((status = 200, description = "An OpenAPI document", body = Object))
)]
pub(super) async fn get() -> Response {
    ([(CONTENT_TYPE, "application/json")], description()).into_response()
}

/// What is answered where a path or its query names what is not there or makes no sense.
fn refusals_of(path: &str) -> Vec<(&'static str, &'static str)> {
    let is_static = ["/health", "/v1/openapi.json", "/v1/jobs"].contains(&path);
    let is_start = path.starts_with("/v1/jobs/") && !path.contains('{');
    let mut refusals = Vec::new();
    if !is_static && !is_start {
        refusals.push(("404", "There is nothing of this name"));
    }
    if !is_static && !path.starts_with("/v1/jobs/{") {
        refusals.push(("422", "The request makes no sense"));
    }
    refusals
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post].into_iter().flatten()
}

fn add_refusal(operation: &mut Operation, status: &str, said: &str) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response = ResponseBuilder::new().description(said).content(PROBLEM_JSON, content).build();
    operation.responses.responses.insert(status.to_owned(), response.into());
}
