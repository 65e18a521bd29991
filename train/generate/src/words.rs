//! Values made up for variables: sizes, durations, paths, messages, facts.

use fastrand::Rng;

const MIB: u64 = 1 << 20;

fn pick<'w>(rng: &mut Rng, words: &'w str) -> &'w str {
    let all: Vec<&str> = words.split_ascii_whitespace().collect();
    rng.choice(all).unwrap_or("it")
}

/// A size that fits into a machine with so much memory.
pub fn size(rng: &mut Rng, total: u64) -> u64 {
    let size = match rng.u8(..10) {
        0 => rng.u64(1..64) * (16 << 10),
        1 => MIB / 2,
        2 => (1 << 30) / rng.choice([1, 2]).unwrap_or(1),
        3..=5 => MIB << rng.u32(0..7),
        _ => rng.u64(1..=48) * MIB,
    };
    if size <= total {
        size
    } else {
        MIB * rng.u64(1..=16)
    }
}

/// A duration in milliseconds.
pub fn duration_ms(rng: &mut Rng) -> u64 {
    match rng.u8(..4) {
        0 => rng.u64(1..=18) * 50,
        1 => rng.u64(1..=10) * 60_000,
        _ => {
            rng.choice([2, 3, 5, 8, 10, 15, 20, 30, 45, 90, 120])
                .unwrap_or(30)
                * 1000
        }
    }
}

const FOLDERS: &str = "tmp var etc home data logs notes inbox outbox shared music photos work \
    drafts archive backups reports config docs public invoices recipes old letters letters/2024 \
    var/log srv/www home/anna home/ben/plans projects/alpha data/raw";
const STEMS: &str = "notes todo report readme draft summary list plan config settings motd hosts \
    backup budget diary recipe letter results table measurements minutes agenda orders song \
    inventory ideas index error access trace crash old final prices guests addresses";
const ENDINGS: &str = "txt log md csv json conf dat bak ini old";

/// The path of a file.
pub fn path(rng: &mut Rng) -> String {
    let stem = pick(rng, STEMS);
    let name = match rng.u8(..6) {
        0 => stem.to_owned(),
        1 => format!("{stem}-{}.{}", rng.u8(1..99), pick(rng, ENDINGS)),
        _ => format!("{stem}.{}", pick(rng, ENDINGS)),
    };
    format!("{}/{name}", folder(rng).trim_end_matches('/'))
}

/// The path of a folder.
pub fn folder(rng: &mut Rng) -> String {
    let end = if rng.u8(..6) == 0 { "/" } else { "" };
    format!("/{}{end}", pick(rng, FOLDERS))
}

const VERBS: &str = "flush wait continue stop start again ready sync reload check call rotate save \
    print rest hurry hello goodbye done reset ping wake sleep hold go finish pause clear open close \
    resend drain compact retry refresh kill reboot";
const NOUNS: &str = "page queue batch report backup tea coffee lunch dinner cache table job door \
    light order mail index disk song meeting shift cat bus phone window key letter test build \
    everything nothing tomorrow tonight monday friday noon midnight morning now later";
const LINKS: &str = "the a your at before after with for until on my our all";

/// So many words at most that one could send to somebody.
pub fn message(rng: &mut Rng, most: usize) -> String {
    let count = rng.usize(1..=most);
    let mut words = vec![pick(rng, VERBS)];
    while words.len() < count {
        let link = words.len() + 2 <= count && rng.bool();
        words.push(if link {
            pick(rng, LINKS)
        } else {
            pick(rng, NOUNS)
        });
    }
    words.join(" ")
}

const WHO: &[&str] = &[
    "i", "i", "i", "we", "my boss", "my dog", "the team", "my wife", "my son",
];
const DOES: &[&str] = &[
    "prefer",
    "like",
    "hate",
    "work",
    "live",
    "need",
    "want",
    "use",
    "drink",
    "eat",
    "read",
    "sleep",
    "deploy",
    "never touch",
    "always check",
    "cannot stand",
    "go home",
    "get up",
    "am allergic to",
];
const WHAT: &[&str] = &[
    "nights",
    "dark mode",
    "metric units",
    "short answers",
    "on fridays",
    "in lisbon",
    "green tea",
    "at six",
    "on the third floor",
    "two monitors",
    "mondays",
    "peanuts",
    "loud fans",
    "the backups",
    "before noon",
    "german keyboards",
    "old books",
    "in the basement",
    "with both hands",
    "quiet",
];

/// Something that somebody may say of themselves.
pub fn fact(rng: &mut Rng) -> String {
    let parts = [WHO, DOES, WHAT].map(|part| rng.choice(part).copied().unwrap_or("i"));
    parts.join(" ")
}

const TOPICS: &str = "timeout checksum disk errors memory leak login password network backup crash \
    warning segfault stack overflow retry latency queue invoice birthday holiday recipe contract \
    meeting budget release deploy priority suspend rules shutdown upgrade sensor temperature \
    battery certificate cache eviction throttling deadlock permission denied mailbox";

/// One to three words to search for.
pub fn topic(rng: &mut Rng) -> String {
    let words: Vec<_> = (0..rng.u8(1..=3)).map(|_| pick(rng, TOPICS)).collect();
    words.join(" ")
}
