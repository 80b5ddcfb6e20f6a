/** Blocks as large as ours, prices that the signed transfers can pay however full the blocks are. */
module.exports = {
  solidity: '0.8.28',
  networks: {
    hardhat: {
      chainId: 31337,
      blockGasLimit: 4_000 * 21_000,
      initialBaseFeePerGas: 1,
      accounts: { count: 20, accountsBalance: '1000000000000000000000000' },
    },
  },
};
