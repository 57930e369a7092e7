import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Meter } from '@opentelemetry/api';

const resolutionMs = 50; // a timer of its own: finer would keep an idle processor awake

/** What a process says of itself. Returns how to stop the timer it needs. */
export function observeProcess(meter: Meter): () => void {
  const gauge = (name: string, description: string, value: () => number) =>
    meter.createObservableGauge(name, { description }).addCallback((result) => result.observe(value()));
  gauge('process_resident_memory_bytes', 'Memory of this process', () => process.memoryUsage.rss());
  gauge('nodejs_heap_used_bytes', 'JavaScript heap in use', () => process.memoryUsage().heapUsed);
  gauge('nodejs_external_memory_bytes', 'Memory of buffers outside of the heap', () => process.memoryUsage().external);
  const startedAt = (Date.now() - performance.now()) / 1_000;
  gauge('process_start_time_seconds', 'When this process began, in seconds since 1970', () => startedAt);
  const cpu = meter.createObservableCounter('process_cpu_seconds', { description: 'Processor time used by this process' });
  cpu.addCallback((result) => {
    const { user, system } = process.cpuUsage();
    result.observe((user + system) / 1_000_000);
  });
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  gauge('nodejs_eventloop_delay_seconds', 'How late the event loop was at the 99th percentile, since the last look', () => {
    const late = Math.max(0, delay.percentile(99) / 1e9 - resolutionMs / 1_000);
    delay.reset();
    return Number.isFinite(late) ? late : 0;
  });
  let before = performance.eventLoopUtilization();
  gauge('nodejs_eventloop_utilization_ratio', 'The share of time that the event loop was busy, since the last look', () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  });
  return () => delay.disable();
}

/** Which build and which roles run here: one series each, for alerts that notice what is missing. */
export function observeBuild(meter: Meter, { version, roles }: { version: string; roles: readonly string[] }): void {
  meter
    .createObservableGauge('waybill_build_info', { description: '1, with the version that this process runs' })
    .addCallback((result) => result.observe(1, { version }));
  meter.createObservableGauge('waybill_role_up', { description: '1 for each role that this process has' }).addCallback((result) => {
    for (const role of roles) result.observe(1, { role });
  });
}
