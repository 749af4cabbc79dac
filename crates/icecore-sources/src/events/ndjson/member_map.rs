//! Which member of a line is read for which field of an event.

use std::fmt;

/// A field of an event that a line may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Stream,
    Version,
    Type,
    Data,
    Position,
    Id,
    Time,
    Metadata,
}

impl Field {
    pub(super) const ALL: [Self; 8] = [
        Self::Stream,
        Self::Version,
        Self::Type,
        Self::Data,
        Self::Position,
        Self::Id,
        Self::Time,
        Self::Metadata,
    ];

    /// The member that is read for it unless a map says otherwise, and that we write ourselves.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream_id",
            Self::Version => "version",
            Self::Type => "type",
            Self::Data => "data",
            Self::Position => "position",
            Self::Id => "event_id",
            Self::Time => "recorded_at",
            Self::Metadata => "metadata",
        }
    }

    /// Whether every event has it.
    pub(super) fn is_required(self) -> bool {
        matches!(self, Self::Stream | Self::Version | Self::Type | Self::Data)
    }
}

/// Which member of a line is read for which field. Each field has a member of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberMap {
    /// By field.
    members: [String; Field::ALL.len()],
}

impl Default for MemberMap {
    fn default() -> Self {
        Self { members: Field::ALL.map(|field| field.name().to_owned()) }
    }
}

impl MemberMap {
    /// Reads each field (`stream_id`, `version`, `type`, `data`, `position`, `event_id`,
    /// `recorded_at`, `metadata`) named first in a pair from the member named second, and the
    /// others from the members that are called as they are.
    pub fn new<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, MemberMapError> {
        let mut map = Self::default();
        let mut mapped: Vec<&str> = Vec::new();
        for (name, member) in pairs {
            let unknown = || MemberMapError::UnknownField { field: name.to_owned() };
            let field =
                Field::ALL.into_iter().find(|field| field.name() == name).ok_or_else(unknown)?;
            if mapped.contains(&name) {
                return Err(MemberMapError::FieldTwice { field: name.to_owned() });
            }
            mapped.push(name);
            member.clone_into(&mut map.members[field as usize]);
        }
        for (index, field) in Field::ALL.into_iter().enumerate() {
            let member = map.member(field);
            if let Some(other) =
                Field::ALL[..index].iter().find(|other| map.member(**other) == member)
            {
                return Err(MemberMapError::MemberTwice {
                    member: member.to_owned(),
                    fields: [other.name(), field.name()],
                });
            }
        }
        Ok(map)
    }

    /// The member that is read for `field`.
    pub(super) fn member(&self, field: Field) -> &str {
        &self.members[field as usize]
    }

    /// The field that the member `name` is read for.
    pub(super) fn field(&self, name: &str) -> Option<Field> {
        Field::ALL.into_iter().find(|field| self.members[*field as usize] == name)
    }
}

/// A map that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemberMapError {
    /// There is no such field.
    #[error("'{field}' is no field of an event; the fields are {FieldNames}")]
    UnknownField {
        /// What it says.
        field: String,
    },
    /// A field is mapped more than once.
    #[error("'{field}' is mapped more than once")]
    FieldTwice {
        /// The field.
        field: String,
    },
    /// One member would be read for two fields.
    #[error("the member '{member}' cannot be read for both {} and {}", fields[0], fields[1])]
    MemberTwice {
        /// The member.
        member: String,
        /// The fields.
        fields: [&'static str; 2],
    },
}

/// Prints the names of all fields.
struct FieldNames;

impl fmt::Display for FieldNames {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&Field::ALL.map(Field::name).join(", "))
    }
}
