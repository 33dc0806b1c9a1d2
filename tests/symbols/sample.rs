// SPDX-License-Identifier: MIT
// sample.rs - Rust with generics, closures, traits: compiled by tests/test_symbols.py, never run.
use std::collections::HashMap;
use std::sync::Mutex;

static TOTAL: Mutex<u64> = Mutex::new(0);

trait Weigh {
    fn weigh(&self) -> u64;
}

struct Crate<T> {
    items: Vec<T>,
}

impl<T: Into<u64> + Copy> Weigh for Crate<T> {
    #[inline(never)]
    fn weigh(&self) -> u64 {
        self.items.iter().map(|i| (*i).into()).sum()
    }
}

mod yard {
    #[inline(never)]
    pub fn stack(n: u32) -> Vec<u32> {
        (0..n).map(|i| i.wrapping_mul(2654435761)).filter(|v| v % 3 != 0).collect()
    }
}

#[inline(never)]
fn add(name: &str, seen: &mut HashMap<String, u64>) -> u64 {
    let c = Crate { items: yard::stack(name.len() as u32) };
    let w = c.weigh();
    *seen.entry(name.to_string()).or_insert(0) += w;
    *TOTAL.lock().unwrap() += w;
    w
}

fn main() {
    let mut seen = HashMap::new();
    for a in std::env::args() {
        println!("{} {}", a, add(&a, &mut seen));
    }
}
