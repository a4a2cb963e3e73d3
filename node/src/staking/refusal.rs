//! The contract's errors in words: what was refused, and what to do instead.

use super::{
    Token,
    bindings::{IERC20::IERC20Errors, Membership::MembershipErrors, Refusals::RefusalsErrors},
};
use alloy_primitives::hex;
use alloy_sol_types::SolInterface;
use std::time::{Duration, UNIX_EPOCH};

/// What a reverted call returned, in words.
#[must_use]
pub fn explain(data: &[u8], token: &Token) -> String {
    if let Ok(error) = RefusalsErrors::abi_decode(data) {
        return of_the_registry(&error, token);
    }
    if let Ok(error) = MembershipErrors::abi_decode(data) {
        return match error {
            MembershipErrors::OwnableUnauthorizedAccount(error) => {
                format!("{} is not the registry's owner; use the owner's key", error.account)
            }
            MembershipErrors::InvalidPoint(_) => "the BLS key is no point of its curve".to_owned(),
            MembershipErrors::PrecompileFailed(error) => format!(
                "L1's precompile {} failed; does this L1 have those of EIP-2537 (since Prague)?",
                error.precompile
            ),
            MembershipErrors::SafeERC20FailedOperation(error) => {
                format!("the token {} refused the transfer; is its balance and allowance enough?", error.token)
            }
        };
    }
    if let Ok(error) = IERC20Errors::abi_decode(data) {
        return match error {
            IERC20Errors::ERC20InsufficientBalance(error) => {
                format!("{} has {} and needs {}", error.sender, token.format(error.balance), token.format(error.needed))
            }
            IERC20Errors::ERC20InsufficientAllowance(error) => format!(
                "the registry may take {} and needs {}; approve it, or run the command again",
                token.format(error.allowance),
                token.format(error.needed)
            ),
        };
    }
    match data.is_empty() {
        true => "the contract refused without saying why".to_owned(),
        false => format!(
            "the contract refused with an error that this program does not know: {}",
            hex::encode_prefixed(data)
        ),
    }
}

fn of_the_registry(error: &RefusalsErrors, token: &Token) -> String {
    match error {
        RefusalsErrors::NotAuthorized(error) => format!(
            "{} is neither the operator {} nor its staker; use the key of one of them as --l1-key",
            error.sender, error.operator
        ),
        RefusalsErrors::AlreadyRegistered(error) => {
            format!("{} is registered already; `baton sequencer add-stake` adds to its stake", error.operator)
        }
        RefusalsErrors::NotRegistered(error) => {
            format!("{} is not registered; `baton sequencer register` does it", error.operator)
        }
        RefusalsErrors::NotActive(error) => format!(
            "{} is leaving or not registered, and cannot do this; `baton sequencer status` tells more",
            error.operator
        ),
        RefusalsErrors::NotExiting(error) => {
            format!("{} has not asked to leave; `baton sequencer exit` comes first", error.operator)
        }
        RefusalsErrors::SlashedForEver(error) => {
            format!("{} was slashed and cannot register again; make new keys with `baton key new`", error.operator)
        }
        RefusalsErrors::TooEarly(error) => format!("it is too early; it can be done from {} on", time(error.from)),
        RefusalsErrors::StakeTooLow(error) => {
            format!("a stake of {} is below the minimum of {}", token.format(error.stake), token.format(error.minimum))
        }
        RefusalsErrors::BlsKeyTaken(error) => format!(
            "the BLS key {} belongs to the operator {}; every operator needs its own: make one with `baton key new`",
            error.blsPublicKey, error.holder
        ),
        RefusalsErrors::PaymentRefused(error) => {
            format!("{} does not accept {}", error.to, token.format(error.amount))
        }
        RefusalsErrors::NoRotation(error) => {
            format!("{} has asked for no other keys; `baton sequencer rotate` without --complete does", error.operator)
        }
        RefusalsErrors::AlreadyActivated(error) => {
            format!("the registry is bound to the genesis {} for ever", error.genesisHash)
        }
        RefusalsErrors::InexactTransfer(error) => format!(
            "the token delivered {} instead of {}: it takes a fee, and cannot be staked",
            token.format(error.received),
            token.format(error.expected)
        ),
        RefusalsErrors::InvalidHintLength(error) => format!(
            "{} has {} bytes; at most {} are possible, and a peer id needs one",
            error.hint, error.bytesGiven, error.most
        ),
        RefusalsErrors::InvalidHintCharacter(error) => {
            format!("{} has a blank or a character beyond ASCII at byte {}", error.hint, error.offset)
        }
        RefusalsErrors::ParameterOutOfBounds(error) => {
            format!("{} is {}; it must be {} to {}", error.parameter, error.value, error.least, error.most)
        }
        // The rest is a fault of this program, or not of an operator's commands.
        other => format!("the registry refused: {other:?}"),
    }
}

/// A time of L1 in RFC 3339, UTC.
#[must_use]
pub fn time(seconds: u64) -> String {
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
    // What RFC 3339 cannot write is after the year 9999.
    let writable = time.filter(|_| seconds < 253_402_300_800);
    writable.map_or_else(
        || format!("second {seconds} since 1970"),
        |time| humantime::format_rfc3339_seconds(time).to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::staking::bindings::Refusals;
    use alloy_primitives::{Address, U256};
    use alloy_sol_types::SolError;

    #[test]
    fn refusals_say_what_to_do() {
        let operator = Address::repeat_byte(1);
        let token = Token::native();
        let told = explain(&Refusals::AlreadyRegistered { operator }.abi_encode(), &token);
        assert!(told.contains("add-stake"), "{told}");
        let told = explain(
            &Refusals::StakeTooLow { stake: U256::ZERO, minimum: U256::from(5) * U256::from(10).pow(U256::from(17)) }
                .abi_encode(),
            &token,
        );
        assert!(told.contains("0 ETH is below the minimum of 0.5 ETH"), "{told}");
        let told = explain(&Refusals::TooEarly { from: 1_700_000_000 }.abi_encode(), &token);
        assert!(told.contains("2023-11-14T22:13:20Z"), "{told}");
        assert!(time(u64::MAX).contains("18446744073709551615"));
        let told =
            explain(&Refusals::BlsKeyTaken { blsPublicKey: vec![1; 48].into(), holder: operator }.abi_encode(), &token);
        assert!(told.contains("belongs to the operator 0x0101"), "{told}");
        assert!(explain(&[], &token).contains("without saying why"));
        assert!(explain(&[1, 2, 3, 4], &token).contains("0x01020304"));
    }
}
