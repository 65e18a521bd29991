//! A service: answers every call with what it said.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use proviso_user::abi::ipc::MAX_MESSAGE;
use proviso_user::{Args, Error, Extras, Port, println, program};

program!(main);

fn main(_: Args) -> Result<(), Error> {
    println!("answering");
    let mut buffer = [0; MAX_MESSAGE];
    let mut request = Port::OWN.receive_with(Extras {
        room: &mut buffer,
        ..Extras::default()
    })?;
    loop {
        request = Port::OWN.echo(request.words, &mut buffer, request.length)?;
    }
}
