//! From a block with the hashes of its transactions to the block.
//!
//! Upon receiving a compact block whose leader's signature is good and that leader a member of the set, in this order:
//! 1. If the block is known, it is not put together once more: the same transactions get the verdict that the block has, any
//!    others are wrong.
//! 2. It takes one of few places ([`places`]), in all and for the peer that sent it; if there is none, it is ignored.
//! 3. Its transactions are looked up ([`parts`]): in the pool, among what left the pool lately, in blocks of the last moments.
//!    Those that the leader thought too new for that came along.
//! 4. Those that are missing are asked of the peer that sent it, then of the leader and others ([`assembler`]), as long as there
//!    is time. Every answer is checked by hash.
//! 5. The transactions must have the root that the header says. Then the engine gets the whole block, as from anywhere else,
//!    and its verdict is gossip's: the peer forwards nothing that it cannot serve in turn.
//!
//! What cannot be had in time is ignored: whoever passed it on may be honest. It is rejected if it is wrong whoever looks: two
//! places for one transaction, bytes that are no transaction, more of them than fit into a block, another root.
//! In either case the core hears of the leader's signature, as it may prove a fault.

mod assembler;
mod parts;
mod places;

pub use assembler::Assembler;
