//! Admission and target expansion: by table for every reason, and by chance.

mod authority;
mod by_chance;
mod expansion;
mod fixture;
mod generate;
mod injections;
mod plans;
mod rejections;
