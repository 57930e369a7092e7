import { defineConfig } from 'vitest/config';

/** What needs Helm, kube-score, Prometheus or an S3 server, which `npm ci` does not bring. */
export default defineConfig({
  test: {
    globalSetup: ['test/global-setup.ts'],
    include: ['deploy/**/*.test.ts', 'test/monitoring/*.test.ts', 'apps/cli/backup/s3-server.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
