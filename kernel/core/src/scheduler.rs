//! Who runs next.
//!
//! The queue holds exactly the clients that want the processor, the running one
//! included: it keeps its place until it blocks, yields or its turn is used up.
//! One that a more urgent one interrupted goes on with what is left of its turn,
//! so interruptions cost its peers nothing. How clients are ranked is a
//! [`Policy`]'s matter, which can be changed while they run.
//!
//! Caretakers (init, the console's owner) run before everybody else, except that
//! after each turn that one of them used up somebody realtime has one: neither
//! can lock the other out.

mod feedback;
mod policy;
mod ready;
mod stride;
mod turns;

#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::vec::Vec;

use proviso_abi::Priority;
use proviso_abi::words::Policy as Word;

use policy::policy;
pub use policy::{Account, Policy};
pub use ready::{Place, ReadyQueue};

/// How long a turn is if nobody says otherwise.
pub const QUANTUM_NS: u64 = 10_000_000;

/// How a client stands with the scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its level.
    pub priority: Priority,
    /// Whether a person needs it to put things right.
    pub is_caretaker: bool,
}

/// One whom the scheduler knows.
#[derive(Debug)]
struct Client<Id> {
    id: Id,
    is_caretaker: bool,
    account: Account,
    /// Where it stands while it is in the queue.
    place: Place,
    /// What it ran of its present turn, and what is left of it.
    used_ns: u64,
    left_ns: u64,
}

/// The processor's queue. Generic over how its clients are named.
#[derive(Debug)]
pub struct Scheduler<Id> {
    policy: Box<dyn Policy>,
    quantum_ns: u64,
    /// By slot.
    clients: Vec<Option<Client<Id>>>,
    /// Slots by client, sorted.
    index: Vec<(Id, usize)>,
    caretakers: ReadyQueue,
    others: ReadyQueue,
    /// A caretaker used up a turn, so somebody realtime is next.
    owes_turn: bool,
}

impl<Id: Copy + Ord> Default for Scheduler<Id> {
    fn default() -> Self {
        Self {
            policy: policy(Word::Priority),
            quantum_ns: QUANTUM_NS,
            clients: Vec::new(),
            index: Vec::new(),
            caretakers: ReadyQueue::default(),
            others: ReadyQueue::default(),
            owes_turn: false,
        }
    }
}

impl<Id: Copy + Ord> Scheduler<Id> {
    /// How processor time is shared out.
    #[must_use]
    pub fn policy(&self) -> Word {
        self.policy.word()
    }

    /// How long a turn is.
    #[must_use]
    pub const fn quantum_ns(&self) -> u64 {
        self.quantum_ns
    }

    /// Changes policy and quantum. Everybody keeps its turn in the queue as far
    /// as the new policy cares for it, and begins with an empty account.
    pub fn set_policy(&mut self, word: Word, quantum_ns: u64) {
        self.swap_policy(policy(word), quantum_ns);
    }

    /// As [`Self::set_policy`], with a policy from elsewhere.
    pub fn swap_policy(&mut self, policy: Box<dyn Policy>, quantum_ns: u64) {
        self.policy = policy;
        self.quantum_ns = quantum_ns.max(1);
        for client in self.clients.iter_mut().flatten() {
            client.account = Account::new(client.account.priority);
            client.used_ns = 0;
        }
        self.place_anew();
    }

    /// Adds a client that wants the processor, behind its peers. Nothing is
    /// allocated if it is known from before.
    pub fn add(&mut self, id: Id, standing: Standing) {
        let slot = match self.slot(id) {
            Some(slot) => slot,
            None => self.meet(id, standing.priority),
        };
        if self.is_queued(slot) {
            return;
        }
        if let Some(Some(client)) = self.clients.get_mut(slot) {
            client.account.priority = standing.priority;
            client.is_caretaker = standing.is_caretaker;
        }
        self.line_up(slot);
    }

    /// Takes a client out that does not want the processor any more.
    pub fn remove(&mut self, id: Id) {
        if let Some(slot) = self.slot(id)
            && self.is_queued(slot)
        {
            self.end_turn(slot, false);
            self.take_out(slot);
            self.reorder();
        }
    }

    /// Takes a client out for good.
    pub fn forget(&mut self, id: Id) {
        self.remove(id);
        if let Ok(at) = self.index.binary_search_by(|(other, _)| other.cmp(&id)) {
            let (_, slot) = self.index.remove(at);
            if let Some(client) = self.clients.get_mut(slot) {
                *client = None;
            }
        }
    }

    /// Whether a client is in the queue.
    #[must_use]
    pub fn contains(&self, id: Id) -> bool {
        self.slot(id).is_some_and(|slot| self.is_queued(slot))
    }

    /// Whose turn it is.
    #[must_use]
    pub fn next(&self) -> Option<Id> {
        let first = |queue: &ReadyQueue| self.client(queue.first()?.0);
        let (caretaker, other) = (first(&self.caretakers), first(&self.others));
        let is_owed =
            |other: &&Client<Id>| self.owes_turn && other.account.priority == Priority::Realtime;
        let client = other.filter(is_owed).or(caretaker).or(other);
        client.map(|client| client.id)
    }

