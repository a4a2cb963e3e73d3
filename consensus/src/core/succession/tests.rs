use super::*;

/// Whatever the order of their roots: what was just found out is looked up at once.
#[test]
fn the_newest_candidate_never_makes_way() {
    let mut succession = Succession::default();
    for number in (0..40).rev() {
        let root = B256::repeat_byte(number);
        succession.remember(root, Vec::new(), Priorities::default());
        assert!(succession.candidates.contains_key(&root));
        assert!(succession.candidates.len() <= MAX_CANDIDATES);
    }
}

#[test]
fn what_l1_takes_back_is_forgotten() {
    let version = |number, hash| {
        let anchor = L1Anchor { number, hash: B256::repeat_byte(hash) };
        RegistrySet { anchor, members: Vec::new() }
    };
    let mut succession = Succession::default();
    [version(3, 1), version(5, 1), version(8, 1)].into_iter().for_each(|version| succession.note(version));
    succession.note(version(5, 2));
    assert_eq!(succession.versions.keys().copied().collect::<Vec<_>>(), [3, 5]);
    assert_eq!(succession.versions[&5], version(5, 2));
    succession.revert(3);
    assert_eq!(succession.versions.keys().copied().collect::<Vec<_>>(), [3]);
    succession.note(version(6, 2));
    let next = succession.into_next(version(3, 1).anchor);
    assert_eq!(next.versions.keys().copied().collect::<Vec<_>>(), [6], "what the era before settled is over");
}
