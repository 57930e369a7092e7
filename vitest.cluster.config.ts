import { defineConfig } from 'vitest/config';

/** Tests on a real cluster (KUBECONFIG), with the images loaded or within its reach, one file after the other: they share it. */
export default defineConfig({
  test: {
    include: ['test/cluster/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
    disableConsoleIntercept: true, // what a step took is told when it has ended
    testTimeout: 900_000,
    hookTimeout: 900_000,
  },
});
