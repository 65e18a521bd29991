//! The service that keeps files, for the kernel and for programs.
//!
//! If the disk fails the service ends, and init starts it again: what is on the
//! disk is then read anew, and what was acknowledged is there.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use postcard::{from_bytes, to_allocvec};
use proviso_store::{Cache, Disk, DiskError, SECTOR, Service, StoreError};
use proviso_user::abi::files::{FileAnswer, FileError, MAX_REQUEST};
use proviso_user::ipc::{self, Received};
use proviso_user::service::{serve_files, take_over};
use proviso_user::start::on_stack;
use proviso_user::{Args, Error, Extras, Port, block, clock, println, program, sleep, system};

program!(main);

/// A driver that is away this long will not come back.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often sectors are asked for while the driver is started again.
const ATTEMPTS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(50);
/// Sectors that one call carries at most.
const SECTORS_A_CALL: usize = block::MAX_REQUEST / SECTOR;
/// The badge of the kernel's requests.
const KERNEL: u64 = 0;

/// The store's books of the disk are large, and lie on the stack.
const STACK: usize = 512 * 1024;

fn main(_: Args) -> Result<i32, Error> {
    on_stack(STACK, run)
}

extern "C" fn run() -> i32 {
    match keep_files() {
        Ok(()) => 0,
        Err(error) => {
            println!("error: {error}");
            1
        }
    }
}

fn keep_files() -> Result<(), StoreError> {
    let [disk, files] = take_over().map_err(|_| StoreError::Disk)?;
    let disk = RemoteDisk::connect(Port(disk))?;
    // It only has to differ from one start to the next.
    let seed = clock().subsec_nanos();
    let mut service = Service::open(Cache::new(disk), seed)?;
    serve_files(files).map_err(|_| StoreError::Disk)?;
    println!("files are there");
    let mut room = vec![0; MAX_REQUEST];
    let mut answer = Vec::new();
    loop {
        let extras = Extras {
            bytes: &answer,
            room: &mut room,
            ..Extras::default()
        };
        // The first time there is nobody to answer.
        answer = match Port::OWN.reply_receive_with([0; 4], extras) {
            Ok(received) => serve(&mut service, &received, &room)?,
            Err(_) => Vec::new(),
        };
    }
}

/// Does what was asked; the bytes of the answer.
fn serve<D: Disk>(
    service: &mut Service<D>,
    received: &Received,
    room: &[u8],
) -> Result<Vec<u8>, StoreError> {
    if !received.handle.is_none() {
        // Or callers could fill our table.
        let _ = ipc::close(received.handle);
    }
    let bytes = room.get(..received.length).unwrap_or_default();
    let answer = match (received.is_call, received.badge) {
        // Letters mean nothing here.
        (false, _) => return Ok(Vec::new()),
        (true, KERNEL) => match from_bytes(bytes) {
            Ok(request) => to_allocvec(&service.request(&request)?),
            Err(_) => return Ok(Vec::new()),
        },
        (true, badge) => {
            let answer = match (system::identity(badge), from_bytes(bytes)) {
                (Ok(who), Ok(call)) => service.call(&who, &call)?,
                _ => FileAnswer::Err(FileError::Invalid),
            };
            to_allocvec(&answer)
        }
    };
    // What is bounded encodes.
    Ok(answer.unwrap_or_default())
}

/// The disk, by way of its driver.
struct RemoteDisk {
    driver: Port,
    sectors: u64,
}

impl RemoteDisk {
    fn connect(driver: Port) -> Result<Self, DiskError> {
        let mut disk = Self { driver, sectors: 0 };
        let [_, sectors, ..] = disk.ask([0; 4], &[], &mut [])?;
        disk.sectors = sectors;
        Ok(disk)
    }

    /// Asks the driver, and again if it ends meanwhile: the endpoint outlives it,
    /// and what is asked of it does no harm twice.
    fn ask(
        &mut self,
        words: [u64; 4],
        bytes: &[u8],
        room: &mut [u8],
    ) -> Result<[u64; 4], DiskError> {
        for _ in 0..ATTEMPTS {
            let length = room.len();
            let extras = Extras {
                bytes,
                room: &mut *room,
                ..Extras::within(PATIENCE)
            };
            match self.driver.call_with(words, extras) {
                Ok(reply) if reply.words.first() == Some(&0) && reply.length == length => {
                    return Ok(reply.words);
                }
                Ok(_) => return Err(DiskError),
                Err(Error::Dead | Error::Unanswered) => sleep(PAUSE),
                Err(_) => return Err(DiskError),
            }
        }
        Err(DiskError)
    }
}

impl Disk for RemoteDisk {
    fn sectors(&self) -> u64 {
        self.sectors
    }

    fn read(&mut self, sector: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        let pieces = buffer.chunks_mut(block::MAX_REQUEST);
        for (piece, at) in pieces.zip((sector..).step_by(SECTORS_A_CALL)) {
            let words = [1, at, piece.len() as u64, 0];
            self.ask(words, &[], piece)?;
        }
        Ok(())
    }

    fn write(&mut self, sector: u64, data: &[u8]) -> Result<(), DiskError> {
        let pieces = data.chunks(block::MAX_REQUEST);
        for (piece, at) in pieces.zip((sector..).step_by(SECTORS_A_CALL)) {
            self.ask([2, at, 0, 0], piece, &mut [])?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DiskError> {
        self.ask([3, 0, 0, 0], &[], &mut []).map(|_| ())
    }
}
