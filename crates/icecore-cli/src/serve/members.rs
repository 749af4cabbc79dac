//! The options of a command as members of a request: what there are, and how they are read.
//!
//! They are taken from what the command says of its own arguments, so a request takes what the command
//! takes, by the same rules.

use super::problem::Problem;
use crate::locator::Locator;
use crate::stream_list::STANDARD_INPUT;
use clap::builder::ValueParser;
use clap::{Arg, ArgAction, Args, Command};
use serde_json::{Map, Value};
use std::any::TypeId;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// Members that name what is read or written.
const LOCATORS: [&str; 3] = ["source", "target", "live"];

/// Members that name a file of ids.
const LISTS: [&str; 1] = ["streams_from"];

/// Arguments that requests have, and what operations make of them.
pub(super) trait Operation: Args {
    /// What it is called in the description.
    const NAME: &'static str;
    /// Options that no request has.
    const LEFT_OUT: &'static [&'static str] = &[];
    /// Whether `source` may be a name, and need be no locator.
    const HAS_NAMED_SOURCE: bool = false;
}

/// One option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) help: String,
    pub(super) kind: Kind,
    pub(super) is_list: bool,
    pub(super) is_required: bool,
    /// What it is if it is left out.
    pub(super) default: Option<String>,
    /// What the command calls it, unless it has a place instead.
    long: Option<String>,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Flag,
    Number,
    Text,
    Choice(Vec<String>),
}

/// Values of a member, as texts; of a flag one if it is set.
type Given = BTreeMap<String, Vec<String>>;

/// What requests of an operation have.
pub(super) fn members<O: Operation>() -> Vec<Member> {
    let command = command::<O>();
    let members = command.get_arguments().filter(|it| !it.is_hide_set()).map(Member::new);
    members.filter(|member| !O::LEFT_OUT.contains(&member.name.as_str())).collect()
}

/// Reads the members of a body.
pub(super) fn from_json<O: Operation>(body: &Map<String, Value>) -> Result<O, Problem> {
    let members = members::<O>();
    let mut given = Given::new();
    for (name, value) in body {
        let member = find(&members, name)?;
        given.insert(name.clone(), member.texts(value)?);
    }
    read::<O>(&members, given)
}

/// Reads the parameters of a query.
pub(super) fn from_query<O: Operation>(query: &str) -> Result<O, Problem> {
    let members = members::<O>();
    let mut given = Given::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let member = find(&members, &name)?;
        let texts = given.entry(name.into_owned()).or_default();
        match (&member.kind, &*value) {
            (Kind::Flag, "false") => {}
            (Kind::Flag, other) if other != "true" => return Err(member.refuse("true or false")),
            _ if !member.is_list && !texts.is_empty() => {
                return Err(Problem::invalid(format!("'{}' is given twice", member.name)));
            }
            (_, value) => texts.push(value.to_owned()),
        }
    }
    read::<O>(&members, given)
}

fn find<'a>(members: &'a [Member], name: &str) -> Result<&'a Member, Problem> {
    members.iter().find(|member| member.name == name).ok_or_else(|| {
        let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        Problem::invalid(format!("there is no '{name}' here, but {}", names.join(", ")))
    })
}

/// Has the command's own parser read what was given.
fn read<O: Operation>(members: &[Member], mut given: Given) -> Result<O, Problem> {
    let (mut options, mut placed) = (Vec::<OsString>::new(), Vec::<OsString>::new());
    for member in members {
        let texts = given.remove(&member.name).unwrap_or_default();
        for text in &texts {
            refuse_what_is_not_for_requests::<O>(&member.name, text)?;
        }
        match (&member.long, &member.kind) {
            (Some(long), Kind::Flag) => {
                options.extend(texts.iter().map(|_| format!("--{long}").into()));
            }
            (Some(long), _) => {
                options.extend(texts.into_iter().map(|text| format!("--{long}={text}").into()));
            }
            (None, _) => placed.extend(texts.into_iter().map(OsString::from)),
        }
    }
    options.push("--".into());
    options.extend(placed);
    let matches = command::<O>().try_get_matches_from(options);
    matches.and_then(|matches| O::from_arg_matches(&matches)).map_err(|error| {
        let text = error.render().to_string();
        // What follows is how the command is used.
        let text = text.split("\n\n").next().unwrap_or_default();
        let text = text.strip_prefix("error: ").unwrap_or(text);
        let words: Vec<&str> = text.split_whitespace().collect();
        Problem::invalid(words.join(" "))
    })
}

