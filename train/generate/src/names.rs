//! Names for processes: usual ones, and ones that nobody has seen before.

use fastrand::Rng;

const USUAL: &str = "\
archiver auditor autosave backup balancer batcher beacon billing blogd bridge broker buffer builder \
cache cacher camera capture cart catalog chat checker checkout cleaner clock collector compactor \
compiler compressor console counter crawler cron dashboard daemon database decoder deployer digest \
dispatcher dnsd downloader draft echo emailer encoder encryptor engine exporter feeder fetcher \
filter flusher forwarder ftpd game gateway ghost greeter guard hasher heater heartbeat helper hog \
httpd importer indexer ingest inspector invoicer janitor jukebox keeper keymap lamp ledger lexer \
linker listener loader lock logger looper mailer mapper matcher merger meter metrics miner mixer \
monitor mover mqtt notifier ntpd packer painter parser payroll pinger pipeline planner player \
poller pooler portal postman presenter printer prober producer profiler proxy pruner publisher \
pump queue radio ranker reader receiver recorder reducer relay render renderer replica reporter \
resizer resolver retrier router runner sampler scanner scheduler scraper screener sealer searcher \
seeder sender sensor server shell shipper signer smtpd sniffer solver sorter spooler sqlite \
stats stitcher store streamer submitter suggester sweeper syncer tagger tailer telemetry tester \
thermostat ticker tile timer tracer tracker trainer transcoder translator trimmer tuner uploader \
usher validator vault viewer voicemail walker warden watchdog watcher weather web webhook widget \
worker writer zipper";

const STARTS: &[&str] = &[
    "b", "bl", "br", "c", "ch", "cl", "cr", "d", "dr", "f", "fl", "fr", "g", "gl", "gr", "h", "j",
    "k", "kl", "kr", "l", "m", "n", "p", "pl", "pr", "qu", "r", "s", "sk", "sl", "sm", "sn", "sp",
    "st", "str", "t", "tr", "v", "w", "x", "y", "z", "zw",
];
const MIDDLES: &[&str] = &[
    "a", "e", "i", "o", "u", "ai", "au", "ea", "ei", "io", "oo", "ou", "y",
];
const ENDS: &[&str] = &[
    "", "b", "ck", "d", "ff", "g", "k", "l", "lt", "m", "mp", "n", "nd", "nk", "nt", "p", "r",
    "rd", "rk", "rm", "s", "sk", "st", "t", "x", "z",
];

/// A name.
pub fn name(rng: &mut Rng) -> String {
    match rng.u8(..20) {
        0..=9 => usual(rng),
        10..=15 => made_up(rng),
        16 => format!("{}{}", made_up(rng), rng.u8(2..10)),
        17 => format!("{}_{}", usual(rng), usual(rng)),
        18 => format!("{}-{}", usual(rng), made_up(rng)),
        _ => format!("{}d", made_up(rng)),
    }
}

fn usual(rng: &mut Rng) -> String {
    let all: Vec<&str> = USUAL.split_ascii_whitespace().collect();
    rng.choice(all).unwrap_or("worker").to_owned()
}

/// Syllables that make no word.
pub fn made_up(rng: &mut Rng) -> String {
    let mut name = String::new();
    for _ in 0..rng.u8(1..=3) {
        for part in [STARTS, MIDDLES, ENDS] {
            name.push_str(rng.choice(part).unwrap_or(&""));
        }
    }
    if name.len() < 3 {
        name.push_str("ix");
    }
    name
}
