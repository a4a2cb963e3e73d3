// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISequencerRegistry} from "../../src/ISequencerRegistry.sol";

/// @title A recipient that makes trouble
contract Purse {
    bool public called;
    bool public succeeded;

    bool private _refuses;
    address private _target;
    bytes private _data;

    /// @notice Whether to refuse what is paid from here on.
    function refuse(bool refuses) external {
        _refuses = refuses;
    }

    /// @notice What to do when paid.
    function callBack(address target, bytes calldata data) external {
        _target = target;
        _data = data;
    }

    /// @notice Reports a fault, so that the reward comes here.
    function report(ISequencerRegistry registry, ISequencerRegistry.Evidence calldata evidence) external {
        registry.slash(evidence);
    }

    receive() external payable {
        require(!_refuses, "refused");
        if (_target == address(0)) return;
        called = true;
        (succeeded,) = _target.call(_data);
    }
}
