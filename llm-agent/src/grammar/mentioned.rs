//! What a sentence mentions that can stand in a plan as it is.
//!
//! A small model gets "3 MB" in bytes wrong and misspells paths. Both can be
//! read off the sentence, so the grammar offers exactly these, and the model
//! only says which goes where.

/// Sizes, shares, paths and quotations, each once, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mentioned {
    /// Sizes in bytes.
    pub sizes: Vec<u64>,
    /// Percentages.
    pub shares: Vec<u64>,
    /// Paths.
    pub paths: Vec<String>,
    /// Texts in quotation marks.
    pub quotes: Vec<String>,
}

/// The most bytes of a path or quotation that is taken over.
const MAX_BYTES: usize = 128;

/// Reads a sentence.
pub fn mentioned(sentence: &str) -> Mentioned {
    let lower = sentence.to_lowercase();
    let words = words(&lower);
    let mut said = Mentioned::default();
    for (index, word) in words.iter().enumerate() {
        let next = words.get(index + 1).map_or("", String::as_str);
        let Some((number, unit)) = number_and_unit(word) else {
            continue;
        };
        let unit = if unit.is_empty() { next } else { unit };
        if let Some(bytes) = unit_bytes(unit) {
            // Saturates: a size beyond all memory is refused by the kernel.
            add(&mut said.sizes, (number * bytes as f64).round() as u64);
        } else if matches!(unit, "%" | "percent" | "per" | "prozent" | "pourcent")
            && (1.0..=100.0).contains(&number)
        {
            add(&mut said.shares, number.round() as u64);
        }
    }
    said.sizes.retain(|size| *size > 0);
    said.paths = sentence.split_whitespace().filter_map(path).collect();
    said.quotes = quotes(sentence);
    said
}

fn add<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// Words and percent signs; digits stay with the letters right after them.
fn words(lower: &str) -> Vec<String> {
    let spaced = lower.replace('%', " % ");
    let is_between =
        |letter: char| !(letter.is_alphanumeric() || matches!(letter, '%' | '.' | ','));
    let words = spaced
        .split(is_between)
        .map(|word| word.trim_matches(['.', ',']));
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// `8mb` as 8 and `mb`, `two` as 2 and nothing.
fn number_and_unit(word: &str) -> Option<(f64, &str)> {
    const SMALL: [&str; 11] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    ];
    if matches!(word, "a" | "an" | "another" | "whole") {
        return Some((1.0, ""));
    }
    if let Some(number) = SMALL.iter().position(|small| *small == word) {
        return Some((number as f64, ""));
    }
    let end = word
        .find(|letter: char| !letter.is_ascii_digit() && !matches!(letter, '.' | ','))
        .unwrap_or(word.len());
    let (digits, unit) = word.split_at_checked(end)?;
    digits
        .replace(',', ".")
        .parse()
        .ok()
        .map(|number| (number, unit))
}

fn unit_bytes(unit: &str) -> Option<u64> {
    Some(match unit {
        "b" | "byte" | "bytes" => 1,
        "k" | "kb" | "kib" | "ko" | "kilobyte" | "kilobytes" => 1 << 10,
        "m" | "mb" | "mib" | "mo" | "meg" | "megs" | "megabyte" | "megabytes" => 1 << 20,
        "g" | "gb" | "gib" | "go" | "gig" | "gigs" | "gigabyte" | "gigabytes" => 1 << 30,
        _ => return None,
    })
}

/// A word that is an absolute path, without the punctuation around it.
fn path(word: &str) -> Option<String> {
    let is_around =
        |letter: char| !(letter.is_alphanumeric() || matches!(letter, '/' | '_' | '-' | '~'));
    let word = word
        .trim_start_matches(['"', '\'', '(', '['])
        .trim_end_matches(is_around);
    (word.starts_with('/') && word.len() <= MAX_BYTES).then(|| word.to_owned())
}

/// What stands in double quotation marks, straight or curly.
fn quotes(sentence: &str) -> Vec<String> {
    let plain = sentence.replace(['“', '”', '„', '«', '»'], "\"");
    let parts: Vec<&str> = plain.split('"').collect();
    // Every second part is inside; a last mark that is not closed opens nothing.
    let inside = parts
        .iter()
        .enumerate()
        .filter(|(index, _)| index % 2 == 1 && index + 1 < parts.len());
    let texts = inside
        .map(|(_, text)| text.trim())
        .filter(|text| !text.is_empty() && text.len() <= MAX_BYTES);
    texts.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_every_spelling() {
        for (sentence, bytes) in [
            ("give it 8 megs", 8 << 20),
            ("4MB more", 4 << 20),
            ("another meg", 1 << 20),
            ("two megabytes", 2 << 20),
            ("1.5 GB.", 3 << 29),
            ("512 KB", 512 << 10),
            ("2,5 Mo", 5 << 19),
            ("4096 bytes", 4096),
            ("a whole gig", 1 << 30),
        ] {
            assert_eq!(mentioned(sentence).sizes, [bytes], "{sentence}");
        }
        assert!(
            mentioned("kill 4 of the 5 workers, a moment later")
                .sizes
                .is_empty()
        );
        assert_eq!(
            mentioned("1 MB to 4 and 2 MB, no, 1 MB to 5").sizes,
            [1 << 20, 2 << 20]
        );
        assert!(mentioned("0 MB").sizes.is_empty());
    }

    #[test]
    fn shares_paths_and_quotes_are_found() {
        let said = mentioned(
            "cap it at 15 % or 40%, 300 % never; put “a, b” into '/var/x.txt', then \"c\" in /y.",
        );
        assert_eq!(said.shares, [15, 40]);
        assert_eq!(said.paths, ["/var/x.txt", "/y"]);
        assert_eq!(said.quotes, ["a, b", "c"]);
        assert!(mentioned("a stray \" mark").quotes.is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_sentence_panics(sentence: String) {
            let _ = mentioned(&sentence);
        }
    }
}
