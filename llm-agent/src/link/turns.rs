//! Who goes on when: the worker's rounds, one by one, with a model that counts.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use proviso_abi::Sentence;
use proviso_abi::wire::{Request, ToKernel};

use super::guest::Guest;
use super::queue::Queue;
use super::work::Work;
use super::worker::Table;
use crate::model::{Completion, Job, JobId, Model, ModelError, Watch};
use crate::planner::Planner;
use crate::prompt::tests::system;

/// Takes as many steps for a sentence as its number says, a token each.
struct Stepping {
    seats: usize,
    open: BTreeMap<JobId, (Job, usize, usize)>,
    next: JobId,
    /// Who took part in the last step, by its number of steps.
    took_part: Rc<RefCell<Vec<usize>>>,
}

impl Model for Stepping {
    fn name(&self) -> &str {
        "stepping"
    }

    fn warm(&mut self, _fixed: &'static str, _watch: &Watch) -> Result<(), ModelError> {
        Ok(())
    }

    fn seats(&self) -> usize {
        self.seats
    }

    fn begin(&mut self, job: Job) -> Result<JobId, ModelError> {
        self.next += 1;
        let sentence = job.request.rsplit("user\n").next().unwrap_or_default();
        let digits: String = sentence.chars().filter(char::is_ascii_digit).collect();
        let steps = digits.parse().unwrap();
        self.open.insert(self.next, (job, steps, 0));
        Ok(self.next)
    }

    fn step(&mut self, jobs: &[JobId]) -> Vec<(JobId, Result<Completion, ModelError>)> {
        assert!(jobs.len() <= self.seats);
        let mut done = Vec::new();
        let mut took_part = Vec::new();
        for id in jobs {
            let (job, steps, tokens) = self.open.get_mut(id).unwrap();
            *tokens += 1;
            job.watch.note_generated(*tokens);
            took_part.push(*steps);
            if let Err(error) = job.watch.check() {
                done.push((*id, Err(error)));
            } else if tokens == steps {
                let text = r#"{"plan":[{"action":"status"}]}"#.into();
                let said = Completion {
                    text,
                    ..Completion::default()
                };
                done.push((*id, Ok(said)));
            }
        }
        self.took_part.replace(took_part);
        done
    }
}

/// A worker at such a model, and three guests.
struct Bench {
    queue: Queue<Work>,
    planner: Planner<Stepping>,
    table: Table,
    took_part: Rc<RefCell<Vec<usize>>>,
    guests: Vec<(Arc<Guest>, Receiver<ToKernel>, UnixStream)>,
    intent: u64,
}

impl Bench {
    fn new(seats: usize) -> Self {
        let took_part = Rc::default();
        let model = Stepping {
            seats,
            open: BTreeMap::new(),
            next: 0,
            took_part: Rc::clone(&took_part),
        };
        let guests = (1..=3).map(|id| {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let (guest, said) = Guest::new(id, ours).unwrap();
            (guest, said, theirs)
        });
        Self {
            queue: Queue::default(),
            planner: Planner::new(model),
            table: Table::new(seats),
            took_part,
            guests: guests.collect(),
            intent: 0,
        }
    }

    /// Asks for what takes so many steps; nobody as process is the console.
    fn ask(&mut self, guest: usize, process: Option<u32>, steps: usize) -> Arc<Watch> {
        self.intent += 1;
        let guest = Arc::clone(&self.guests[guest].0);
        let watch = guest
            .begin(self.intent, Instant::now() + Duration::from_secs(600))
            .unwrap();
        let mut system = system();
        system.caller = process;
        let work = Work {
            guest,
            request: Request {
                intent: self.intent,
                deadline_ms: 60_000,
                prompt: Sentence::cut(&steps.to_string()),
                system,
                before: None,
                rounds_left: 0,
            },
            received: Instant::now(),
            watch: Arc::clone(&watch),
            job: None,
        };
        let put = self.queue.put(&work.principal(), work);
        assert!(put.is_ok());
        watch
    }

