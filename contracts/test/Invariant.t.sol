// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISequencerRegistry} from "../src/ISequencerRegistry.sol";
import {Ranking} from "../src/Ranking.sol";
import {Handler} from "./support/Handler.sol";
import {NaiveRanking} from "./support/NaiveRanking.sol";
import {RegistryTest} from "./support/RegistryTest.sol";
import {Token} from "./support/Tokens.sol";

/// @title What holds whatever everybody does
abstract contract RegistryInvariants is RegistryTest {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    address private constant BURNT = 0x000000000000000000000000000000000000dEaD;

    Handler internal handler;

    function balanceOf(address account) internal view virtual returns (uint256);

    /// @dev Read by forge.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev Read by forge: what somebody does, and none of what tests have beside.
    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](15);
        selectors[0] = Handler.register.selector;
        selectors[1] = Handler.addStake.selector;
        selectors[2] = Handler.requestExit.selector;
        selectors[3] = Handler.withdraw.selector;
        selectors[4] = Handler.rotate.selector;
        selectors[5] = Handler.completeRotation.selector;
        selectors[6] = Handler.slashFault.selector;
        selectors[7] = Handler.wait.selector;
        selectors[8] = Handler.govern.selector;
        selectors[9] = Handler.executeParameters.selector;
        selectors[10] = Handler.slashWithoutFault.selector;
        selectors[11] = Handler.meddle.selector;
        selectors[12] = Handler.abuse.selector;
        selectors[13] = Handler.squat.selector;
        selectors[14] = Handler.fumble.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), selectors);
    }

    /// @dev One invariant, since each is a campaign of its own.
    function invariant_the_books_are_right() public view {
        _assertNothingIsTakenButByRule();
        _assertTheSet();
        vm.assertEq(registry.genesisHash(), GENESIS, "genesis");
        vm.assertEq(registry.owner(), governor, "owner");
    }

    /// @dev The campaigns prove little if they never get anywhere.
    function test_everything_happens() public {
        for (uint256 step = 0; step < 600; ++step) {
            uint256 drawn = uint256(keccak256(abi.encode(step)));
            _step(drawn % 9, drawn >> 8, drawn >> 16);
        }
        string[8] memory names =
            ["register", "addStake", "leave", "withdraw", "rotate", "completeRotation", "slash", "executeParameters"];
        for (uint256 i = 0; i < names.length; ++i) {
            vm.assertGt(handler.count(names[i]), 0, names[i]);
        }
        invariant_the_books_are_right();
    }

    function _step(uint256 which, uint256 number, uint256 more) private {
        if (which == 0) handler.register(number, more);
        if (which == 1) handler.addStake(number, more);
        if (which == 2) handler.withdraw(number, 1);
        if (which == 3) handler.rotate(number);
        if (which == 4) handler.completeRotation(number);
        if (which == 5) handler.wait(more);
        // Rarely, or everybody is out soon.
        if (which == 6 && more % 4 == 0) handler.requestExit(number, true);
        if (which == 7 && more % 32 == 0) handler.slashFault(number, more >> 8);
        if (which == 8) more % 4 == 0 ? handler.govern(defaults()) : handler.executeParameters();
    }

    function _assertNothingIsTakenButByRule() private view {
        vm.assertEq(handler.broken(), "", "a rule was broken");
        uint256 sum = 0;
        for (uint256 number = 0; number < handler.PEOPLE(); ++number) {
            address operator = handler.operatorOf(number);
            ISequencerRegistry.Operator memory entry = registry.getOperator(operator);
            vm.assertEq(entry.stake, handler.stakeOf(operator), "a stake is not what it must be");
            vm.assertTrue(entry.status == handler.statusOf(operator), "a status is not what it must be");
            vm.assertTrue(entry.slashed == handler.slashedOf(operator), "a fault was forgotten, or invented");
            sum += entry.stake;
        }
        vm.assertEq(balanceOf(address(registry)), sum, "the balance is not the sum of the stakes");
        vm.assertEq(
            handler.staked(),
            sum + handler.withdrawn() + handler.burnt() + handler.rewarded(),
            "what was staked is not all accounted for"
        );
        vm.assertEq(balanceOf(payout), handler.withdrawn(), "what was paid out is not with the payout");
        vm.assertEq(balanceOf(BURNT), handler.burnt(), "what was burnt is not burnt");
        vm.assertEq(balanceOf(reporter), handler.rewarded(), "the reward is not the reporter's");
    }

    function _assertTheSet() private view {
        ISequencerRegistry.Parameters memory parameters = registry.parameters();
        address[] memory listed = registry.operators(0, type(uint256).max);
        Ranking.Candidate[] memory candidates = new Ranking.Candidate[](listed.length);
        uint256 found = 0;
        for (uint256 number = 0; number < handler.PEOPLE(); ++number) {
            address operator = handler.operatorOf(number);
            uint256 times = 0;
            for (uint256 i = 0; i < listed.length; ++i) {
                if (listed[i] == operator) ++times;
            }
            ISequencerRegistry.Status status = handler.statusOf(operator);
            vm.assertEq(times, status == ISequencerRegistry.Status.None ? 0 : 1, "listed once");
            uint256 stake = handler.stakeOf(operator);
            if (status != ISequencerRegistry.Status.Active || stake < parameters.minimumStake) continue;
            candidates[found++] = Ranking.Candidate(operator, stake);
        }
        Ranking.Candidate[] memory eligible = new Ranking.Candidate[](found);
        for (uint256 i = 0; i < found; ++i) {
            eligible[i] = candidates[i];
        }
        Ranking.Candidate[] memory expected = NaiveRanking.best(eligible, parameters.maxMembers);
        ISequencerRegistry.Member[] memory members = registry.currentSet();
        vm.assertEq(members.length, expected.length, "members");
        for (uint256 i = 0; i < members.length; ++i) {
            vm.assertEq(members[i].operator, expected[i].operator, "operator");
            vm.assertEq(members[i].stake, expected[i].stake, "stake");
        }
    }
}

/// @title With the native token
contract NativeInvariantTest is RegistryInvariants {
    function setUp() public override {
        super.setUp();
        handler = new Handler(registry, Token(address(0)));
    }

    function balanceOf(address account) internal view override returns (uint256) {
        return account.balance;
    }
}

/// @title With an ERC-20
contract TokenInvariantTest is RegistryInvariants {
    Token private _token;

    function setUp() public override {
        super.setUp();
        _token = new Token();
        registry = deploy(address(_token), defaults());
        vm.prank(governor);
        registry.activate(GENESIS);
        handler = new Handler(registry, _token);
    }

    function balanceOf(address account) internal view override returns (uint256) {
        return _token.balanceOf(account);
    }
}
