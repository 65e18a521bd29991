//! Durations as people read them.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

/// `85 us`, `0.2 ms`, `1.24 s`, `2 min 5 s`, `3 h 20 min`.
#[must_use]
pub fn words(duration: Duration) -> String {
    let (seconds, micros) = (duration.as_secs(), duration.subsec_micros());
    match (seconds, micros) {
        (0, ..100) => format!("{micros} us"),
        (0, _) => format!("{}.{} ms", micros / 1000, micros % 1000 / 100),
        (..60, _) => format!("{seconds}.{:02} s", micros / 10_000),
        _ => long_words(seconds),
    }
}

/// As [`words`], in whole seconds.
#[must_use]
pub fn seconds_words(seconds: u64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        _ => long_words(seconds),
    }
}

fn long_words(seconds: u64) -> String {
    match seconds {
        0..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_has_its_unit() {
        for (micros, text) in [
            (0, "0 us"),
            (85, "85 us"),
            (230, "0.2 ms"),
            (999_999, "999.9 ms"),
            (1_240_000, "1.24 s"),
            (59_999_999, "59.99 s"),
            (125_000_000, "2 min 5 s"),
            (12_000_000_000, "3 h 20 min"),
            (180_000_000_000, "2 d 2 h"),
        ] {
            assert_eq!(words(Duration::from_micros(micros)), text);
        }
        assert_eq!(seconds_words(59), "59 s");
        assert!(!words(Duration::MAX).is_empty());
    }
}