    /// Takes time that a client ran for off its turn.
    pub fn charge(&mut self, id: Id, used_ns: u64) {
        let Some(slot) = self.slot(id).filter(|slot| self.is_queued(*slot)) else {
            return;
        };
        let Some(Some(client)) = self.clients.get_mut(slot) else {
            return;
        };
        client.used_ns = client.used_ns.saturating_add(used_ns);
        client.left_ns = client.left_ns.saturating_sub(used_ns);
        if client.left_ns == 0 {
            self.next_turn(slot);
        }
    }

    /// Ends a client's turn: it goes behind the next of its peers, even one who
    /// had more of the processor than it.
    pub fn yield_turn(&mut self, id: Id) {
        if let Some(slot) = self.slot(id).filter(|slot| self.is_queued(*slot)) {
            self.next_turn(slot);
            self.give_way(slot);
        }
    }

    fn next_turn(&mut self, slot: usize) {
        self.end_turn(slot, true);
        self.take_out(slot);
        self.line_up(slot);
        self.reorder();
    }

    /// Puts a client behind the first of its queue, if that is a peer.
    fn give_way(&mut self, slot: usize) {
        let Some(client) = self.client(slot) else {
            return;
        };
        let (mut place, is_caretaker) = (client.place, client.is_caretaker);
        let priority = client.account.priority;
        self.take_out(slot);
        if let Some((first, ahead)) = self.queue(is_caretaker).first() {
            let is_peer = |first: &Client<Id>| first.account.priority == priority;
            if ahead.band == place.band || self.client(first).is_some_and(is_peer) {
                place = place.max(ahead);
            }
        }
        if let Some(Some(client)) = self.clients.get_mut(slot) {
            client.place = place;
        }
        self.queue(is_caretaker).insert(slot, place);
    }

    /// Settles the accounts of a turn.
    fn end_turn(&mut self, slot: usize, is_whole: bool) {
        let Some(Some(client)) = self.clients.get_mut(slot) else {
            return;
        };
        let used_ns = core::mem::take(&mut client.used_ns);
        self.owes_turn = match client.is_caretaker {
            true => is_whole || self.owes_turn,
            // One who never ran has had no turn.
            false => self.owes_turn && used_ns == 0,
        };
        let (place, quantum_ns) = (client.place, self.quantum_ns);
        self.policy
            .ran(&mut client.account, place, used_ns, quantum_ns);
    }

    /// Puts a client into the queue, with a fresh turn.
    fn line_up(&mut self, slot: usize) {
        let Some(Some(client)) = self.clients.get_mut(slot) else {
            return;
        };
        client.place = self.policy.place(&mut client.account);
        client.used_ns = 0;
        client.left_ns = self.policy.turn_ns(&client.account, self.quantum_ns).max(1);
        let (place, is_caretaker) = (client.place, client.is_caretaker);
        self.queue(is_caretaker).insert(slot, place);
    }

    const fn queue(&mut self, is_caretaker: bool) -> &mut ReadyQueue {
        if is_caretaker {
            &mut self.caretakers
        } else {
            &mut self.others
        }
    }

    fn take_out(&mut self, slot: usize) {
        self.caretakers.remove(slot);
        self.others.remove(slot);
    }

    /// Places everybody anew if the policy wants it.
    fn reorder(&mut self) {
        if self.policy.reorders() {
            self.place_anew();
        }
    }

    fn place_anew(&mut self) {
        let caretakers = self.caretakers.drain();
        let others = self.others.drain();
        for slot in caretakers.into_iter().chain(others) {
            self.line_up(slot);
        }
    }

    /// Takes a new client in, and makes room for all it will ever need.
    fn meet(&mut self, id: Id, priority: Priority) -> usize {
        let slot = match self.clients.iter().position(Option::is_none) {
            Some(slot) => slot,
            None => {
                self.clients.push(None);
                self.clients.len().saturating_sub(1)
            }
        };
        if let Some(client) = self.clients.get_mut(slot) {
            *client = Some(Client {
                id,
                is_caretaker: false,
                account: Account::new(priority),
                place: Place { band: 0, key: 0 },
                used_ns: 0,
                left_ns: 0,
            });
        }
        self.caretakers.make_room(self.clients.len());
        self.others.make_room(self.clients.len());
        if let Err(at) = self.index.binary_search_by(|(other, _)| other.cmp(&id)) {
            self.index.insert(at, (id, slot));
        }
        slot
    }

    fn slot(&self, id: Id) -> Option<usize> {
        let at = self.index.binary_search_by(|(other, _)| other.cmp(&id));
        self.index.get(at.ok()?).map(|(_, slot)| *slot)
    }

    fn client(&self, slot: usize) -> Option<&Client<Id>> {
        self.clients.get(slot)?.as_ref()
    }

    fn is_queued(&self, slot: usize) -> bool {
        self.caretakers.contains(slot) || self.others.contains(slot)
    }
}
