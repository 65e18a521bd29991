//! The nearest word to one that was mistyped.

use alloc::vec::Vec;

/// The nearest of `known` to `word`, if it is near enough to have been meant.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likely = |candidate: &str| {
        if !word.is_empty() && candidate.starts_with(word) {
            return 0;
        }
        distance(word, candidate)
    };
    known
        .map(|candidate| (likely(candidate), candidate))
        .filter(|(distance, candidate)| *distance * 2 <= candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be inserted, deleted, replaced or swapped with their
/// neighbour to turn one word into the other.
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().take(32).collect();
    let to: Vec<char> = to.chars().take(32).collect();
    // Row by row of the table of distances between all beginnings.
    let mut rows: Vec<Vec<usize>> = alloc::vec![(0..=to.len()).collect()];
    for (i, a) in from.iter().enumerate() {
        let mut row = alloc::vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX);
            let above = rows.last().map_or(&[][..], Vec::as_slice);
            let mut best = (at(above, j) + usize::from(a != b))
                .min(at(above, j + 1) + 1)
                .min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && from.get(i - 1) == Some(b) && to.get(j - 1) == Some(a);
            if let (true, Some(row)) =
                (swapped, rows.len().checked_sub(2).and_then(|i| rows.get(i)))
            {
                best = best.min(at(row, j - 1) + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 5] = ["ps", "priority", "kill", "help", "shutdown"];

    #[test]
    fn slips_find_what_was_meant() {
        for (typed, meant) in [
            ("kil", "kill"),
            ("klil", "kill"),
            ("hepl", "help"),
            ("sp", "ps"),
            ("prio", "priority"),
            ("shutdwon", "shutdown"),
        ] {
            assert_eq!(nearest(typed, KNOWN.into_iter()), Some(meant), "{typed}");
        }
    }

    #[test]
    fn what_is_far_from_everything_finds_nothing() {
        for typed in ["", "format", "xyz"] {
            assert_eq!(nearest(typed, KNOWN.into_iter()), None, "{typed}");
        }
        assert_eq!(nearest(&"k".repeat(10_000), KNOWN.into_iter()), None);
    }
}
