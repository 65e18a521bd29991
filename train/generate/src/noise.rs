//! What people add to a sentence, and the slips they make.

use fastrand::Rng;

const BEFORE: &[&str] = &[
    "please, ",
    "hi, ",
    "hi! ",
    "hey ",
    "hey, ",
    "ok, ",
    "okay so ",
    "ok now ",
    "right, ",
    "um ",
    "so, ",
    "computer, ",
    "quick one: ",
    "good morning. ",
    "sorry to bother you, ",
    "well, ",
    "alright: ",
    "hello there, ",
    "yo ",
    "dear system, ",
    "next: ",
    "pls ",
    "listen, ",
    "oh, and ",
    "one more thing: ",
    "i think ",
    "kindly ",
    "attention: ",
];
const AFTER: &[&str] = &[
    " please",
    " pls",
    " thanks",
    ", thank you",
    " thx",
    " asap",
    " now",
    " right now",
    "!",
    "!!",
    " :)",
    ", cheers",
    " if you can",
    " ok?",
    ", would you",
    " - thanks in advance",
    " will you",
    ", please.",
    " already",
    " ty",
    " for me",
    " if that's alright",
    ", i mean it",
];
/// Stories that ask for nothing. `@` is somebody who has nothing to do with it.
const STORIES: &[&str] = &[
    "i just got back from lunch. ",
    "it has been a long day. ",
    "my coffee is getting cold. ",
    "we have visitors tomorrow. ",
    "the others have gone home. ",
    "i read the manual. ",
    "@ is doing fine by the way. ",
    "never mind @, that one is all right. ",
    "i looked at @ and it is fine. ",
    "as far as i can see @ behaves. ",
    "it's late here. ",
    "there's a meeting in a minute. ",
    "i had a look around. ",
    "nothing urgent. ",
    "the night shift left me a note. ",
    "i'm new here. ",
    "@ can stay as it is. ",
];

/// Words around a sentence that change nothing about what it asks for.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// In front of it.
    pub before: String,
    /// Behind it.
    pub after: String,
}

/// Chooses words around a sentence. `language` is the pattern's tag;
/// `bystander` somebody whom it does not mention.
pub fn around(language: &str, bystander: Option<&str>, rng: &mut Rng) -> Around {
    let (before, after): (&[&str], &[&str]) = match language {
        "de" => (
            &["bitte ", "hallo, ", "also ", "so, "],
            &[" bitte", ", danke", " jetzt", "!"],
        ),
        "fr" => (
            &["bonjour, ", "alors ", "bon, "],
            &[" s'il te plaît", ", merci", " stp", " !"],
        ),
        "es" => (
            &["hola, ", "por favor ", "oye, "],
            &[" por favor", ", gracias", " ya", "!"],
        ),
        "pt" => (
            &["olá, ", "por favor ", "então "],
            &[" por favor", ", obrigado", " já", "!"],
        ),
        "it" => (
            &["ciao, ", "per favore ", "allora "],
            &[" per favore", ", grazie", " subito", "!"],
        ),
        _ => (BEFORE, AFTER),
    };
    let mut around = Around::default();
    if rng.u8(..10) == 0 {
        around.before = rng.choice(before).copied().unwrap_or("").to_owned();
    }
    if rng.u8(..8) == 0 {
        around.after = rng.choice(after).copied().unwrap_or("").to_owned();
    }
    let is_english = before.len() == BEFORE.len();
    if is_english && rng.u8(..14) == 0 {
        let story = rng.choice(STORIES).copied().unwrap_or("");
        match bystander {
            Some(name) => around.before.insert_str(0, &story.replace('@', name)),
            None if !story.contains('@') => around.before.insert_str(0, story),
            None => {}
        }
    }
    around
}

/// A slip of the fingers in a word of at least four letters, if it has one.
pub fn slip(text: &str, rng: &mut Rng) -> String {
    let letters: Vec<char> = text.chars().collect();
    let places: Vec<usize> = (1..letters.len().saturating_sub(2))
        .filter(|at| {
            let from = at.saturating_sub(1);
            letters
                .get(from..at + 3)
                .is_some_and(|run| run.iter().all(|letter| letter.is_ascii_alphabetic()))
        })
        .collect();
    let Some(at) = rng.choice(places) else {
        return text.to_owned();
    };
    let mut letters = letters;
    match rng.u8(..4) {
        0 => letters.swap(at, at + 1),
        1 => drop(letters.remove(at)),
        2 => letters.insert(at, letters.get(at).copied().unwrap_or('e')),
        _ => {
            if let Some(letter) = letters.get_mut(at) {
                *letter = neighbour(*letter, rng);
            }
        }
    }
    letters.into_iter().collect()
}

/// A key beside a key.
fn neighbour(letter: char, rng: &mut Rng) -> char {
    const ROWS: [&str; 3] = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];
    for row in ROWS {
        if let Some(at) = row.find(letter.to_ascii_lowercase()) {
            let beside = if rng.bool() {
                at + 1
            } else {
                at.saturating_sub(1)
            };
            return row.chars().nth(beside).unwrap_or(letter);
        }
    }
    letter
}
