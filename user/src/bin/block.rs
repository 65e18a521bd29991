//! The driver of the disk: sectors, for whoever init gave the other end to.
//!
//! Words of a call: what (0 size, 1 read, 2 write, 3 flush), the first sector, how
//! many bytes to read. Of the answer: 0 or [`REFUSED`](proviso_user::service::REFUSED), and the size. The sectors
//! themselves are the bytes of call and answer. If the device fails the driver ends,
//! and init starts it again, which resets the device.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use proviso_user::block::{Block, MAX_REQUEST};
use proviso_user::device::{Device, Line};
use proviso_user::ipc::Received;
use proviso_user::service::{refusal, take_over};
use proviso_user::{Args, Error, Extras, Port, println, program};

program!(main);

fn main(_: Args) -> Result<(), Error> {
    let [device, line, port] = take_over()?;
    let mut block = Block::start(Device(device), Line(line))?;
    println!("{} sectors", block.sectors());
    let port = Port(port);
    let mut buffer = [0; MAX_REQUEST];
    let mut request = port.receive_with(Extras {
        room: &mut buffer,
        ..Extras::default()
    })?;
    loop {
        let (words, length) = serve(&mut block, &request, &mut buffer)?;
        request = port.echo(words, &mut buffer, length)?;
    }
}

/// Does what was asked; the words of the answer, and how many bytes go with it.
fn serve(
    block: &mut Block,
    request: &Received,
    buffer: &mut [u8],
) -> Result<([u64; 4], usize), Error> {
    let [what, sector, count, _] = request.words;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let (done, length) = match what {
        0 => (Ok(()), 0),
        1 => match buffer.get_mut(..count) {
            Some(room) => (block.read(sector, room), count),
            None => (Err(Error::Invalid), 0),
        },
        2 => {
            let bytes = buffer.get(..request.length).ok_or(Error::Invalid)?;
            (block.write(sector, bytes), 0)
        }
        3 => (block.flush(), 0),
        _ => (Err(Error::Invalid), 0),
    };
    match done {
        Ok(()) if request.handle.is_none() => Ok(([0, block.sectors(), 0, 0], length)),
        Ok(()) | Err(Error::Invalid) => Ok((refusal(request), 0)),
        Err(error) => Err(error),
    }
}
