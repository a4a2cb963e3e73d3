// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What the end-to-end tests call: a token, and one function for every corner of the EVM that nodes could disagree about.
///
/// `Probe.hex` beside this file is its creation code, made by solc 0.8.37 with
/// `--bin --optimize --optimize-runs 200 --evm-version osaka --no-cbor-metadata`.
contract Probe {
    mapping(address holder => uint256 amount) public balanceOf;
    uint256 public totalSupply;
    uint256 public counter;
    mapping(uint256 slot => uint256 value) public cells;

    event Transfer(address indexed from, address indexed to, uint256 amount);
    event Context(uint256 chainId, uint256 number, uint256 timestamp, address coinbase, uint256 baseFee, uint256 gasLimit, uint256 gasPrice);
    event Result(bytes32 indexed what, bool success, bytes output);
    event Plain(bytes data);

    error InsufficientBalance(address holder, uint256 balance, uint256 needed);

    constructor(uint256 supply) payable {
        totalSupply = supply;
        balanceOf[msg.sender] = supply;
        emit Transfer(address(0), msg.sender, supply);
    }

    receive() external payable {
        counter += 1;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        uint256 balance = balanceOf[msg.sender];
        if (balance < amount) revert InsufficientBalance(msg.sender, balance, amount);
        balanceOf[msg.sender] = balance - amount;
        balanceOf[to] += amount;
        emit Transfer(msg.sender, to, amount);
        return true;
    }

    function increment() external {
        counter += 1;
    }

    function fill(uint256 from, uint256 count, uint256 value) external {
        for (uint256 i = from; i < from + count; i++) cells[i] = value;
    }

    function fail(string calldata reason) external pure {
        require(false, reason);
    }

    function panic(uint256 divisor) external {
        counter = 1 / divisor;
    }

    function burn() external {
        while (true) counter += 1;
    }

    function context() external {
        emit Context(block.chainid, block.number, block.timestamp, block.coinbase, block.basefee, block.gaslimit, tx.gasprice);
    }

    function data(uint256 length) external {
        emit Plain(new bytes(length));
    }

    /// A child made by CREATE2, which dies in its own transaction, and one that lives.
    function create(bytes32 salt) external payable {
        Child doomed = new Child{salt: salt, value: msg.value}();
        doomed.die(payable(msg.sender));
        Child child = new Child{salt: keccak256(abi.encode(salt))}();
        child.remember(uint256(salt));
        emit Result("child", true, abi.encode(child));
    }

    /// Calls that fail inside and leave no trace, and one that calls back.
    function nested(uint256 depth) external {
        counter += depth;
        if (depth == 0) return;
        (bool success, bytes memory output) = address(this).call(abi.encodeCall(this.nested, (depth - 1)));
        emit Result("nested", success, output);
        (success, output) = address(this).call{gas: 30000}(abi.encodeCall(this.burn, ()));
        emit Result("burn", success, output);
        (success, output) = address(this).staticcall{gas: 30000}(abi.encodeCall(this.increment, ()));
        emit Result("static", success, "");
    }

    /// Calls an address, a precompile for instance, and logs the answer.
    function ask(address target, bytes calldata input) external payable {
        (bool success, bytes memory output) = target.call{value: msg.value}(input);
        emit Result(bytes32(uint256(uint160(target))), success, output);
    }

    /// Transient storage (EIP-1153), MCOPY (EIP-5656), CLZ (EIP-7939) and BLOBBASEFEE (EIP-7516).
    function opcodes(uint256 value) external {
        uint256 loaded;
        uint256 copied;
        uint256 zeros;
        uint256 blobFee;
        assembly {
            tstore(7, value)
            loaded := tload(7)
            mstore(0, value)
            mcopy(32, 0, 32)
            copied := mload(32)
            zeros := clz(value)
            blobFee := blobbasefee()
        }
        emit Plain(abi.encode(loaded, copied, zeros, blobFee));
    }
}

contract Child {
    uint256 public memory_;

    constructor() payable {}

    function remember(uint256 value) external {
        memory_ = value;
    }

    function die(address payable heir) external {
        selfdestruct(heir);
    }
}
