//! The clock, sleeping, yielding.

use core::time::Duration;

use proviso_user::{clock, sleep, yield_now};

use crate::harness::{Check, ensure, tests};

tests! { the_clock_never_goes_back, a_sleep_is_never_short, a_yield_comes_back }

fn the_clock_never_goes_back() -> Check {
    let mut last = clock();
    for _ in 0..10_000 {
        let now = clock();
        ensure(now >= last, "it went back")?;
        last = now;
    }
    ensure(last > Duration::ZERO, "it stands still")
}

fn a_sleep_is_never_short() -> Check {
    for millis in [0, 1, 3, 20, 50] {
        let wanted = Duration::from_millis(millis);
        let begin = clock();
        sleep(wanted);
        let slept = clock() - begin;
        ensure(slept >= wanted, "woken early")?;
        // Generous, because the host may be busy.
        ensure(slept < wanted + Duration::from_secs(1), "woken very late")?;
    }
    Ok(())
}

fn a_yield_comes_back() -> Check {
    (0..1000).for_each(|_| yield_now());
    Ok(())
}
