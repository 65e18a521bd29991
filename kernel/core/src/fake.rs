//! A pretended machine for tests: memory that is only counted and copied, a
//! clock that moves when told to, programs that are lists of traps.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::resume_unwind;

use proviso_abi::Pid;
use proviso_abi::words::ShutdownMode;

use crate::machine::{
    Access, BadAddress, DeviceCall, Machine, NoMemory, REGISTERS, RegionMemory, Trap,
};
use crate::program::Segment;

const PAGE: u64 = 4096;
/// Time between two ticks.
pub const TICK_NS: u64 = 5_000_000;

/// What [`Machine::power`] unwinds with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoweredOff {
    pub mode: ShutdownMode,
    pub ok: bool,
}

/// An address space of the pretended machine.
#[derive(Debug, Default)]
pub struct FakeTask {
    pub pid: Pid,
    pub result: Option<u64>,
    /// What the last message brought: `rdi`, the words, `r9`.
    pub heard: (u64, [u64; 4], u64),
    pub start: (u64, u64, [u64; 3]),
    /// What it trapped for last.
    pub trap: Option<Trap>,
    pages: BTreeMap<u64, (Access, Vec<u8>)>,
    tables: BTreeSet<(u32, u64)>,
    /// Pages of regions: access, region, page.
    shared: BTreeMap<u64, (Access, u64, u64)>,
}

impl FakeTask {
    fn access(&self, page: u64) -> Option<Access> {
        let own = self.pages.get(&page).map(|(access, _)| *access);
        own.or_else(|| self.shared.get(&page).map(|(access, ..)| *access))
    }

    /// Whether it reaches any page of a region.
    pub fn reaches(&self, region: u64) -> bool {
        self.shared.values().any(|(_, of, _)| *of == region)
    }

    /// The regions that it reaches, once for each page.
    pub fn regions(&self) -> impl Iterator<Item = (u64, u64)> {
        self.shared
            .values()
            .map(|(_, region, page)| (*region, *page))
    }

    fn held(&self) -> u64 {
        1 + (self.pages.len() + self.tables.len()) as u64
    }

    fn bytes(
        &self,
        address: u64,
        length: usize,
        is_ok: impl Fn(Access) -> bool,
    ) -> Result<(), BadAddress> {
        for offset in 0..length as u64 {
            let at = address.checked_add(offset).ok_or(BadAddress)?;
            let access = self.access(at / PAGE).ok_or(BadAddress)?;
            if !is_ok(access) {
                return Err(BadAddress);
            }
        }
        Ok(())
    }

    /// Takes a page away, as no call does today but sharing may do one day.
    pub fn unmap(&mut self, address: u64) {
        if let Some((access, _)) = self.pages.get_mut(&(address / PAGE)) {
            *access = Access::Execute;
        }
    }
}

/// A region's pages; one frame more for its root, and one for each 512 pages.
type FakeRegion = BTreeMap<u64, Vec<u8>>;

fn region_held(pages: &FakeRegion) -> u64 {
    let tables: BTreeSet<u64> = pages.keys().map(|page| page / 512).collect();
    1 + (tables.len() + pages.len()) as u64
}

/// The pretended machine.
#[derive(Debug)]
pub struct FakeMachine {
    pub now_ns: u64,
    pub free: u64,
    pub total: u64,
    pub kernel: u64,
    /// The size of the kernel's heap.
    pub heap: u64,
    /// What each process does next, and for how long it runs before.
    pub scripts: BTreeMap<Pid, VecDeque<(u64, Trap)>>,
    /// The pids in the order in which they ran.
    pub ran: Vec<Pid>,
    /// So many more mappings succeed.
    pub maps_left: Option<u64>,
    /// Regions that exist, by number. To use one that does not is a failure.
    pub regions: BTreeMap<u64, FakeRegion>,
    next_region: u64,
    pub typed: VecDeque<u8>,
    pub console: Vec<u8>,
    /// How long it takes to copy a byte to a process.
    pub byte_ns: u64,
    pub from_agent: VecDeque<u8>,
    pub to_agent: Vec<u8>,
    pub is_agent_reachable: bool,
    /// Whether there is a disk, what was asked of it, and how often it was reset.
    pub has_disk: bool,
    pub disk_calls: Vec<DeviceCall>,
    pub disk_resets: u32,
    /// How often it was reset before the task that was destroyed last was.
    pub resets_before_frees: u32,
    /// Whether its line is let through, and has interrupted.
    pub is_line_open: bool,
    pub has_interrupted: bool,
}

