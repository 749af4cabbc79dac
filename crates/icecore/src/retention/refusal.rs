//! Policies that are likely mistakes: they are refused, unless somebody says that they are meant.

use super::policy::has_tag;
use super::{Candidate, Policy, Scope};
use icecore_format::snapshot::Tag;

/// A policy that is not applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyRefused {
    /// There is no rule, so nothing would be kept.
    #[error("the policy has no rule, so it keeps nothing")]
    Empty,
    /// It is about snapshots of which there are none.
    #[error("no snapshot is of the source, host and labels that the policy is about")]
    NothingChosen,
    /// A label is to be kept that nothing has.
    #[error("no snapshot has the label {0}, so keeping it keeps nothing")]
    TagOfNothing(Tag),
}

/// What is wrong with a policy that is about these.
pub(super) fn check(considered: &[&Candidate], policy: &Policy) -> Result<(), PolicyRefused> {
    if considered.is_empty() && policy.has_filter() {
        return Err(PolicyRefused::NothingChosen);
    }
    // Everything of everything is never meant; everything of something may be.
    let may_be_empty =
        policy.scope == Scope::Expired || (policy.may_remove_all && policy.has_filter());
    if policy.is_empty() && !may_be_empty {
        return Err(PolicyRefused::Empty);
    }
    let of_nothing = |tag: &&Tag| !considered.iter().any(|candidate| has_tag(candidate, tag));
    match policy.tags.iter().find(of_nothing) {
        Some(tag) if !policy.may_remove_all => Err(PolicyRefused::TagOfNothing(tag.clone())),
        _ => Ok(()),
    }
}
