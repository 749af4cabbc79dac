//! A command's options as a body or as a query, and how these are described.

use super::members::{self, Kind, Member, Operation};
use super::problem::{Code, Problem};
use crate::commands::{backup, check, drill, recover, restore, snapshots, timeline};
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use serde_json::{Map, Value};
use std::borrow::Cow;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{RefOr, Required, SchemaFormat};
use utoipa::{IntoParams, PartialSchema, ToSchema};

/// The arguments of an operation, and the members of the body that said them.
pub(super) struct Body<O> {
    pub(super) arguments: O,
    pub(super) members: Map<String, Value>,
}

/// The arguments of an operation from a query.
pub(super) struct Query<O>(pub(super) O);

impl Operation for backup::EventsArguments {
    const NAME: &'static str = "BackupRequest";
}

impl Operation for restore::Arguments {
    const NAME: &'static str = "RestoreRequest";
    const HAS_NAMED_SOURCE: bool = true;
}

impl Operation for recover::Arguments {
    const NAME: &'static str = "RecoverRequest";
    const HAS_NAMED_SOURCE: bool = true;
}

impl Operation for check::Arguments {
    const NAME: &'static str = "CheckRequest";
}

impl Operation for drill::Arguments {
    const NAME: &'static str = "DrillRequest";
    // What runs a program is for who may log in, and the result is the report.
    const LEFT_OUT: &'static [&'static str] = &["check_sql", "check_command", "report"];
    const HAS_NAMED_SOURCE: bool = true;
}

impl Operation for snapshots::Arguments {
    const NAME: &'static str = "Snapshots";
    const HAS_NAMED_SOURCE: bool = true;
}

impl Operation for timeline::Arguments {
    const NAME: &'static str = "Timeline";
    const HAS_NAMED_SOURCE: bool = true;
}

impl<O: Operation, S: Send + Sync> FromRequest<S> for Body<O> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "the header `Content-Type` has to be application/json";
            return Err(Problem::new(Code::UnsupportedMediaType, detail));
        }
        let bytes =
            Bytes::from_request(request, state).await.map_err(|rejection| {
                match rejection.into_response().status() {
                    StatusCode::PAYLOAD_TOO_LARGE => {
                        Problem::new(Code::TooLarge, "a body has 1 MiB at most")
                    }
                    _ => Problem::new(Code::BadRequest, "the body ended early"),
                }
            })?;
        let body = serde_json::from_slice(&bytes)
            .map_err(|error| Problem::new(Code::BadRequest, format!("this is no JSON: {error}")))?;
        let Value::Object(members) = body else {
            return Err(Problem::invalid("the body has to be an object"));
        };
        Ok(Self { arguments: members::from_json(&members)?, members })
    }
}

impl<O: Operation, S: Send + Sync> FromRequestParts<S> for Query<O> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        members::from_query(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let said = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = said.and_then(|said| said.split(';').next()).unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

impl<O: Operation> PartialSchema for Body<O> {
    fn schema() -> RefOr<Schema> {
        let mut object = ObjectBuilder::new()
            .description(Some("The options of the command"))
            .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
        for member in members::members::<O>() {
            object = object.property(&member.name, schema(&member, true));
            if member.is_required {
                object = object.required(member.name);
            }
        }
        RefOr::T(object.build().into())
    }
}

impl<O: Operation> ToSchema for Body<O> {
    fn name() -> Cow<'static, str> {
        O::NAME.into()
    }
}

impl<O: Operation> IntoParams for Query<O> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let parameter = |member: Member| {
            let required = if member.is_required { Required::True } else { Required::False };
            ParameterBuilder::new()
                .name(&member.name)
                .parameter_in(ParameterIn::Query)
                .required(required)
                .description(Some(&member.help))
                .schema(Some(schema(&member, false)))
                .build()
        };
        members::members::<O>().into_iter().map(parameter).collect()
    }
}

fn schema(member: &Member, has_help: bool) -> Schema {
    let help = has_help.then(|| member.help.clone());
    let of_one = match &member.kind {
        Kind::Flag => ObjectBuilder::new().schema_type(Type::Boolean),
        Kind::Number => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::Custom("uint64".to_owned())))
            .minimum(Some(0)),
        Kind::Text => ObjectBuilder::new().schema_type(Type::String),
        Kind::Choice(names) => {
            ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names.clone()))
        }
    };
    let of_one = of_one.default(member.default.clone().map(Value::from));
    if member.is_list {
        ArrayBuilder::new().items(of_one.build()).description(help).build().into()
    } else {
        of_one.description(help).build().into()
    }
}
