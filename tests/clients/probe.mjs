// What both clients do with the contract of tests/e2e/contracts/Probe.sol.
export const abi = [
  'constructor(uint256 supply) payable',
  'function transfer(address to, uint256 amount) returns (bool)',
  'function balanceOf(address holder) view returns (uint256)',
  'function fail(string reason) pure',
  'event Transfer(address indexed from, address indexed to, uint256 amount)',
];

export const recipient = '0x00000000000000000000000000000000000000cc';

export function check(condition, message) {
  if (!condition) throw new Error(message);
}

export function deadline(promise, what, ms = 60_000) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`after ${ms} ms still not: ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
