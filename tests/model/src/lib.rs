//! Small abstract models of the protocol's rules, checked exhaustively by [`stateright`].
//!
//! A model is the rules alone: no cryptography, no clock, no disk, no execution. Timers, delays, losses and the choices of a
//! byzantine member become *actions that may happen at any moment*, and the checker tries them all, in every order, within
//! the bounds that each model states. The deterministic simulator runs the real code through some schedules; these models
//! run the rules through all.
//!
//! - [`terms`]: R1 to R7, how schedulers are replaced.
//! - [`gadget`]: R10 to R12, how blocks become final.
//!
//! Every model takes a rule to break, so that the tests can show that it would see the damage.

pub mod chain;
pub mod check;
pub mod gadget;
pub mod members;
pub mod terms;
