//! A service: sends every message back to where it came from.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use proviso_user::{Args, Error, println, program, receive, send};

program!(main);

fn main(_: Args) -> Result<(), Error> {
    println!("answering");
    let mut buffer = [0; 256];
    loop {
        let (sender, message) = receive(&mut buffer, None)?;
        // A sender that is gone, or does not read its messages, has the loss.
        let _ = send(sender, message);
    }
}
