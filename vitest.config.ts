import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: ['test/global-setup.ts'],
    include: ['{apps,services,packages,test,tools}/**/*.test.ts'],
    // These need more than `npm ci` brings: see CONTRIBUTING.md.
    exclude: [
      '**/node_modules/**',
      '**/*.browser.test.ts',
      'test/cluster/*.test.ts',
      'test/monitoring/*.test.ts',
      'apps/cli/backup/s3-server.test.ts',
    ],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
