//! How values are put into words.

use fastrand::Rng;

use crate::scenario::Bound;

const ONES: [&str; 13] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
];
const TENS: [&str; 10] = [
    "", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
];

/// Number words of a language from 2 to 9, empty where another language's word
/// looks the same.
fn foreign(tag: &str) -> Option<[&'static str; 8]> {
    Some(match tag {
        "de" => [
            "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun",
        ],
        "fr" => [
            "deux", "trois", "quatre", "cinq", "", "sept", "huit", "neuf",
        ],
        "es" => [
            "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve",
        ],
        "pt" => [
            "dois", "três", "quatro", "cinco", "seis", "sete", "oito", "nove",
        ],
        "it" => ["", "tre", "quattro", "cinque", "", "sette", "otto", "nove"],
        _ => return None,
    })
}

/// A variable's value as somebody would write it. `instance` asks for a pid.
pub fn surface(
    kind: &str,
    bound: &Bound,
    instance: Option<usize>,
    tag: &str,
    rng: &mut Rng,
) -> Option<String> {
    Some(match bound {
        Bound::Process(name, pids) => match instance {
            None => name.clone(),
            Some(instance) => pids.get(instance.saturating_sub(1))?.to_string(),
        },
        Bound::Word(word) => (*word).to_owned(),
        Bound::Text(text) if kind == "text" => quoted(text, rng),
        Bound::Text(text) => text.clone(),
        Bound::Number(number) => match kind {
            "n" => count(*number, tag, rng),
            "pct" => percent(*number, rng),
            "size" | "huge" => size(*number, rng),
            "ms" | "idle" => duration(*number, rng),
            _ => number.to_string(),
        },
    })
}

fn quoted(text: &str, rng: &mut Rng) -> String {
    match rng.u8(..12) {
        0..=6 => format!("\"{text}\""),
        7..=8 => format!("'{text}'"),
        9 => format!("“{text}”"),
        10 => format!("`{text}`"),
        _ => format!("«{text}»"),
    }
}

fn count(number: u64, tag: &str, rng: &mut Rng) -> String {
    let at = usize::try_from(number).unwrap_or(0);
    let word = match foreign(tag) {
        Some(words) => words.get(at.wrapping_sub(2)).copied(),
        None => ONES.get(at).copied(),
    };
    match word.filter(|word| !word.is_empty() && rng.bool()) {
        Some(word) => word.to_owned(),
        None => number.to_string(),
    }
}

fn percent(number: u64, rng: &mut Rng) -> String {
    match rng.u8(..10) {
        0..=4 => format!("{number}%"),
        5..=6 => format!("{number} %"),
        7 if number.is_multiple_of(10) => {
            let ten = usize::try_from(number / 10).unwrap_or(0);
            format!("{} percent", TENS.get(ten).unwrap_or(&"ten"))
        }
        _ => format!("{number} percent"),
    }
}

fn size(bytes: u64, rng: &mut Rng) -> String {
    const UNITS: [(u64, &[&str], &str); 3] = [
        (
            1 << 30,
            &["GB", "gb", "G", "gig", "gigabyte", "GiB", "gigs"],
            "gig",
        ),
        (
            1 << 20,
            &[
                "MB",
                "mb",
                "M",
                "m",
                "megs",
                "megabytes",
                "Mb",
                "MiB",
                "meg",
                "MB",
            ],
            "meg",
        ),
        (
            1 << 10,
            &["KB", "kb", "K", "k", "kilobytes", "KiB", "kB"],
            "kilobyte",
        ),
    ];
    for (unit, words, full) in UNITS {
        if bytes == unit / 2 && unit > 1 << 10 && rng.bool() {
            return format!("half a {full}");
        }
        if bytes == unit && rng.u8(..3) == 0 {
            return format!(
                "{} {full}",
                rng.choice(["a", "one", "a whole"]).unwrap_or("a")
            );
        }
        if !bytes.is_multiple_of(unit) {
            continue;
        }
        let amount = bytes / unit;
        let word = rng.choice(words).unwrap_or(&"MB");
        let figure = match usize::try_from(amount).ok().and_then(|at| ONES.get(at)) {
            Some(figure) if word.len() > 2 && rng.u8(..3) == 0 => (*figure).to_owned(),
            _ => amount.to_string(),
        };
        let is_glued = figure.starts_with(|letter: char| letter.is_ascii_digit())
            && (word.len() == 1 || rng.u8(..3) == 0);
        return format!("{figure}{}{word}", if is_glued { "" } else { " " });
    }
    format!("{bytes} bytes")
}

fn duration(ms: u64, rng: &mut Rng) -> String {
    const UNITS: [(u64, &[&str]); 3] = [
        (60_000, &["minutes", "min", "mins", "minutes"]),
        (1000, &["seconds", "s", "sec", "secs", "seconds"]),
        (1, &["ms", "ms", "milliseconds", "msec"]),
    ];
    for (unit, words) in UNITS {
        if !ms.is_multiple_of(unit) {
            continue;
        }
        let amount = ms / unit;
        if amount == 1 && unit == 60_000 {
            return rng
                .choice(["a minute", "one minute", "1 min"])
                .unwrap_or("1 min")
                .to_owned();
        }
        let word = rng.choice(words).unwrap_or(&"ms");
        let figure = match usize::try_from(amount).ok().and_then(|at| ONES.get(at)) {
            Some(figure) if word.len() > 3 && rng.u8(..3) == 0 => (*figure).to_owned(),
            _ => amount.to_string(),
        };
        let is_glued = word.len() == 1 || (word.len() == 2 && rng.bool());
        return format!("{figure}{}{word}", if is_glued { "" } else { " " });
    }
    format!("{ms} ms")
}
