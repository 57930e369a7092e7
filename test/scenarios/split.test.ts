import { defineScenarios } from './define.ts';

// As in the topology `services`: orders stay on the build they began on.
defineScenarios({ mode: 'split', settings: { TEMPORAL_VERSIONING: 'pinned', TEMPORAL_WORKER_BUILD_ID: 'test' } });