impl FakeMachine {
    pub fn new(frames: u64) -> Self {
        Self {
            now_ns: 1_000_000,
            free: frames - 100,
            total: frames,
            kernel: 100,
            heap: (frames * PAGE / 64).max(2 << 20),
            scripts: BTreeMap::new(),
            ran: Vec::new(),
            maps_left: None,
            regions: BTreeMap::new(),
            next_region: 1,
            typed: VecDeque::new(),
            byte_ns: 0,
            console: Vec::new(),
            from_agent: VecDeque::new(),
            to_agent: Vec::new(),
            is_agent_reachable: true,
            has_disk: false,
            disk_calls: Vec::new(),
            disk_resets: 0,
            resets_before_frees: 0,
            is_line_open: false,
            has_interrupted: false,
        }
    }

    /// Where a page of a region would lie, if the region has it.
    pub fn region_address(&self, region: RegionMemory, page: u64) -> Option<u64> {
        let is_there = self.regions[&region.0].contains_key(&page);
        is_there.then(|| (region.0 << 32) + page * PAGE)
    }

    /// The byte of a task's memory at an address.
    fn byte<'a>(&'a mut self, task: &'a mut FakeTask, at: u64) -> &'a mut u8 {
        let page = match task.shared.get(&(at / PAGE)) {
            Some((_, region, page)) => self.regions.get_mut(region).unwrap().get_mut(page),
            None => task.pages.get_mut(&(at / PAGE)).map(|(_, page)| page),
        };
        &mut page.unwrap()[(at % PAGE) as usize]
    }

    fn put(&mut self, task: &mut FakeTask, address: u64, bytes: &[u8]) {
        for (at, byte) in (address..).zip(bytes) {
            *self.byte(task, at) = *byte;
        }
    }

    /// The disk raises its line; true if that got through.
    pub fn interrupt(&mut self) -> bool {
        self.has_interrupted |= self.is_line_open;
        std::mem::take(&mut self.is_line_open)
    }

    /// What was written to the console since the last call.
    pub fn take_console(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.console)).unwrap()
    }

    /// Writes to mapped pages whatever their access.
    pub fn load(
        &mut self,
        task: &mut FakeTask,
        address: u64,
        bytes: &[u8],
    ) -> Result<(), BadAddress> {
        task.bytes(address, bytes.len(), |_| true)?;
        self.put(task, address, bytes);
        Ok(())
    }
}

impl Machine for FakeMachine {
    type Task = FakeTask;

    fn now_ns(&self) -> u64 {
        self.now_ns
    }

    fn ticks(&self) -> u64 {
        self.now_ns
    }

    fn ticks_to_ns(&self, ticks: u64) -> u64 {
        ticks
    }

    fn space_switches(&self) -> u64 {
        self.ran.len() as u64
    }

    fn free_frames(&self) -> u64 {
        self.free
    }

    fn total_frames(&self) -> (u64, u64) {
        (self.total, self.kernel)
    }

    fn heap_bytes(&self) -> (u64, u64) {
        (1000, self.heap)
    }

