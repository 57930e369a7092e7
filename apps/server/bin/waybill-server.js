#!/usr/bin/env node
import { launch } from '../../../packages/embedded/launcher.js';

await launch('waybill-server', new URL('../main.ts', import.meta.url));
