//! Chance from one seed, for libp2p and for the hash maps of the standard library too: all of them ask the system for their seeds,
//! by the C library's `getrandom`. This program has one of its own, so that the same seed gives the same figures.

use std::cell::Cell;

thread_local! {
    /// Of SplitMix64.
    static STATE: Cell<u64> = const { Cell::new(0) };
}

/// From now on, whatever this thread draws follows from `seed`; hash maps too, if the thread has made none yet.
pub(crate) fn start(seed: u64) {
    STATE.set(seed);
}

/// The next of SplitMix64 (Steele, Lea and Flood: Fast Splittable Pseudorandom Number Generators, 2014).
fn next() -> u64 {
    let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(state);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Fills a buffer as getrandom(2) does, and never fails.
///
/// # Safety
/// `buffer` must be valid for writes of `length` bytes.
#[expect(unsafe_code, reason = "it takes the place of a function of C")]
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut u8, length: usize, _flags: u32) -> isize {
    for index in 0..length {
        // SAFETY: the caller promises that all `length` bytes can be written.
        unsafe { buffer.add(index).write((next() >> 56) as u8) };
    }
    length as isize
}

#[cfg(test)]
mod tests {
    use super::start;
    use std::{
        hash::{BuildHasher, RandomState},
        thread,
    };

    #[test]
    fn hash_maps_and_random_numbers_follow_from_the_seed() {
        let draw = |seed| {
            let drawn = thread::spawn(move || {
                start(seed);
                (RandomState::new().hash_one(7), rand::random::<u64>())
            });
            drawn.join().expect("nothing fails here")
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1).0, draw(2).0);
        assert_ne!(draw(1).1, draw(2).1);
    }
}
