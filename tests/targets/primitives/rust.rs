// SPDX-License-Identifier: MIT
// rust.rs - what Rust's standard library waits in, see locks.h for the kinds.
use std::sync::{Condvar, Mutex, Once, RwLock};
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};
use std::thread::{self, sleep, spawn};
use std::time::Duration;

static FIRST: Mutex<u64> = Mutex::new(0);
static SECOND: Mutex<u64> = Mutex::new(0);
static SHARED: RwLock<u64> = RwLock::new(0);
static OF_COND: Mutex<u64> = Mutex::new(0);
static COND: Condvar = Condvar::new();
static ONCE: Once = Once::new();
static HAVE_FIRST: AtomicI32 = AtomicI32::new(0);

extern "C" {
    fn gettid() -> i32;
}

fn ms(n: u64) {
    sleep(Duration::from_millis(n));
}

fn say(what: &str) {
    println!("{{\"primitive\":\"{}\",\"tid\":{}}}", what, unsafe { gettid() });
}

#[inline(never)]
fn take_second(l: &Mutex<u64>) {
    let mut g = l.lock().unwrap();
    *g += 1;
}

#[inline(never)]
fn take_first(a: &Mutex<u64>, b: &Mutex<u64>) {
    let mut g = a.lock().unwrap();
    *g += 1;
    HAVE_FIRST.fetch_add(1, SeqCst);
    while HAVE_FIRST.load(SeqCst) < 2 {
        ms(1);
    }
    take_second(b);
}

#[inline(never)]
fn hold_long(l: &Mutex<u64>) {
    let mut g = l.lock().unwrap();
    ms(30);
    *g += 1;
}

fn crosswise(waited: bool) {
    let held = if waited { Some((FIRST.lock().unwrap(), SECOND.lock().unwrap())) } else { None };
    let x = spawn(|| { say("Rust std::sync::Mutex"); take_first(&FIRST, &SECOND) });
    let y = spawn(|| { say("Rust std::sync::Mutex"); take_first(&SECOND, &FIRST) });
    if waited {
        ms(100);
    }
    drop(held);
    x.join().unwrap();
    y.join().unwrap();
}

fn again() {
    let held = FIRST.lock().unwrap();
    HAVE_FIRST.store(2, SeqCst);
    let x = spawn(|| { say("Rust std::sync::Mutex"); take_first(&FIRST, &FIRST) });
    ms(100);
    drop(held);
    x.join().unwrap();
}

fn hot() {
    let y: Vec<_> = (0..2).map(|_| spawn(|| for _ in 0..10 { take_second(&FIRST); ms(1) })).collect();
    for _ in 0..10 {
        hold_long(&FIRST);
        ms(1);
    }
    for t in y {
        t.join().unwrap();
    }
}

fn zoo() {
    let _first = FIRST.lock().unwrap();
    let _shared = SHARED.write().unwrap();
    spawn(|| ONCE.call_once(|| loop { ms(100_000) }));
    ms(100);
    spawn(|| { say("Rust std::sync::Mutex"); take_second(&FIRST) });
    spawn(|| { say("Rust std::sync::RwLock"); drop(SHARED.read()); });
    spawn(|| { say("Rust std::sync::RwLock"); drop(SHARED.write()); });
    spawn(|| { say("Rust std::sync::Condvar"); let g = OF_COND.lock().unwrap(); drop(COND.wait(g)); });
    spawn(|| { say("Rust std::sync::Once"); ONCE.call_once(|| ()) });
    spawn(|| { say("Rust std::thread::park"); loop { thread::park() } });
    loop { ms(100_000) }
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("waited") => crosswise(true),
        Some("fresh") => crosswise(false),
        Some("again") => again(),
        Some("hot") => hot(),
        _ => zoo(),
    }
}
