//! The sequencer set of the models: four members of equal weight, of which one may be byzantine.

/// How many members there are.
pub const MEMBERS: usize = 4;

/// A member, from 0.
pub type Member = u8;

/// Every member, in order.
pub fn members() -> impl Iterator<Item = Member> + Clone {
    0..MEMBERS as Member
}

/// Every member but one, in order.
pub fn all_but(left_out: Member) -> impl Iterator<Item = Member> + Clone {
    members().filter(move |member| *member != left_out)
}

/// Whether so many members are more than two thirds of the weight.
#[must_use]
pub const fn is_quorum(count: usize) -> bool {
    3 * count > 2 * MEMBERS
}

/// Whether so many members are more than a third of the weight: at least one of them is honest.
#[must_use]
pub const fn is_third(count: usize) -> bool {
    3 * count > MEMBERS
}

/// Who is elected by the pick of this number, from 1. With equal weights, smooth weighted round-robin (R4) is this.
#[must_use]
pub const fn elected(pick: u8) -> Member {
    (pick - 1) % MEMBERS as Member
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_of_four_are_a_quorum_and_two_are_a_third() {
        assert!(is_quorum(3) && !is_quorum(2));
        assert!(is_third(2) && !is_third(1));
    }

    #[test]
    fn every_member_has_its_turn() {
        assert_eq!([1, 2, 3, 4, 5].map(elected), [0, 1, 2, 3, 0]);
    }
}
