//! What tests read of a store, and what a query says that they should.

use crate::events::postgres::connect::{ConnectionSettings, Environment};
use crate::events::postgres::{PostgresSource, SchemaChoice};
use icecore::source::{
    EventBatch, Reading, Since, Source, SourceEnd, SourceError, SourceRequest, WantedFiles,
};
use icecore_format::event::time_text::{self, TimeStyle};
use icecore_format::event::{Event, EventId, EventTime, Members, Payload};
use icecore_format::record::Reader;
use icecore_test_cluster::Cluster;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// An event, as it was read or as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    pub(super) stream: String,
    pub(super) version: u64,
    pub(super) event_type: String,
    pub(super) id: Option<String>,
    pub(super) time: Option<String>,
    /// In hexadecimal.
    pub(super) payload: String,
    pub(super) metadata: Option<String>,
    /// Names, and values in JSON.
    pub(super) members: Vec<(String, String)>,
    pub(super) position: Option<u64>,
}

/// All that one reading gave.
pub(super) struct Given {
    pub(super) reading: Reading,
    pub(super) has_all_known: Option<bool>,
    pub(super) events: Vec<Found>,
    pub(super) end: SourceEnd,
}

impl Given {
    /// What a later reading goes on from.
    pub(super) fn since(&self) -> Since {
        Since {
            resume: self.end.resume.clone(),
            kept: self.end.kept.clone(),
            events: self.events.len() as u64,
        }
    }

    pub(super) fn is_further(&self) -> bool {
        matches!(self.reading, Reading::Further(_))
    }

    /// The ids of the events, in the order in which they came.
    pub(super) fn ids(&self) -> Vec<String> {
        self.events.iter().map(|event| event.id.clone().unwrap_or_default()).collect()
    }

    /// The content of a file beside the events.
    pub(super) fn file(&self, name: &str) -> &str {
        let file = self.end.files.iter().find(|file| file.name == name);
        std::str::from_utf8(&file.unwrap_or_else(|| panic!("no {name}")).content).unwrap()
    }

    /// The names of all files.
    pub(super) fn file_names(&self) -> Vec<&str> {
        self.end.files.iter().map(|file| file.name.as_str()).collect()
    }

    /// The events, without regard to their order.
    pub(super) fn sorted(&self) -> Vec<Found> {
        let mut events = self.events.clone();
        events.sort();
        events
    }
}

/// What leads to a database.
pub(super) fn settings(cluster: &Cluster, database: &str) -> ConnectionSettings {
    let environment =
        Environment { variables: BTreeMap::new(), home: None, user: Some("alice".to_owned()) };
    ConnectionSettings::parse(&cluster.url(database), &environment).unwrap()
}

/// A store of a database.
pub(super) fn source(cluster: &Cluster, database: &str, choice: SchemaChoice) -> PostgresSource {
    PostgresSource::new(settings(cluster, database), choice)
}

/// Reads what is new; everything if nothing is known.
pub(super) async fn read(
    source: &PostgresSource,
    since: Option<Since>,
) -> Result<Given, SourceError> {
    read_as(
        source,
        SourceRequest { since, files: WantedFiles::WithState, ..SourceRequest::default() },
    )
    .await
}

/// Reads as asked.
pub(super) async fn read_as(
    source: &PostgresSource,
    request: SourceRequest,
) -> Result<Given, SourceError> {
    let mut reader = source.open(&request).await?;
    let (reading, has_all_known) = (reader.reading().clone(), reader.has_all_known());
    let mut events = Vec::new();
    while let Some(batch) = reader.next().await? {
        events.extend(events_of(&batch.parse()?));
    }
    Ok(Given { reading, has_all_known, events, end: reader.finish().await? })
}

/// The events of a batch.
pub(super) fn events_of(batch: &EventBatch) -> Vec<Found> {
    let mut begin = 0;
    let event = |(at, end): (usize, &usize)| {
        let mut record = Reader::new("a record", &batch.records[begin..*end]);
        let body = record.bytes().unwrap();
        let position = batch.positions.get(at).copied().flatten();
        begin = *end;
        found(&Event::decode_body(body).unwrap(), position)
    };
    batch.record_ends.iter().enumerate().map(event).collect()
}

fn found(event: &Event<'_>, position: Option<u64>) -> Found {
    let Payload::Inline(payload) = event.payload else { panic!("payloads are inline") };
    Found {
        stream: event.stream.to_owned(),
        version: event.version,
        event_type: event.event_type.to_owned(),
        id: match event.id {
            EventId::None => None,
            EventId::Text(text) => Some(text.to_owned()),
            EventId::Uuid(uuid) => {
                let mut text = Vec::new();
                icecore_format::event::json::put_uuid(&mut text, &uuid);
                Some(String::from_utf8(text).unwrap())
            }
        },
        time: match event.time {
            EventTime::None => None,
            EventTime::Text(text) => Some(text.to_owned()),
            EventTime::At(time) => {
                let mut text = Vec::new();
                time_text::put(&mut text, time, TimeStyle::MICROSECONDS);
                Some(String::from_utf8(text).unwrap())
            }
        },
        payload: hex(payload),
        metadata: event.metadata.map(hex),
        members: members(event.members),
        position,
    }
}

fn members(members: Members<'_>) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
    members.iter().map(|(name, value)| (name.to_owned(), text(value))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Where a query finds what should be read, in SQL.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) from: &'static str,
    pub(super) stream: &'static str,
    pub(super) version: &'static str,
    pub(super) event_type: &'static str,
    pub(super) id: &'static str,
    pub(super) time: &'static str,
    /// As bytes.
    pub(super) payload: &'static str,
    /// As bytes.
    pub(super) metadata: &'static str,
    pub(super) position: &'static str,
    /// Names, and values as JSON.
    pub(super) members: &'static [(&'static str, &'static str)],
}

impl Expected {
    /// The events that the query says there are, sorted.
    pub(super) fn events(&self, cluster: &Cluster, database: &str, before: &str) -> Vec<Found> {
        let Self { from, stream, version, event_type, id, time, payload, metadata, .. } = self;
        let position = self.position;
        let members = self.members.iter();
        let members: Vec<String> = members
            .map(|(name, value)| format!("json_build_array('{name}', ({value})::text)"))
            .collect();
        let members = members.join(", ");
        let sql = format!(
            "{before}; SELECT json_build_array({stream}, {version}, {event_type}, ({id})::text, \
             to_char({time}, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), encode({payload}, 'hex'), \
             encode({metadata}, 'hex'), {position}, json_build_array({members})) FROM {from}"
        );
        let printed = cluster.psql(database, &sql);
        let mut events: Vec<Found> =
            printed.split('\n').filter(|line| !line.is_empty()).map(expected).collect();
        events.sort();
        events
    }
}

fn expected(line: &str) -> Found {
    let values: Vec<Value> = serde_json::from_str(line).unwrap();
    let text = |at: usize| values[at].as_str().map(str::to_owned);
    let member = |pair: &Value| {
        let (name, value) = (pair[0].as_str().unwrap(), pair[1].as_str()?);
        Some((name.to_owned(), value.to_owned()))
    };
    Found {
        stream: text(0).unwrap(),
        version: values[1].as_u64().unwrap(),
        event_type: text(2).unwrap_or_default(),
        id: text(3),
        time: text(4),
        payload: text(5).unwrap_or_default(),
        metadata: text(6),
        position: values[7].as_u64(),
        members: values[8].as_array().unwrap().iter().filter_map(member).collect(),
    }
}
