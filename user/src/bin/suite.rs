#![no_std]
#![no_main]
use proviso_user::{Args, program};
program!(main);
fn main(_: Args) {}
