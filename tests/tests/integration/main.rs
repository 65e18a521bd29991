//! Boots the real kernel in QEMU and tries everything, each scenario a test of
//! its own: `cargo test -p proviso-tests -- sentences` runs those whose name has
//! the word in it.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};

/// What a test does.
pub type Scenario = fn() -> Result<()>;

/// The scenarios of a file, each named like its function.
macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => {
        /// The scenarios of this file.
        pub const SCENARIOS: &[(&str, crate::Scenario)] = &[$((stringify!($name), $name)),+];
    };
}

mod agents;
mod boot;
mod boundary;
mod console;
mod crowds;
mod docs;
mod fatal;
mod files;
mod front_door;
mod guest;
mod model;
mod random_plans;
mod readme;
mod robustness;
mod sentences;

const GROUPS: &[(&str, &[(&str, Scenario)])] = &[
    ("boot", boot::SCENARIOS),
    ("boundary", boundary::SCENARIOS),
    ("console", console::SCENARIOS),
    ("crowds", crowds::SCENARIOS),
    ("sentences", sentences::SCENARIOS),
    ("agents", agents::SCENARIOS),
    ("robustness", robustness::SCENARIOS),
    ("random_plans", random_plans::SCENARIOS),
    ("fatal", fatal::SCENARIOS),
    ("files", files::SCENARIOS),
    ("front_door", front_door::SCENARIOS),
    ("model", model::SCENARIOS),
    ("readme", readme::SCENARIOS),
    ("docs", docs::SCENARIOS),
];

/// Machines at once. More would not be quicker on two cores, only less certain.
const MACHINES: usize = 2;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(MACHINES);
    let mut trials = guest::trials(&arguments);
    for (group, scenarios) in GROUPS {
        for (name, scenario) in *scenarios {
            trials.push(trial(format!("{group}::{name}"), *scenario));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: String, scenario: Scenario) -> Trial {
    let title = name.clone();
    Trial::test(name, move || {
        let begin = Instant::now();
        let result = scenario();
        eprintln!("{title}: {:.1} s", begin.elapsed().as_secs_f32());
        result.map_err(|error| Failed::from(format!("{error:#}")))
    })
}
