import { defineScenarios } from './define.ts';

defineScenarios({ mode: 'split' });
