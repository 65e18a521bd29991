//! Sizes, percentages, durations and plain numbers in a sentence.

use super::numbers::{Number, Token, number, tokens};
use super::{Found, Kind, Plain, Value};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Units, the words for them, and how much each is.
const UNITS: &[(Kind, u64, &[&str])] = &[
    (Kind::Size, 1, &["byte", "bytes", "octet", "octets"]),
    (
        Kind::Size,
        KIB,
        &[
            "kb",
            "kib",
            "kilobyte",
            "kilobytes",
            "kbyte",
            "kbytes",
            "ko",
            "kilo",
            "kilos",
            "kibibyte",
            "kibibytes",
        ],
    ),
    (
        Kind::Size,
        MIB,
        &[
            "mb",
            "mib",
            "meg",
            "megs",
            "megabyte",
            "megabytes",
            "mbyte",
            "mbytes",
            "mega",
            "megas",
            "mo",
            "mebibyte",
            "mebibytes",
            "megaoctet",
            "megaoctets",
        ],
    ),
    (
        Kind::Size,
        GIB,
        &[
            "gb",
            "gib",
            "gig",
            "gigs",
            "gigabyte",
            "gigabytes",
            "gbyte",
            "gbytes",
            "giga",
            "gigas",
            "go",
            "gibibyte",
            "gibibytes",
        ],
    ),
    (
        Kind::Percent,
        1,
        &[
            "%", "percent", "pct", "prozent", "procent", "percento", "porcento", "pourcent",
        ],
    ),
    (
        Kind::Duration,
        1,
        &[
            "ms",
            "msec",
            "msecs",
            "millisecond",
            "milliseconds",
            "millis",
            "millisekunden",
            "milisegundos",
            "millisecondi",
            "millisecondes",
        ],
    ),
    (
        Kind::Duration,
        SECOND,
        &[
            "sec", "secs", "second", "seconds", "sekunde", "sekunden", "seconde", "secondes",
            "segundo", "segundos", "secondo", "secondi",
        ],
    ),
    (
        Kind::Duration,
        MINUTE,
        &[
            "min", "mins", "minute", "minutes", "minuten", "minuto", "minutos", "minuti",
        ],
    ),
    (
        Kind::Duration,
        HOUR,
        &[
            "hour", "hours", "hr", "hrs", "stunde", "stunden", "heure", "heures", "hora", "horas",
            "ora", "ore",
        ],
    ),
    (
        Kind::Duration,
        DAY,
        &["day", "days", "tag", "tage", "tagen", "jour", "jours"],
    ),
];

/// Units of one letter; they count where they stick to a figure.
const LETTERS: &[(Kind, u64, &str)] = &[
    (Kind::Size, 1, "b"),
    (Kind::Size, KIB, "k"),
    (Kind::Size, MIB, "m"),
    (Kind::Size, GIB, "g"),
    (Kind::Duration, SECOND, "s"),
    (Kind::Duration, HOUR, "h"),
];

/// Words between a number and its unit that say something else; they stay.
const BETWEEN: &[&str] = &[
    " more",
    " extra",
    " additional",
    " further",
    " whole",
    " full",
    " spare",
    " weitere",
    " zusatzliche",
    " ganze",
    " mas",
    " mais",
    " other",
    " fresh",
    " single",
];

/// Finds every quantity outside of what is `found` already.
pub(super) fn find(plain: &Plain, found: &mut Vec<Found>) {
    let taken: Vec<_> = found.iter().map(|found| found.range.clone()).collect();
    let is_taken = |token: &Token<'_>| {
        taken
            .iter()
            .any(|range| token.range.start < range.end && token.range.end > range.start)
    };
    let tokens = tokens(plain.text());
    let mut at = 0;
    while let Some(rest) = tokens.get(at..).filter(|rest| !rest.is_empty()) {
        let free = rest.iter().position(is_taken).unwrap_or(rest.len());
        let rest = rest.get(..free).unwrap_or_default();
        // The letter before a figure makes it a part of a word: `v2`.
        let follows_letter = at > 0
            && rest
                .first()
                .is_some_and(|token| token.is_figure() && token.is_glued)
            && tokens.get(at - 1).is_some_and(|before| {
                before
                    .text
                    .starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '_')
                    && !is_taken(before)
                    && before.text != "x"
            });
        match quantity(plain, rest).filter(|_| !follows_letter) {
            Some((mut next, used)) => {
                found.append(&mut next);
                at += used;
            }
            None => at += 1,
        }
    }
}

