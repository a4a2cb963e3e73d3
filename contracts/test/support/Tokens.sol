// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title A token that does what it should
contract Token {
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address to, uint256 amount) external virtual returns (bool) {
        _move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external virtual returns (bool) {
        _spend(from, amount);
        _move(from, to, amount);
        return true;
    }

    function _spend(address from, uint256 amount) internal {
        allowance[from][msg.sender] -= amount;
    }

    function _move(address from, address to, uint256 amount) internal virtual {
        require(to != address(0), "to the zero address");
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// @title A token that keeps a hundredth of what it moves
contract FeeToken is Token {
    function _move(address from, address to, uint256 amount) internal override {
        super._move(from, to, amount - amount / 100);
    }
}

/// @title A token that delivers more than it is asked for
contract GenerousToken is Token {
    function _move(address from, address to, uint256 amount) internal override {
        super._move(from, to, amount);
        balanceOf[to] += 1;
    }
}

/// @title A token that says no, and does not revert
contract FalseToken is Token {
    bool public lies = true;

    function setLies(bool value) external {
        lies = value;
    }

    function transfer(address to, uint256 amount) external override returns (bool) {
        if (lies) return false;
        _move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external override returns (bool) {
        if (lies) return false;
        _spend(from, amount);
        _move(from, to, amount);
        return true;
    }
}

/// @title A token that pretends
contract PretendingToken is Token {
    function transferFrom(address, address, uint256) external pure override returns (bool) {
        return true;
    }
}

/// @title A token that takes nothing from some
contract BlockingToken is Token {
    mapping(address => bool) public isBlocked;

    function block_(address account) external {
        isBlocked[account] = true;
    }

    function _move(address from, address to, uint256 amount) internal override {
        require(!isBlocked[to], "blocked");
        super._move(from, to, amount);
    }
}

/// @title A token that tells, while it moves
contract CallingToken is Token {
    address private _target;
    bytes private _data;
    uint256 public calls;
    uint256 public successes;

    function callBack(address target, bytes calldata data) external {
        _target = target;
        _data = data;
    }

    function _move(address from, address to, uint256 amount) internal override {
        super._move(from, to, amount);
        if (_target == address(0)) return;
        ++calls;
        (bool success,) = _target.call(_data);
        if (success) ++successes;
    }
}

/// @title A token that returns nothing, as some of the largest do
contract SilentToken {
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    /// @dev The tests call it by the interface of all tokens, the registry never does.
    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}
