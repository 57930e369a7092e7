#!/usr/bin/env node
import { launch } from '../../../packages/embedded/launcher.js';

await launch('waybill', new URL('../main.ts', import.meta.url));
