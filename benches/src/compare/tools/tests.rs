use super::*;

fn place() -> Place {
    Place::new("/WORK".into())
}

fn commands(tool: &Tool) -> String {
    let actions = [
        Action::Init,
        Action::Open,
        Action::First,
        Action::Reread,
        Action::Appended,
        Action::AppendedTrusting,
        Action::Restore,
        Action::Check,
        Action::Alone,
        Action::ListStreams,
        Action::OneStream("order-7"),
    ];
    let lines = actions.iter().filter_map(|action| {
        let invocation = tool.invocation(*action, &place(), Path::new("/DATA"))?;
        Some(format!("{}$ {}", invocation.folder.display(), invocation.command_line()))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn peer(name: &str) -> Tool {
    Tool::peer(name, format!("/bin/{name}").into(), "1".to_owned()).unwrap()
}

#[test]
fn every_peer_is_told_the_same_things_in_its_own_words() {
    let all = PEERS.map(|name| commands(&peer(name))).join("\n\n");
    insta::assert_snapshot!(all, @r"
    /DATA$ restic --quiet init
    /DATA$ restic --quiet snapshots
    /DATA$ restic --quiet backup events.ndjson
    /DATA$ restic --quiet backup --force events.ndjson
    /DATA$ restic --quiet backup events.ndjson
    /WORK/restored$ restic --quiet restore latest --target /WORK/restored
    /DATA$ restic --quiet check --read-data

    /DATA$ borg init --encryption repokey-blake2
    /DATA$ borg list
    /DATA$ borg create --compression zstd,3 ::first events.ndjson
    /DATA$ borg create --files-cache=disabled --compression zstd,3 ::reread events.ndjson
    /DATA$ borg create --compression zstd,3 ::appended events.ndjson
    /WORK/restored$ borg extract ::appended
    /DATA$ borg check --verify-data

    /DATA$ rustic init
    /DATA$ rustic snapshots
    /DATA$ rustic backup events.ndjson
    /DATA$ rustic backup --force events.ndjson
    /DATA$ rustic backup events.ndjson
    /WORK/restored$ rustic restore latest /WORK/restored
    /DATA$ rustic check --read-data

    /DATA$ vykar init
    /DATA$ vykar list
    /DATA$ vykar backup events.ndjson
    /DATA$ vykar backup events.ndjson
    /DATA$ vykar backup events.ndjson
    /WORK/restored$ vykar restore latest /WORK/restored
    /DATA$ vykar check --verify-data
    ");
}

#[test]
fn icecore_is_given_the_options_that_it_has() {
    let icecore = |flags| commands(&Tool::icecore("/bin/icecore".into(), "1".to_owned(), flags));
    insta::assert_snapshot!(icecore(Flags { full: true, trust_append: true }), @r"
    /DATA$ icecore --quiet init
    /DATA$ icecore --quiet snapshots
    /DATA$ icecore --quiet backup events ndjson:events.ndjson
    /DATA$ icecore --quiet backup events --full ndjson:events.ndjson
    /DATA$ icecore --quiet backup events ndjson:events.ndjson
    /DATA$ icecore --quiet backup events --trust-append ndjson:events.ndjson
    /WORK/restored$ icecore --quiet restore latest --target ndjson:/WORK/restored/events.ndjson
    /DATA$ icecore --quiet check --read-data
    /DATA$ icecore --quiet backup events ndjson:appended.ndjson
    /DATA$ icecore --json streams latest
    /DATA$ icecore --quiet restore latest --stream order-7 --target ndjson:/WORK/restored/events.ndjson
    ");
    let plain = icecore(Flags::default());
    assert!(!plain.contains("--full") && !plain.contains("--trust-append"), "{plain}");
}

#[test]
fn options_are_found_in_the_help_as_whole_words() {
    let help = "  --full   Read all\n      --trust-append  Trust that nothing changed\n";
    assert_eq!(Flags::from_help(help), Flags { full: true, trust_append: true });
    assert_eq!(Flags::from_help("--fully --trust-appended"), Flags::default());
}

#[test]
fn passwords_are_in_the_environment_and_not_in_the_arguments() {
    for name in PEERS {
        let tool = peer(name);
        let invocation = tool.invocation(Action::First, &place(), Path::new("/DATA")).unwrap();
        assert!(!invocation.arguments.iter().any(|word| word.contains(PASSWORD)), "{name}");
        assert!(invocation.environment.iter().any(|(_, value)| value == PASSWORD), "{name}");
    }
}

#[test]
fn nothing_but_a_peer_is_one() {
    assert!(Tool::peer("tar", "/bin/tar".into(), String::new()).is_none());
}

#[test]
fn streams_are_chosen_evenly_over_the_list() {
    let line =
        |id| format!("{{\"message_type\":\"stream\",\"stream_id\":\"{id}\",\"events\":3}}\n");
    let list: String = (0..10).map(line).collect();
    assert_eq!(stream_ids(list.as_bytes(), 5), ["1", "3", "5", "7", "9"]);
    assert_eq!(stream_ids(line(0).as_bytes(), 2), ["0", "0"]);
    assert!(stream_ids(b"", 5).is_empty());
}
