use super::*;
use clap::Parser as _;
use std::os::unix::fs::symlink;

/// Compares stand-ins of these names, as if each were restic.
fn compare_stand_ins(names: &[&str]) -> Result<Report, CompareError> {
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/compare/tests/stand-in");
    let tools = names.iter().map(|name| {
        let link = folder.path().join(name);
        symlink(&program, &link).unwrap();
        Tool::peer("restic", link, "0".to_owned()).unwrap()
    });
    let programs = Programs { tools: tools.collect(), missing: Vec::new() };
    let work = folder.path().join("work");
    std::fs::create_dir(&work).unwrap();
    let options = Options::parse_from(["compare", "events", "--events", "200", "--rounds", "2"]);
    let result = compare(&options, programs, &work, &Interrupt::default(), &|_| ());
    let left: Vec<_> = std::fs::read_dir(work.join("tools")).unwrap().collect();
    assert!(result.is_err() || left.is_empty(), "{left:?}");
    result
}

#[test]
fn a_tool_makes_every_step_in_every_round() {
    let report = compare_stand_ins(&["good"]).unwrap();
    let tool = report.tool("restic").unwrap();
    assert_eq!(tool.failure, None);
    let steps: Vec<_> = tool.steps.iter().map(|step| (step.step, step.runs.len())).collect();
    let expected = [
        (Step::First, 2),
        (Step::Open, 6),
        (Step::Reread, 2),
        (Step::Appended, 2),
        (Step::Restore, 2),
        (Step::Check, 2),
    ];
    assert_eq!(steps, expected);
    let bytes = |step| tool.figures(step).unwrap().repository_bytes;
    assert_eq!(bytes(Step::First), Some(report.data.bytes));
    assert_eq!(bytes(Step::Reread), Some(0));
    assert_eq!(bytes(Step::Appended), Some(report.data.appended_bytes));
    assert_eq!(bytes(Step::Restore), None);
    assert_eq!(report.data.restic_share, Some(1.0));
    assert_eq!(
        tool.init, "RESTIC_REPOSITORY=WORK/tools/restic/now/repository good --quiet init",
        "the password is not told"
    );
    let command = &tool.steps.iter().find(|step| step.step == Step::Restore).unwrap().command;
    assert!(command.ends_with("restore latest --target WORK/tools/restic/restored"), "{command}");
}

#[test]
fn data_that_are_too_easy_are_refused() {
    let error = compare_stand_ins(&["tiny"]).unwrap_err();
    assert!(matches!(error, CompareError::TooEasy { share } if share < 0.01), "{error}");
    let text = error.to_string();
    assert!(text.contains("restic stores them in 0% of their size"), "{text}");
}

#[test]
fn a_tool_that_fails_is_told_about_and_the_others_go_on() {
    let report = compare_stand_ins(&["failing", "good"]).unwrap();
    let [failing, good] = &report.tools[..] else { panic!("{report:?}") };
    let failure = failing.failure.as_deref().unwrap();
    assert!(failure.starts_with("`failing --quiet check --read-data` failed"), "{failure}");
    assert!(failure.ends_with("cannot read the pack"), "{failure}");
    assert!(failing.figures(Step::Restore).is_some(), "what was measured before stays");
    assert_eq!(good.failure, None);
    assert!(good.figures(Step::Check).is_some());
}

#[test]
fn a_tool_that_restores_something_else_has_failed() {
    let report = compare_stand_ins(&["different"]).unwrap();
    let tool = report.tool("restic").unwrap();
    assert_eq!(tool.failure.as_deref(), Some("what it restored is not what was backed up"));
}

#[test]
fn nothing_begins_where_there_is_no_space() {
    let folder = tempfile::tempdir().unwrap();
    let error = require_space(folder.path(), u64::MAX).unwrap_err();
    assert!(matches!(error, CompareError::Space { .. }), "{error}");
    require_space(folder.path(), 1).unwrap();
}
