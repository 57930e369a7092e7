import { readFile } from 'node:fs/promises';

export type Figure = { what: string; value: number; unit: string; wanted: string; met: boolean };

export const atLeast = (what: string, value: number, unit: string, bound: number): Figure => ({
  what,
  value,
  unit,
  wanted: `≥ ${bound}`,
  met: value >= bound,
});
export const below = (what: string, value: number, unit: string, bound: number): Figure => ({
  what,
  value,
  unit,
  wanted: `< ${bound}`,
  met: value < bound,
});

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** Resident memory of a process in MB (Linux). */
export async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1_024;
}

const rounded = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2));

export function printFigures(title: string, figures: readonly Figure[]): void {
  console.log(`\n${title}`);
  for (const { what, value, unit, wanted, met } of figures)
    console.log(`  ${met ? '✓' : '✗'} ${what}: ${rounded(value)} ${unit} (wanted ${wanted})`);
}