    fn devices(&self) -> &'static [(&'static str, &'static str)] {
        &[("console", "a buffer of the test's")]
    }

    fn create_task(&mut self) -> Result<FakeTask, NoMemory> {
        self.free = self.free.checked_sub(1).ok_or(NoMemory)?;
        Ok(FakeTask::default())
    }

    fn frames_of(&self, task: &FakeTask) -> u64 {
        task.held()
    }

    fn map(
        &mut self,
        task: &mut FakeTask,
        segment: &Segment<'_>,
        limit_frames: u64,
        keep_free: u64,
    ) -> Result<(), NoMemory> {
        let (address, pages) = (segment.address, segment.pages);
        if let Some(left) = &mut self.maps_left {
            *left = left.checked_sub(1).ok_or(NoMemory)?;
        }
        assert_eq!(address % PAGE, 0, "maps whole pages");
        let range = address / PAGE..address / PAGE + pages;
        let tables: BTreeSet<_> = range
            .clone()
            .flat_map(|page| [9, 18, 27].map(|shift| (shift, page >> shift)))
            .collect();
        let needed = pages + tables.difference(&task.tables).count() as u64;
        if task.held() + needed > limit_frames || self.free < needed + keep_free {
            return Err(NoMemory);
        }
        self.free -= needed;
        task.tables.extend(tables);
        for page in range {
            let mut bytes = vec![0; PAGE as usize];
            let (offset, content) = segment.content_of(page * PAGE);
            bytes[offset..offset + content.len()].copy_from_slice(content);
            let old = task.pages.insert(page, (segment.access, bytes));
            assert!(old.is_none(), "maps a page once");
        }
        Ok(())
    }

    fn create_region(&mut self) -> Result<RegionMemory, NoMemory> {
        self.free = self.free.checked_sub(1).ok_or(NoMemory)?;
        let number = self.next_region;
        self.next_region += 1;
        self.regions.insert(number, FakeRegion::new());
        Ok(RegionMemory(number))
    }

    fn region_frames(&self, region: RegionMemory) -> u64 {
        region_held(&self.regions[&region.0])
    }

    fn pin_region(
        &mut self,
        region: RegionMemory,
        pages: u64,
        allowed: u64,
    ) -> Result<(), NoMemory> {
        if pages + 1 > allowed.min(self.free) {
            return Err(NoMemory);
        }
        for page in 0..pages {
            self.fill_region(region, page, allowed)?;
        }
        Ok(())
    }

    fn fill_region(
        &mut self,
        region: RegionMemory,
        page: u64,
        allowed: u64,
    ) -> Result<u64, NoMemory> {
        let pages = self
            .regions
            .get_mut(&region.0)
            .expect("a region that exists");
        let before = region_held(pages);
        let is_new = !pages.contains_key(&page);
        pages.entry(page).or_insert_with(|| vec![0; PAGE as usize]);
        let taken = region_held(pages) - before;
        if taken > allowed.min(self.free) {
            assert!(is_new);
            pages.remove(&page);
            return Err(NoMemory);
        }
        self.free -= taken;
        Ok(taken)
    }

    fn map_region(
        &mut self,
        task: &mut FakeTask,
        region: RegionMemory,
        page: u64,
        address: u64,
        access: Access,
        allowed: u64,
    ) -> Result<(), NoMemory> {
        assert!(self.regions[&region.0].contains_key(&page), "is filled");
        let at = address / PAGE;
        assert!(!task.pages.contains_key(&at), "the task's own page");
        let tables: BTreeSet<_> = [9, 18, 27].map(|shift| (shift, at >> shift)).into();
        let needed = tables.difference(&task.tables).count() as u64;
        if needed > allowed.min(self.free) {
            return Err(NoMemory);
        }
        self.free -= needed;
        task.tables.extend(tables);
        task.shared.insert(at, (access, region.0, page));
        Ok(())
    }

    fn protect_region(
        &mut self,
        task: &mut FakeTask,
        address: u64,
        pages: u64,
        access: Option<Access>,
    ) {
        for at in address / PAGE..address / PAGE + pages {
            match (access, task.shared.get_mut(&at)) {
                (Some(access), Some(entry)) => entry.0 = access,
                (None, Some(_)) => drop(task.shared.remove(&at)),
                (_, None) => {}
            }
        }
    }

    fn destroy_region(&mut self, region: RegionMemory) -> u64 {
        let pages = self.regions.remove(&region.0).expect("destroyed once");
        self.free += region_held(&pages);
        region_held(&pages)
    }

    fn copy_in(&self, task: &FakeTask, address: u64, buffer: &mut [u8]) -> Result<(), BadAddress> {
        task.bytes(address, buffer.len(), |_| true)?;
        for (offset, byte) in buffer.iter_mut().enumerate() {
            let at = address + offset as u64;
            let page = match task.shared.get(&(at / PAGE)) {
                Some((_, region, page)) => &self.regions[region][page],
                None => &task.pages[&(at / PAGE)].1,
            };
            *byte = page[(at % PAGE) as usize];
        }
        Ok(())
    }

    fn copy_out(
        &mut self,
        task: &mut FakeTask,
        address: u64,
        bytes: &[u8],
    ) -> Result<(), BadAddress> {
        task.bytes(address, bytes.len(), |access| access == Access::Write)?;
        self.put(task, address, bytes);
        self.now_ns += self.byte_ns * bytes.len() as u64;
        Ok(())
    }

    fn set_start(&mut self, task: &mut FakeTask, entry: u64, stack: u64, arguments: [u64; 3]) {
        task.pid = arguments[2] as Pid;
        task.start = (entry, stack, arguments);
    }

    fn set_result(&mut self, task: &mut FakeTask, result: u64) {
        assert_eq!(task.result.replace(result), None, "answers a call once");
    }

    fn set_words(&mut self, task: &mut FakeTask, first: u64, words: [u64; 4], last: u64) {
        task.heard = (first, words, last);
    }

    fn instruction(&self, _: &FakeTask) -> u64 {
        0x40_1234
    }

    fn destroy_task(&mut self, task: FakeTask) {
        self.resets_before_frees = self.disk_resets;
        self.free += task.held();
    }

    /// The next trap of the script; a process without one is busy.
    fn run(&mut self, task: &mut FakeTask) {
        self.ran.push(task.pid);
        let step = self
            .scripts
            .get_mut(&task.pid)
            .and_then(VecDeque::pop_front);
        let (ns, trap) = step.unwrap_or((TICK_NS, Trap::Interrupt));
        self.now_ns += ns;
        if matches!(trap, Trap::Syscall { .. }) {
            task.result = None;
        }
        task.trap = Some(trap);
    }

    fn request(&self, task: &FakeTask) -> Option<(u64, [u64; REGISTERS])> {
        match task.trap {
            Some(Trap::Syscall { number, arguments }) => Some((number, arguments)),
            _ => None,
        }
    }

    fn trap(&mut self, task: &FakeTask) -> Trap {
        task.trap.unwrap()
    }

    fn quick_calls(&self) -> u64 {
        0
    }

    fn wait(&mut self) {
        self.now_ns += TICK_NS;
    }

    fn console_read(&mut self, buffer: &mut [u8]) -> usize {
        let count = buffer.len().min(self.typed.len());
        for byte in &mut buffer[..count] {
            *byte = self.typed.pop_front().unwrap();
        }
        count
    }

    fn console_write(&mut self, bytes: &[u8]) {
        self.console.extend(bytes);
    }

    fn agent_read(&mut self, buffer: &mut [u8]) -> usize {
        let count = buffer.len().min(self.from_agent.len());
        for byte in &mut buffer[..count] {
            *byte = self.from_agent.pop_front().unwrap();
        }
        count
    }

    fn agent_write(&mut self, bytes: &[u8]) -> bool {
        if self.is_agent_reachable {
            self.to_agent.extend(bytes);
        }
        self.is_agent_reachable
    }

    fn has_disk(&self) -> bool {
        self.has_disk
    }

    fn access_disk(&mut self, _: &FakeTask, call: DeviceCall) -> Option<u64> {
        self.disk_calls.push(call);
        (call != DeviceCall::Config { offset: 3 }).then_some(7)
    }

    fn reset_disk(&mut self) {
        self.disk_resets += 1;
    }

    fn take_disk_interrupt(&mut self) -> bool {
        std::mem::take(&mut self.has_interrupted)
    }

    fn listen_to_disk(&mut self) {
        self.is_line_open = true;
    }

    fn power(&mut self, mode: ShutdownMode, ok: bool) -> ! {
        resume_unwind(Box::new(PoweredOff { mode, ok }))
    }
}
