import { defineConfig } from 'vitest/config';

/** Charts, dashboards and alerts, by Helm, kube-score and Prometheus, which `npm ci` does not bring. */
export default defineConfig({
  test: {
    globalSetup: ['test/global-setup.ts'],
    include: ['deploy/**/*.test.ts', 'test/monitoring/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
