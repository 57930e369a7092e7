import { defineConfig } from 'vitest/config';

/** Tests in a real Chromium, apart from the others: `npm test` must not need a browser. */
export default defineConfig({
  test: {
    include: ['{apps,services}/**/*.browser.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