/// Refuses standard streams, which are the server's, and locators that are none, which may have a
/// password in them.
fn refuse_what_is_not_for_requests<O: Operation>(name: &str, text: &str) -> Result<(), Problem> {
    let no_stream = || Problem::invalid(format!("'{name}' cannot be a standard stream"));
    if LISTS.contains(&name) && text == STANDARD_INPUT {
        return Err(no_stream());
    }
    if !LOCATORS.contains(&name) {
        return Ok(());
    }
    match Locator::parse(OsStr::new(text)) {
        Ok(locator) if locator.is_standard_stream() => Err(no_stream()),
        Err(_) if name == "source" && O::HAS_NAMED_SOURCE && !text.contains("://") => Ok(()),
        located => Ok(located.map(drop)?),
    }
}

fn command<O: Operation>() -> Command {
    let command = Command::new(O::NAME).no_binary_name(true).disable_help_flag(true);
    O::augment_args(command)
}

impl Member {
    fn new(arg: &Arg) -> Self {
        let long = arg.get_long().map(str::to_owned);
        let placed = || arg.get_value_names().and_then(|names| names.first());
        let name = long.as_deref().map(|long| long.replace('-', "_"));
        let name = name.or_else(|| placed().map(|name| name.to_lowercase()));
        let choices = || {
            let values = arg.get_possible_values();
            let names = values.iter().map(|value| value.get_name().to_owned());
            names.collect::<Vec<_>>()
        };
        let kind = match arg.get_action() {
            ArgAction::SetTrue => Kind::Flag,
            _ if is_number(arg.get_value_parser()) => Kind::Number,
            _ => match choices() {
                choices if choices.is_empty() => Kind::Text,
                choices => Kind::Choice(choices),
            },
        };
        let default = arg.get_default_values().first().filter(|_| kind != Kind::Flag);
        Self {
            name: name.unwrap_or_else(|| arg.get_id().to_string()),
            help: arg.get_help().map(ToString::to_string).unwrap_or_default(),
            kind,
            is_list: matches!(arg.get_action(), ArgAction::Append),
            is_required: arg.is_required_set(),
            default: default.map(|value| value.to_string_lossy().into_owned()),
            long,
        }
    }

