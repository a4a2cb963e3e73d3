// Connects, sends, deploys, calls, reads logs and watches heads with ethers.
// Usage: node ethers.mjs <http url> <ws url> <private key> <file with creation code>
import { readFileSync } from 'node:fs';
import { Contract, JsonRpcProvider, Wallet, WebSocketProvider, parseEther } from 'ethers';
import { abi, check, deadline, recipient } from './probe.mjs';

const [, , httpUrl, wsUrl, key, codeFile] = process.argv;
const bytecode = readFileSync(codeFile, 'utf8').trim();
// ethers answers the same question from its cache for 250 ms, which is longer than a transfer takes here.
const provider = new JsonRpcProvider(httpUrl, undefined, { pollingInterval: 100, cacheTimeout: -1 });
const socket = new WebSocketProvider(wsUrl);
const wallet = new Wallet(key, provider);
const { chainId } = await provider.getNetwork();

// Heads over WebSocket, each one more than the last.
const heads = [];
let enough;
const seen = new Promise((resolve) => (enough = resolve));
await socket.on('block', (number) => {
  heads.push(number);
  if (heads.length >= 3) enough();
});

const before = await provider.getBalance(recipient);
const sent = await wallet.sendTransaction({ to: recipient, value: parseEther('1') });
const receipt = await deadline(sent.wait(), 'the receipt of the transfer');
check(receipt.status === 1 && receipt.gasUsed === 21000n, `the transfer: ${receipt.status}`);
check((await provider.getBalance(recipient)) === before + parseEther('1'), 'the balance');
const found = await provider.getTransaction(sent.hash);
check(found.type === 2 && found.from === wallet.address, 'the transaction');
const block = await provider.getBlock(receipt.blockHash, true);
check(block.prefetchedTransactions.some((transaction) => transaction.hash === sent.hash), 'the block');

// The creation code carries its argument already.
const creation = await deadline((await wallet.sendTransaction({ data: bytecode })).wait(), 'the receipt of the creation');
check(creation.status === 1 && creation.contractAddress, 'the creation');
const probe = new Contract(creation.contractAddress, abi, wallet);
const transaction = await probe.transfer(recipient, 7n);
const called = await deadline(transaction.wait(), 'the receipt of the call');
check(called.status === 1, 'the call');
check((await probe.balanceOf(recipient)) === 7n, 'balanceOf');
const logs = await probe.queryFilter('Transfer', 0, 'latest');
check(logs.length === 2 && logs[1].args.amount === 7n && logs[1].transactionHash === transaction.hash, 'getLogs');
const reason = await probe.fail('because').then(() => 'nothing', (error) => error.reason ?? error.message);
check(reason === 'because', `the reason of the revert: ${reason}`);
const fees = await provider.getFeeData();
check(fees.maxFeePerGas > fees.maxPriorityFeePerGas, 'the fees');

await deadline(seen, 'three heads over WebSocket');
check(heads.every((number, index) => index === 0 || number > heads[index - 1]), `the heads: ${heads}`);
console.log(JSON.stringify({ chainId: Number(chainId), transfer: sent.hash, call: transaction.hash, heads: heads.length }));
await socket.destroy();
provider.destroy();
process.exit(0);
