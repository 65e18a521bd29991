//! Admission and target expansion: by table for every reason, and by chance.

mod by_chance;
mod expansion;
mod fixture;
mod generate;
mod plans;
mod rejections;