    /// The value's texts.
    fn texts(&self, value: &Value) -> Result<Vec<String>, Problem> {
        if !self.is_list {
            return Ok(self.text(value)?.into_iter().collect());
        }
        let Value::Array(values) = value else { return Err(self.refuse("a list")) };
        let texts = values.iter().map(|value| self.text(value));
        Ok(texts.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    fn text(&self, value: &Value) -> Result<Option<String>, Problem> {
        match (&self.kind, value) {
            (Kind::Flag, Value::Bool(is_set)) => Ok(is_set.then(String::new)),
            (Kind::Flag, _) => Err(self.refuse("true or false")),
            (Kind::Number, Value::Number(number)) if number.is_u64() => {
                Ok(Some(number.to_string()))
            }
            (Kind::Number, _) => Err(self.refuse("a number without a fraction or a sign")),
            (Kind::Text | Kind::Choice(_), Value::String(text)) => Ok(Some(text.clone())),
            (Kind::Text | Kind::Choice(_), _) => Err(self.refuse("text")),
        }
    }

    fn refuse(&self, expected: &str) -> Problem {
        Problem::invalid(format!("'{}' has to be {expected}", self.name))
    }
}

fn is_number(parser: &ValueParser) -> bool {
    let id = parser.type_id();
    [TypeId::of::<u64>(), TypeId::of::<u32>(), TypeId::of::<usize>()].iter().any(|it| id == *it)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{backup, check, recover, restore, snapshots};
    use serde_json::json;

    fn refused<O: Operation + std::fmt::Debug>(body: Value) -> String {
        let Value::Object(body) = body else { panic!("{body}") };
        let problem = from_json::<O>(&body).unwrap_err();
        json!(problem.view())["detail"].as_str().unwrap().to_owned()
    }

    fn taken<O: Operation + std::fmt::Debug>(body: Value) -> String {
        let Value::Object(body) = body else { panic!("{body}") };
        format!("{:?}", from_json::<O>(&body).unwrap())
    }

    #[test]
    fn members_are_what_the_command_calls_them() {
        let names = |members: Vec<Member>| {
            members.into_iter().map(|member| member.name).collect::<Vec<_>>().join(" ")
        };
        insta::assert_snapshot!(names(members::<restore::Arguments>()), @"snapshot source target stream as on_conflict namespace verify dry_run overwrite");
        insta::assert_snapshot!(names(members::<check::Arguments>()), @"snapshot read_data");
        let members = members::<backup::EventsArguments>();
        let kind = |name: &str| {
            let member = members.iter().find(|it| it.name == name).unwrap();
            (member.kind.clone(), member.is_list, member.is_required)
        };
        assert_eq!(kind("source"), (Kind::Text, false, true));
        assert_eq!(kind("tag"), (Kind::Text, true, false));
        assert_eq!(kind("full"), (Kind::Flag, false, false));
        let levels = ["none", "low", "medium", "high"].map(str::to_owned).to_vec();
        assert_eq!(kind("compression"), (Kind::Choice(levels), false, false));
    }

    #[test]
    fn values_reach_the_command_whatever_is_in_them() {
        let odd = "--full=x \"' \u{e9}\n";
        let body = json!({"source": "ndjson:-x y", "name": odd, "tag": ["-a=b=c", "--"], "full": true, "verify": false});
        let arguments = taken::<backup::EventsArguments>(body);
        assert!(arguments.contains(&format!("name: Some({odd:?})")), "{arguments}");
        assert!(
            arguments.contains("ndjson:-x y") && arguments.contains("full: true"),
            "{arguments}"
        );
        assert!(arguments.contains("verify: false"), "{arguments}");
        assert!(arguments.contains(r#"Tag { key: "-a", value: Some("b=c") }"#), "{arguments}");
    }

    #[test]
    fn what_the_command_would_refuse_is_refused_with_its_reason() {
        type Backup = backup::EventsArguments;
        type Recover = recover::Arguments;
        let all = [
            refused::<Backup>(json!({"source": "sqlite:a", "ful": true})),
            refused::<Backup>(json!({})),
            refused::<Backup>(json!({"source": "sqlite:a", "full": true, "trust_append": true})),
            refused::<Backup>(json!({"source": "sqlite:a", "retain": "soon"})),
            refused::<Backup>(json!({"source": "sqlite:a", "compression": "much"})),
            refused::<Backup>(json!({"source": 7})),
            refused::<Backup>(json!({"source": "sqlite:a", "tag": "a"})),
            refused::<Backup>(json!({"source": "sqlite:a", "full": null})),
            refused::<Recover>(json!({"source": "shop", "target": "sqlite:a"})),
            refused::<Recover>(json!({"source": "a", "target": "sqlite:a", "to_position": -1})),
        ];
        insta::assert_snapshot!(all.join("\n"), @"
        there is no 'ful' here, but source, name, stream, streams_from, compression, with_state, map, schema, namespace, table, column, host, tag, description, retain, protect, verify, full, trust_append
        the following required arguments were not provided: <SOURCE>
        the argument '--full' cannot be used with '--trust-append'
        invalid value 'soon' for '--retain <DURATION>': expected a duration such as 24h, 30d or 1y
        invalid value 'much' for '--compression <COMPRESSION>' [possible values: none, low, medium, high]
        'source' has to be text
        'tag' has to be a list
        'full' has to be true or false
        the following required arguments were not provided: <--to-time <TIME>|--to-commit-time <TIME>|--to-position <POSITION>|--to-event <ID>|--to-version <STREAM@VERSION>|--latest>
        'to_position' has to be a number without a fraction or a sign
        ");
    }

    #[test]
    fn neither_standard_streams_nor_passwords_are_taken() {
        type Backup = backup::EventsArguments;
        for source in ["-", "ndjson:-"] {
            let refused = refused::<Backup>(json!({"source": source}));
            assert_eq!(refused, "'source' cannot be a standard stream");
        }
        let list = json!({"source": "sqlite:a", "streams_from": "-"});
        assert_eq!(refused::<Backup>(list), "'streams_from' cannot be a standard stream");
        let target = json!({"snapshot": "latest", "target": "-"});
        assert_eq!(refused::<restore::Arguments>(target), "'target' cannot be a standard stream");
        let source = "postgres://me:secret@host/shop";
        let body = json!({"source": source, "latest": true, "target": "sqlite:a"});
        let refused = refused::<recover::Arguments>(body);
        assert!(refused.contains("password") && !refused.contains("secret"), "{refused}");
        taken::<recover::Arguments>(
            json!({"source": "shop", "latest": true, "target": "sqlite:a"}),
        );
    }

    #[test]
    fn a_query_says_the_same_as_a_body() {
        let query = "source=a%20b&tag=x&tag=y%3Dz&stream=";
        let arguments = format!("{:?}", from_query::<snapshots::Arguments>(query).unwrap());
        assert!(arguments.contains(r#"source: Some("a b")"#), "{arguments}");
        assert!(arguments.contains(r#"Tag { key: "y", value: Some("z") }"#), "{arguments}");
        let refused = |query: &str| {
            let problem = from_query::<snapshots::Arguments>(query).unwrap_err();
            json!(problem.view())["detail"].as_str().unwrap().to_owned()
        };
        assert_eq!(refused("source=a&source=b"), "'source' is given twice");
        assert!(refused("sauce=a").starts_with("there is no 'sauce' here, but source, tag"));
    }
}
