//! Every command line of the guides and of all other documents is one that the parser takes.

use crate::parse;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// A command line in a document.
#[derive(Debug, PartialEq, Eq)]
struct Documented {
    line: usize,
    arguments: Vec<String>,
}

/// The documents: what is at the top, and all below `docs`.
fn documents() -> Vec<PathBuf> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    let mut directories = vec![top.join("docs")];
    found.extend(["README.md", "ARCHITECTURE.md"].map(|name| top.join(name)));
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found
}

/// Fences of other languages than that of a shell.
const NO_SHELL: [&str; 6] = ["csharp", "python", "rust", "sql", "toml", "typescript"];

/// The lines in fences, each with those that it goes on with, and its number.
fn fenced(text: &str) -> Vec<(usize, String)> {
    let (mut lines, mut is_fenced, mut goes_on) = (Vec::<(usize, String)>::new(), false, false);
    let mut is_shell = true;
    for (number, line) in text.lines().enumerate() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            (is_fenced, goes_on) = (!is_fenced, false);
            is_shell = !NO_SHELL.contains(&language);
            continue;
        }
        if !is_fenced || !is_shell {
            continue;
        }
        let (part, is_continued) = match line.strip_suffix('\\') {
            Some(part) => (part, true),
            None => (line, false),
        };
        match lines.last_mut().filter(|_| goes_on) {
            Some((_, before)) => before.push_str(part),
            None => lines.push((number + 1, part.to_owned())),
        }
        goes_on = is_continued;
    }
    lines
}

/// The commands in a line of a shell, of a crontab or of a unit.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices("icecore ") {
        let before = line[..at].trim_end_matches("/usr/local/bin/").trim_end_matches("/usr/bin/");
        let before = before.trim_end_matches(|it: char| it.is_ascii_uppercase() || it == '_');
        let is_begun = before.is_empty()
            || before.ends_with("$ ")
            || before.ends_with("$(")
            || before.ends_with("ExecStart=")
            || before.ends_with("* ")
            || before.ends_with("; ")
            || before.split(' ').next_back() == Some("") && before.contains("ICECORE_");
        if is_begun {
            found.push(words(&line[at..]));
        }
    }
    found
}

/// The words of a command, up to where the shell sees its end.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for character in text.chars() {
        match (quote, character) {
            (Some(open), it) if it == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '>') => {
                // Of what is sent elsewhere, the number is no word of the command.
                word = word.filter(|word| word.parse::<u8>().is_err());
                break;
            }
            (None, '|' | ';' | '&' | ')') => break,
            (None, '#') if word.is_none() => break,
            (None, ' ') => words.extend(word.take()),
            (_, it) => word.get_or_insert_default().push(it),
        }
    }
    words.extend(word);
    words
}

fn documented(text: &str) -> Vec<Documented> {
    let lines = fenced(text).into_iter();
    let found = lines.flat_map(|(line, text)| {
        commands(&text).into_iter().map(move |arguments| Documented { line, arguments })
    });
    found.collect()
}

#[test]
fn every_command_in_a_document_is_one_that_the_parser_takes() {
    let (mut count, mut refused) = (0, Vec::new());
    for path in documents() {
        for Documented { line, arguments } in documented(&fs::read_to_string(&path).unwrap()) {
            count += 1;
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            match parse(&arguments) {
                Err(error) if error.use_stderr() => {
                    refused.push(format!("{}:{line}: {error}", path.display()));
                }
                _ => {}
            }
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    // Those that are there today, with some to spare: what is looked for is found.
    assert!(count >= 35, "{count}");
}

#[test]
fn commands_are_found_in_a_shell_a_crontab_and_a_unit() {
    let text = "icecore snapshots\n```sh\n$ icecore show latest --json 2> log | jq . # icecore check\n\
                id=$(icecore backup events 'a b' \\\n    --quiet); icecore log\n```\n```\n\
                ExecStart=/usr/bin/icecore check\n\
                1 * * * * ICECORE_REPOSITORY=/srv/b /usr/local/bin/icecore check --quiet\n\
                17 3 1 * * icecore drill shop\nof icecore there\n```\n";
    let found = documented(text);
    let said: Vec<_> = found.iter().map(|it| (it.line, it.arguments.join("_"))).collect();
    let expected = [
        (3, "icecore_show_latest_--json"),
        (4, "icecore_backup_events_a b_--quiet"),
        (4, "icecore_log"),
        (8, "icecore_check"),
        (9, "icecore_check_--quiet"),
        (10, "icecore_drill_shop"),
    ];
    assert_eq!(said, expected.map(|(line, text)| (line, text.to_owned())));
}