/// The quantity that begins here, and how many tokens it takes.
fn quantity(plain: &Plain, tokens: &[Token<'_>]) -> Option<(Vec<Found>, usize)> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    // `half a gig`, `a quarter of a meg`
    let article = usize::from(text(0) == "a");
    let part = match text(article) {
        "half" => Some(0.5),
        "quarter" => Some(0.25),
        _ => None,
    };
    if let Some(part) = part {
        let mut used = article + 1;
        used += usize::from(text(used) == "of");
        used += usize::from(matches!(text(used), "a" | "an"));
        let (kind, unit, more) = unit_at(plain, tokens, used)?;
        return found(tokens, kind, part * unit as f64, used + more);
    }
    let Number {
        value,
        tokens: used,
        is_count,
    } = number(tokens)?;
    with_unit(plain, tokens, value, used).or_else(|| bare(tokens, is_count))
}

/// `8 MB`, `8 more MB`, `one and a half gigs`, `30 %`.
fn with_unit(
    plain: &Plain,
    tokens: &[Token<'_>],
    value: f64,
    used: usize,
) -> Option<(Vec<Found>, usize)> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let (mut value, mut used) = (value, used);
    if (text(used), text(used + 1), text(used + 2)) == ("and", "a", "half") {
        (value, used) = (value + 0.5, used + 3);
    }
    if text(used) == "-" {
        used += 1;
    }
    if let Some((kind, unit, mut more)) = unit_at(plain, tokens, used) {
        // `a gig and a half`
        let behind = used + more;
        if (text(behind), text(behind + 1), text(behind + 2)) == ("and", "a", "half") {
            (value, more) = (value + 0.5, more + 3);
        }
        return found(tokens, kind, value * unit as f64, used + more);
    }
    let between = BETWEEN
        .iter()
        .find(|word| word.trim_start() == text(used))?;
    let (kind, unit, more) = unit_at(plain, tokens, used + 1)?;
    let (mut all, used) = found(tokens, kind, value * unit as f64, used + 1 + more)?;
    for one in &mut all {
        one.rest = between;
    }
    Some((all, used))
}

/// A whole number without a unit.
fn bare(tokens: &[Token<'_>], is_count: bool) -> Option<(Vec<Found>, usize)> {
    let Number {
        value,
        tokens: used,
        ..
    } = number(tokens)?;
    if is_count {
        return found(tokens, Kind::Number, value, used);
    }
    // `4,6` is two numbers, `0.5` none that a slot could hold.
    let first = tokens.first().filter(|token| token.is_figure())?;
    if tokens.get(1).is_some_and(|sign| sign.text == ",") {
        return found(tokens, Kind::Number, first.text.parse().ok()?, 1);
    }
    Some((Vec::new(), used))
}

fn found(tokens: &[Token<'_>], kind: Kind, value: f64, used: usize) -> Option<(Vec<Found>, usize)> {
    let range = tokens.first()?.range.start..tokens.get(used - 1)?.range.end;
    // Bounded first: what is beyond has no exact whole value anyway.
    if !(0.0..=1e15).contains(&value) || (kind == Kind::Percent && !(1.0..=100.0).contains(&value))
    {
        return None;
    }
    let value = Value::Number(value.round() as u64);
    Some((
        vec![Found {
            range,
            kind,
            value,
            rest: "",
        }],
        used,
    ))
}

/// The unit at a place: what it measures, how much it is, how many tokens it takes.
fn unit_at(plain: &Plain, tokens: &[Token<'_>], at: usize) -> Option<(Kind, u64, usize)> {
    let unit = tokens.get(at)?;
    let next = tokens.get(at + 1).map_or("", |token| token.text);
    if matches!(
        (unit.text, next),
        ("per", "cent" | "cento") | ("pour", "cent") | ("por", "ciento" | "cento")
    ) {
        return Some((Kind::Percent, 1, 2));
    }
    let before = tokens.get(at.checked_sub(1)?)?;
    if let Some((kind, amount, _)) = UNITS.iter().find(|(.., words)| words.contains(&unit.text)) {
        // `3 go` is French only where it is written as a unit.
        let is_doubtful = matches!(
            unit.text,
            "go" | "mo" | "ko" | "ore" | "ora" | "min" | "second"
        );
        let is_unit = !is_doubtful
            || (before.is_figure()
                && (unit.text == "min"
                    || unit.text == "second"
                    || plain.is_upper(unit.range.start)));
        return is_unit.then_some((*kind, *amount, 1));
    }
    let (kind, amount, _) = LETTERS.iter().find(|(.., letter)| *letter == unit.text)?;
    let is_unit = before.is_figure()
        && (unit.is_glued || *kind == Kind::Duration || plain.is_upper(unit.range.start));
    is_unit.then_some((*kind, *amount, 1))
}
