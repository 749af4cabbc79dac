//! Templates and what stands beside events: whatever a source wrote comes back, byte for byte.

mod generate;

use generate::events::{OwnedEvent, OwnedId, OwnedPart, OwnedPayload, OwnedTime};
use icecore_format::event::{
    Beside, BesideBuilder, Event, EventId, EventTime, FormKind, Member, Members, Payload, Pieces,
    Style, Template, time_text,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// What a template of these parts has to render, from serde's spelling of the values; `None` if
/// the event does not have them.
fn expected(
    parts: &[OwnedPart],
    owned: &OwnedEvent,
    position: Option<u64>,
    payload: &[u8],
) -> Option<Vec<u8>> {
    let string = |text: &str| serde_json::to_vec(text).unwrap();
    let mut further = owned.members.iter();
    let mut bytes = Vec::new();
    for part in parts {
        let value = match part {
            OwnedPart::Literal(literal) => literal.clone(),
            OwnedPart::Verbatim(_, piece) => piece.clone(),
            OwnedPart::Hole(member, style) => match member {
                Member::Stream => string(&owned.stream),
                Member::Version => owned.version.to_string().into_bytes(),
                Member::Type => string(&owned.event_type),
                Member::Position => position?.to_string().into_bytes(),
                Member::Id => match &owned.id {
                    OwnedId::None => return None,
                    OwnedId::Uuid(uuid) => {
                        let mut digits = format!("{:032x}", u128::from_be_bytes(*uuid));
                        for at in [20, 16, 12, 8] {
                            digits.insert(at, '-');
                        }
                        string(&digits)
                    }
                    OwnedId::Text(text) => string(text),
                },
                Member::Time => match (&owned.time, style) {
                    (OwnedTime::At(time), Style::Time(style)) => {
                        let mut text = Vec::new();
                        time_text::put(&mut text, *time, *style);
                        string(std::str::from_utf8(&text).unwrap())
                    }
                    _ => return None,
                },
                Member::Metadata => owned.metadata.clone()?,
                Member::Payload => payload.to_vec(),
                Member::Further => further.next()?.1.clone(),
                Member::Other => return None,
            },
        };
        bytes.extend(value);
    }
    Some(bytes)
}

fn payload_of(owned: &OwnedEvent) -> Vec<u8> {
    match &owned.payload {
        OwnedPayload::Inline(bytes) => bytes.clone(),
        OwnedPayload::Chunked(bytes, _) => bytes.to_string().into_bytes(),
    }
}

#[derive(Clone, Debug)]
struct Form {
    position: Option<u64>,
    parts: Vec<OwnedPart>,
}

/// Positions that mostly follow one another, some far off and some absent.
fn positions(count: usize) -> impl Strategy<Value = Vec<Option<u64>>> {
    let step = prop_oneof![
        8 => Just(Some(0i64)),
        1 => (-5..50i64).prop_map(Some),
        1 => any::<i64>().prop_map(Some),
        1 => Just(None),
    ];
    (generate::number(), vec(step, count)).prop_map(|(mut next, steps)| {
        steps
            .into_iter()
            .map(|step| {
                let position = next.wrapping_add_signed(step?);
                next = position.wrapping_add(1);
                Some(position)
            })
            .collect()
    })
}

/// Events of few templates, in runs.
fn forms() -> impl Strategy<Value = Vec<Form>> {
    (vec(generate::events::parts(), 1..4), vec(any::<prop::sample::Index>(), 0..30))
        .prop_flat_map(|(templates, chosen)| {
            positions(chosen.len()).prop_map(move |positions| {
                chosen
                    .iter()
                    .zip(positions)
                    .map(|(index, position)| Form {
                        position,
                        parts: index.get(&templates).clone(),
                    })
                    .collect()
            })
        })
        .boxed()
}

proptest! {
    #![proptest_config(generate::cases(256))]

    #[test]
    fn a_template_comes_back_part_by_part(parts in generate::events::parts()) {
        let (template, _) = generate::events::template(&parts);
        let decoded = Template::decode(template.as_bytes()).unwrap();
        let holes = parts.iter().filter(
            |part| !matches!(part, OwnedPart::Literal(literal) if literal.is_empty()),
        );
        prop_assert_eq!(decoded.parts().count(), holes.count());
        prop_assert!(decoded.parts().all(|part| part.is_ok()));
        prop_assert_eq!(decoded, template);
    }

    #[test]
    fn a_template_renders_what_it_was_made_of(
        owned in generate::events::event(),
        parts in generate::events::parts(),
        position in option::of(generate::number()),
    ) {
        let (template, piece_bytes) = generate::events::template(&parts);
        let (event, payload) = (owned.event(), payload_of(&owned));
        let expected = expected(&parts, &owned, position, &payload);
        let mut rendered = b"before".to_vec();
        let outcome = template.render(
            &event, position, &payload, &mut Pieces::new(&piece_bytes), &mut rendered,
        );
        let Some(expected) = expected else {
            prop_assert!(outcome.is_err());
            return Ok(());
        };
        prop_assert_eq!(outcome, Ok(()));
        prop_assert_eq!(&rendered[..6], b"before");
        prop_assert_eq!(&rendered[6..], expected.as_slice());

        let renders = |expected: &[u8]| {
            let mut pieces = Pieces::new(&piece_bytes);
            let mut scratch = b"left over".to_vec();
            template.renders(&event, position, &payload, &mut pieces, expected, &mut scratch)
        };
        prop_assert_eq!(renders(&expected), Ok(true));
        prop_assert_eq!(renders(&[expected.as_slice(), b"x"].concat()), Ok(false));
        if let Some((last, shorter)) = expected.split_last() {
            prop_assert_eq!(renders(shorter), Ok(false));
            prop_assert_eq!(renders(&[shorter, &[last ^ 1]].concat()), Ok(false));
        }
    }

    #[test]
    fn a_template_takes_its_own_pieces_and_leaves_the_next_one_s(
        parts in generate::events::parts(),
        next in generate::events::parts(),
    ) {
        let ((template, own), (_, others)) =
            (generate::events::template(&parts), generate::events::template(&next));
        let all = [own.as_slice(), &others].concat();
        let mut pieces = Pieces::new(&all);
        let taken = template.take_pieces(&mut pieces).unwrap();
        prop_assert_eq!(taken.rest(), own.as_slice());
        prop_assert_eq!(pieces.rest(), others.as_slice());
        if !own.is_empty() {
            let mut cut = Pieces::new(&own[..own.len() - 1]);
            prop_assert!(template.take_pieces(&mut cut).is_err());
        }
    }

    #[test]
    fn what_stands_beside_events_comes_back(
        forms in forms(),
        commits in proptest::collection::vec(generate::event_commit(), 1..9),
        lines in any::<bool>(),
    ) {
        let kind = if lines { FormKind::Lines } else { FormKind::Rows };
        let mut builder = BesideBuilder::new(kind);
        for (form, commit) in forms.iter().zip(commits.iter().cycle()) {
            let (template, pieces) = generate::events::template(&form.parts);
            builder.commit(*commit);
            builder.push(form.position, Some((&template, &pieces)));
        }
        let first_position = builder.first_position();
        prop_assert_eq!(first_position, forms.iter().find_map(|form| form.position));
        let bytes = builder.finish().unwrap();
        let beside = Beside::decode(&bytes, forms.len() as u32).unwrap();
        prop_assert_eq!(beside.form, kind);
        let (mut decoded, mut pieces) = beside.forms(first_position);
        for (form, commit) in forms.iter().zip(commits.iter().cycle()) {
            let (template, own) = generate::events::template(&form.parts);
            let found = decoded.next_form();
            prop_assert_eq!(found.commit, *commit);
            prop_assert_eq!(found.position, form.position);
            prop_assert_eq!(found.template, Some(&template));
            let taken = template.take_pieces(&mut pieces).unwrap();
            prop_assert_eq!(taken.rest(), own.as_slice());
        }
        prop_assert!(pieces.rest().is_empty());
        // Beside another number of events, it is malformed.
        for wrong in [forms.len() as u32 + 1, forms.len().saturating_sub(1) as u32] {
            if wrong != forms.len() as u32 {
                prop_assert!(Beside::decode(&bytes, wrong).is_err());
            }
        }
    }

    #[test]
    fn positions_alone_come_back(positions in (0..40usize).prop_flat_map(positions)) {
        let mut builder = BesideBuilder::new(FormKind::None);
        for position in &positions {
            builder.push(*position, None);
        }
        let first_position = builder.first_position();
        let Some(bytes) = builder.finish() else {
            prop_assert!(positions.iter().all(Option::is_none));
            return Ok(());
        };
        let count = positions.len() as u32;
        let beside = Beside::decode(&bytes, count).unwrap();
        let (mut forms, _) = beside.forms(first_position);
        for position in &positions {
            let form = forms.next_form();
            prop_assert_eq!(form.position, *position);
            prop_assert_eq!(form.template, None);
        }
        // A copy of the store with other positions shares the chunk.
        let (mut moved, _) = beside.forms(first_position.map(|first| first.wrapping_add(1000)));
        for position in positions {
            let expected = position.map(|position| position.wrapping_add(1000));
            prop_assert_eq!(moved.next_form().position, expected);
        }
        for length in 0..bytes.len() {
            prop_assert!(Beside::decode(&bytes[..length], count).is_err());
        }
    }
}

#[test]
fn positions_one_after_the_other_take_no_room() {
    let mut builder = BesideBuilder::new(FormKind::None);
    (0..1000).for_each(|step| builder.push(Some(77 + step), None));
    assert_eq!(builder.finish().map(|bytes| bytes.len()), Some(8));
}

#[test]
fn one_form_for_all_events_is_one_run() {
    let mut template = Template::default();
    template.hole(Member::Payload, Style::Canonical);
    template.literal(b"\n");
    let mut builder = BesideBuilder::new(FormKind::Lines);
    (0..1000).for_each(|_| builder.push(None, Some((&template, &[]))));
    let bytes = builder.finish().unwrap();
    assert_eq!(bytes.len(), 3 + 2 + 1 + 1 + 1 + template.as_bytes().len() + 1 + 1 + 2);
}

#[test]
fn nothing_beside_the_records_is_no_chunk() {
    let mut builder = BesideBuilder::new(FormKind::None);
    builder.push(None, None);
    assert_eq!(builder.finish(), None);
}

#[test]
fn a_beside_chunk_that_contradicts_itself_is_refused() {
    // Version, form, events, positions, no transactions, no templates, no runs.
    assert!(Beside::decode(&[1, 0, 3, 0, 0, 0, 0], 3).is_ok());
    for (wrong, why) in [
        (&[2, 0, 3, 0, 0, 0, 0][..], "a version that nobody knows"),
        (&[1, 3, 3, 0, 0, 0, 0], "a form that nobody knows"),
        (&[1, 0, 4, 0, 0, 0, 0], "another number of events"),
        (&[1, 0, 3, 3, 0, 0, 0], "a kind of positions that nobody knows"),
        (&[1, 0, 3, 2, 0, 0], "fewer positions than events"),
        (&[1, 0, 3, 2, 2, 0, 0, 0, 0], "a kind of position that nobody knows"),
        (&[1, 0, 3, 0, 0, 4, 0, 0, 0, 0, 0], "more templates than events"),
        (&[1, 1, 3, 0, 0, 0, 0], "lines without a run"),
        (&[1, 1, 3, 0, 0, 0, 1, 0, 3], "a run of no template"),
        (&[1, 1, 3, 0, 0, 1, 0, 1, 0, 2], "a run that is too short"),
        (&[1, 1, 3, 0, 0, 1, 0, 1, 0, 4], "a run that is too long"),
        (&[1, 1, 3, 0, 0, 1, 0, 2, 0, 3, 0, 0], "an empty run"),
        (&[1, 1, 3, 0, 0, 1, 2, 11, 0, 1, 0, 3], "a hole for nothing"),
        (&[1, 1, 3, 0, 0, 1, 2, 1, 1, 1, 0, 3], "a style that a stream cannot have"),
        (&[1, 1, 3, 0, 0, 1, 2, 6, 10, 1, 0, 3], "a style of time that nobody knows"),
        (&[1, 0, 3, 0, 0, 0, 1, 0, 3], "a run without a form"),
        (&[1, 0, 3, 0, 1, 2, 0, 0, 0], "a transaction that has too few"),
        (&[1, 0, 3, 0, 1, 4, 0, 0, 0], "a transaction that has too many"),
        (&[1, 0, 3, 0, 2, 3, 0, 0, 0, 0, 0], "a transaction without events"),
        (&[1, 0, 3, 0, 1, 3, 2, 0, 0], "a kind of transaction that nobody knows"),
    ] {
        assert!(Beside::decode(wrong, 3).is_err(), "{why}");
    }
    assert!(Beside::decode(&[1, 1, 3, 0, 0, 1, 0, 1, 0, 3], 3).is_ok());
    assert!(Beside::decode(&[1, 0, 3, 0, 1, 3, 1, 2, 2, 0, 0], 3).is_ok());
}

#[test]
fn a_beside_chunk_for_more_events_than_there_are_bytes_costs_no_memory() {
    let most = [1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f];
    assert!(Beside::decode(&[&most[..], &[2, 0, 0, 0]].concat(), u32::MAX).is_err());
    assert!(Beside::decode(&[&most[..], &[1, 0, 0, 0]].concat(), u32::MAX).is_ok());
}

#[test]
fn a_template_that_would_render_without_end_is_refused() {
    let mut template = Template::default();
    (0..2000).for_each(|_| template.hole(Member::Payload, Style::Canonical));
    let payload = vec![b'1'; 1 << 20];
    let event = Event {
        stream: "a",
        version: 1,
        event_type: "",
        id: EventId::None,
        time: EventTime::None,
        metadata: None,
        members: Members::default(),
        payload: Payload::Inline(&payload),
    };
    let mut pieces = Pieces::new(&[]);
    let rendered = template.render(&event, None, &payload, &mut pieces, &mut Vec::new());
    assert!(rendered.is_err());
}

#[test]
fn a_record_that_contradicts_itself_is_refused() {
    // Flags, type "b", stream "a", version 1, an empty payload.
    assert!(Event::decode_body(&[0, 1, b'b', 1, b'a', 1, 0]).is_ok());
    for (wrong, why) in [
        (&[][..], "no flags"),
        (&[0x80, 1, b'b', 1, b'a', 1, 0], "a flag that nobody knows"),
        (&[0x03, 1, b'b', 1, b'a', 1, 0], "a kind of id that nobody knows"),
        (&[0x0c, 1, b'b', 1, b'a', 1, 0], "a kind of time that nobody knows"),
        (&[0, 1, b'b', 0, 1, 0], "an empty stream id"),
        (&[0, 1, b'b', 1, 0xff, 1, 0], "a stream id that is not UTF-8"),
        (&[0, 1, 0xff, 1, b'a', 1, 0], "a type that is not UTF-8"),
        (&[0, 1, b'b', 1, b'a', 0x81, 0, 0], "a version in a second spelling"),
        (&[0, 1, b'b', 0x81, 0x80, 4, b'a', 1, 0], "a stream id that is too long"),
        (&[0, 1, b'b', 1, b'a', 1], "no payload"),
        (&[0, 1, b'b', 1, b'a', 1, 2, b'1'], "a payload that is cut"),
        (&[0, 1, b'b', 1, b'a', 1, 0, 7], "metadata without its flag"),
        (&[0x01, 0, 1, b'a', 1, 1, 2], "a UUID that is cut"),
        (&[0x04, 0, 1, b'a', 1, 1, 2], "a time that is cut"),
        (&[0x20, 0, 1, b'a', 1, 0, 0], "members and none"),
        (&[0x20, 0, 1, b'a', 1, 0, 2, 1, b'x'], "a member without a value"),
        (&[0x20, 0, 1, b'a', 1, 0, 3, 1, 0xff, 0], "a member's name that is not UTF-8"),
        (&[0x40, 0, 1, b'a', 1, 5, 0], "a chunked payload without chunks"),
        (&[0x40, 0, 1, b'a', 1, 5, 3, 1, 2, 3], "a chunk id that is cut"),
    ] {
        assert!(Event::decode_body(wrong).is_err(), "{why}");
    }
}
