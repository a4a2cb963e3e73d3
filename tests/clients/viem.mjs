// Connects, sends, deploys, calls, reads logs and watches heads with viem.
// Usage: node viem.mjs <http url> <ws url> <private key> <file with creation code>
import { readFileSync } from 'node:fs';
import { createPublicClient, createWalletClient, defineChain, http, parseAbi, parseEther, webSocket } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { abi as signatures, check, deadline, recipient } from './probe.mjs';

const [, , httpUrl, wsUrl, key, codeFile] = process.argv;
const abi = parseAbi(signatures);
const bytecode = readFileSync(codeFile, 'utf8').trim();
const account = privateKeyToAccount(key);
const chainId = await createPublicClient({ transport: http(httpUrl) }).getChainId();
const chain = defineChain({
  id: chainId,
  name: 'baton',
  nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
  rpcUrls: { default: { http: [httpUrl], webSocket: [wsUrl] } },
});
const reader = createPublicClient({ chain, transport: http(httpUrl), pollingInterval: 100 });
const wallet = createWalletClient({ account, chain, transport: http(httpUrl) });
const socket = createPublicClient({ chain, transport: webSocket(wsUrl) });

// Heads over WebSocket, each one more than the last.
const heads = [];
let enough;
const seen = new Promise((resolve) => (enough = resolve));
const unwatch = socket.watchBlocks({
  onBlock: (block) => {
    heads.push(block.number);
    if (heads.length >= 3) enough();
  },
  onError: (error) => {
    console.error(error);
    process.exit(1);
  },
});

const before = await reader.getBalance({ address: recipient });
const transfer = await wallet.sendTransaction({ to: recipient, value: parseEther('1') });
const receipt = await deadline(reader.waitForTransactionReceipt({ hash: transfer }), 'the receipt of the transfer');
check(receipt.status === 'success' && receipt.gasUsed === 21000n, `the transfer: ${receipt.status}`);
check((await reader.getBalance({ address: recipient })) === before + parseEther('1'), 'the balance');
const found = await reader.getTransaction({ hash: transfer });
check(found.type === 'eip1559' && found.from.toLowerCase() === account.address.toLowerCase(), 'the transaction');
const block = await reader.getBlock({ blockHash: receipt.blockHash, includeTransactions: true });
check(block.transactions.some((transaction) => transaction.hash === transfer), 'the block');

// The creation code carries its argument already.
const creation = await wallet.sendTransaction({ data: bytecode });
const created = await deadline(reader.waitForTransactionReceipt({ hash: creation }), 'the receipt of the creation');
const address = created.contractAddress;
check(created.status === 'success' && address, 'the creation');
const { request } = await reader.simulateContract({ account, address, abi, functionName: 'transfer', args: [recipient, 7n] });
const call = await wallet.writeContract(request);
const called = await deadline(reader.waitForTransactionReceipt({ hash: call }), 'the receipt of the call');
check(called.status === 'success', 'the call');
check((await reader.readContract({ address, abi, functionName: 'balanceOf', args: [recipient] })) === 7n, 'balanceOf');
const logs = await reader.getContractEvents({ address, abi, eventName: 'Transfer', fromBlock: 0n, toBlock: 'latest' });
check(logs.length === 2 && logs[1].args.amount === 7n && logs[1].transactionHash === call, 'getLogs');
const reason = await reader
  .simulateContract({ account, address, abi, functionName: 'fail', args: ['because'] })
  .then(() => 'nothing', (error) => error.message);
check(reason.includes('because'), `the reason of the revert: ${reason}`);
const fees = await reader.estimateFeesPerGas();
check(fees.maxFeePerGas > fees.maxPriorityFeePerGas, 'the fees');

await deadline(seen, 'three heads over WebSocket');
unwatch();
check(heads.every((number, index) => index === 0 || number > heads[index - 1]), `the heads: ${heads}`);
console.log(JSON.stringify({ chainId, transfer, call, heads: heads.length }));
process.exit(0);
