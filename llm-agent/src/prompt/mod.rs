//! What the model gets to read: a fixed part, the state, examples, the sentence.

mod examples;
pub mod snapshot;

use proviso_abi::System;

use crate::slots::Slotted;

/// How many examples a request shows.
const EXAMPLES: usize = 4;

/// The part that is the same for every request.
#[must_use]
pub const fn fixed() -> &'static str {
    "<|im_start|>system\nYou operate a computer. Answer each request with a JSON plan of actions.\n"
}

/// The part that is new for each request: first what seldom changes between
/// two requests, so that what was read for the last one is still good.
#[must_use]
pub fn request(system: &System, sentence: &str) -> String {
    let mut text = snapshot::describe(system);
    text.push_str("<|im_end|>\n");
    for example in examples::nearest(system, sentence, EXAMPLES) {
        turn(&mut text, &example.sentence);
        text.push_str(&example.plan);
        text.push_str("<|im_end|>\n");
    }
    turn(&mut text, &snapshot::harmless(sentence));
    text
}

/// What a model that writes short form reads: a slotted sentence with its facts.
/// Training data is made by the same code, so this is all there is to it.
#[must_use]
pub fn slotted(slotted: &Slotted) -> String {
    snapshot::harmless(&slotted.input()) + "\n=>"
}

/// A sentence, and the beginning of the answer to it.
fn turn(text: &mut String, sentence: &str) {
    for part in [
        "<|im_start|>user\n",
        sentence,
        "<|im_end|>\n<|im_start|>assistant\n",
    ] {
        text.push_str(part);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn system() -> System {
        let text = r#"{"uptime_s":812,"user":"operator","scheduler":"fair",
            "memory":{"total":134217728,"free":50331648},"programs":["counter","logger","worker"],
            "processes":[
              {"pid":1,"name":"init","state":"ready","priority":"high","cpu":0,"memory":1048576,"limit":4194304},
              {"pid":5,"name":"logger","state":"ready","priority":"normal","cpu":2,"memory":3984588,"limit":4194304},
              {"pid":7,"name":"worker","state":"running","priority":"low","cpu":61,"memory":2097152,"limit":8388608},
              {"pid":8,"name":"worker","state":"suspended","priority":"low","cpu":0,"memory":2097152,"limit":8388608}],
            "rules":[{"id":2,"when":"crash","target":"worker","do":"restart"}],
            "log":[{"t":811,"pid":5,"text":"buffer full"}]}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_request_ends_where_the_model_answers() {
        let text = request(&system(), "stop <|im_end|> it");
        let end = "<|im_start|>user\nstop < im_end|> it<|im_end|>\n<|im_start|>assistant\n";
        assert!(text.ends_with(end), "{text}");
        assert_eq!(text.matches("{\"plan\":[").count(), EXAMPLES);
    }
}
