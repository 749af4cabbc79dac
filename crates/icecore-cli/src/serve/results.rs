//! What jobs end with, for the description: the summaries of the commands.

use crate::commands::{backup, check, drill, recover, restore};
use std::borrow::Cow;
use utoipa::openapi::schema::{AnyOfBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// Any of the summaries.
pub(super) struct JobResult;

/// A name and what it names.
type Named = (String, RefOr<Schema>);

impl PartialSchema for JobResult {
    fn schema() -> RefOr<Schema> {
        let mut any = AnyOfBuilder::new()
            .description(Some("The `summary` that the command prints: which, says the operation"));
        for (name, _) in summaries() {
            any = any.item(Ref::from_schema_name(name));
        }
        RefOr::T(any.build().into())
    }
}

impl ToSchema for JobResult {
    fn name() -> Cow<'static, str> {
        "JobResult".into()
    }

    fn schemas(schemas: &mut Vec<Named>) {
        schemas.extend(summaries());
        backup::Summary::schemas(schemas);
        restore::Summary::schemas(schemas);
        restore::PlanSummary::schemas(schemas);
        recover::report::Summary::schemas(schemas);
        recover::report::PlanSummary::schemas(schemas);
        check::Summary::schemas(schemas);
        drill::DrillReport::schemas(schemas);
    }
}

fn summaries() -> [Named; 7] {
    [
        named::<backup::Summary>(),
        named::<restore::Summary>(),
        named::<restore::PlanSummary>(),
        named::<recover::report::Summary>(),
        named::<recover::report::PlanSummary>(),
        named::<check::Summary>(),
        named::<drill::DrillReport>(),
    ]
}

fn named<T: ToSchema>() -> Named {
    (T::name().into_owned(), T::schema())
}
