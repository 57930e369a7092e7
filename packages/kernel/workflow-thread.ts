import workerThreads from 'node:worker_threads';

const setup = new URL('./workflow-thread-setup.ts', import.meta.url).href;

/**
 * Makes the threads that the Temporal SDK starts for workflow code from now on load `workflow-thread-setup.ts` first. The SDK has
 * no option for it, and a thread takes other options than the process only from whoever creates it.
 */
export function lightenWorkflowThreads(): void {
  const { Worker } = workerThreads;
  if (Worker.name === 'LightWorker') return;
  workerThreads.Worker = class LightWorker extends Worker {
    constructor(file: string | URL, options: workerThreads.WorkerOptions = {}) {
      const light = /workflow-worker-thread(\.js)?$/.test(String(file));
      super(file, light ? { ...options, execArgv: [...(options.execArgv ?? process.execArgv), '--import', setup] } : options);
    }
  };
}