    /// One round, and who took part in it.
    fn step(&mut self) -> Vec<usize> {
        self.table.round(&mut self.planner, &self.queue);
        let mut who = self.took_part.take();
        who.sort_unstable();
        who
    }

    fn steps(&mut self, count: usize) -> Vec<Vec<usize>> {
        (0..count).map(|_| self.step()).collect()
    }

    /// Plans that the guest got since it was last asked.
    fn answers(&self, guest: usize) -> usize {
        let said = self.guests[guest].1.try_iter();
        said.filter(|said| matches!(said, ToKernel::Plan { .. }))
            .count()
    }
}

#[test]
fn a_long_request_blocks_a_short_one_for_no_step() {
    let mut bench = Bench::new(2);
    bench.ask(0, Some(5), 40);
    bench.ask(0, Some(6), 41);
    bench.steps(20);
    // Both seats are taken, by requests that had them for a quantum.
    bench.ask(1, Some(7), 3);
    let next = bench.steps(3);
    assert!(next.iter().all(|who| who.contains(&3)), "{next:?}");
    // What made room goes on where it was, and none of its steps is done twice.
    let rest: Vec<usize> = bench.steps(21).into_iter().flatten().collect();
    let count = |one| rest.iter().filter(|who| **who == one).count();
    assert_eq!(count(40) + count(41), 40 + 41 - 40 - 3);
    assert_eq!((bench.answers(0), bench.answers(1)), (2, 1));
}

#[test]
fn a_console_waits_for_no_process() {
    let mut bench = Bench::new(1);
    for process in 5..9 {
        bench.ask(0, Some(process), 50);
    }
    bench.step();
    bench.ask(1, None, 4);
    assert_eq!(bench.steps(4), [[4]; 4]);
    assert_eq!(bench.step(), [50]);
}

#[test]
fn consoles_starve_no_process() {
    let mut bench = Bench::new(1);
    bench.ask(0, Some(5), 2);
    bench.ask(1, None, 3);
    let mut steps = 0;
    // Consoles ask again as soon as they are answered, for ever.
    while bench.answers(0) == 0 {
        bench.step();
        if bench.answers(1) > 0 {
            bench.ask(1, None, 3);
        }
        steps += 1;
        assert!(steps < 100, "the process never gets a turn");
    }
}

#[test]
fn guests_have_equal_turns_however_many_processes_they_have() {
    let mut bench = Bench::new(1);
    for process in 0..8 {
        bench.ask(0, Some(process), 10);
    }
    for _ in 0..4 {
        bench.ask(1, Some(1), 11);
    }
    bench.steps(4 * 10 + 4 * 11);
    assert_eq!((bench.answers(0), bench.answers(1)), (4, 4));
}

#[test]
fn what_is_called_off_in_the_middle_leaves_its_seat_and_gets_no_answer() {
    let mut bench = Bench::new(2);
    let running = bench.ask(0, Some(5), 100);
    bench.ask(0, Some(6), 8);
    bench.steps(3);
    let waiting = bench.ask(1, Some(7), 9);
    bench.ask(2, Some(8), 7);
    waiting.cancel();
    running.cancel();
    bench.queue.retain(Work::is_wanted);
    // The step in which it is seen; then the seat goes to the one who waits.
    bench.step();
    let next = bench.steps(7);
    assert!(next.iter().all(|who| who.contains(&7)), "{next:?}");
    let answers = [0, 1, 2].map(|guest| bench.answers(guest));
    assert_eq!(answers, [1, 0, 1]);
}

#[test]
fn what_had_to_make_room_can_be_called_off_too() {
    let mut bench = Bench::new(1);
    let first = bench.ask(0, Some(5), 100);
    bench.step();
    bench.ask(1, None, 4);
    bench.step();
    first.cancel();
    bench.queue.retain(Work::is_wanted);
    bench.steps(4);
    assert!(bench.planner.is_idle());
    assert_eq!((bench.answers(0), bench.answers(1)), (0, 1));
}
