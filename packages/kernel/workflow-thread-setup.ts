// Loaded at the start of a thread that runs workflow code, by `lightenWorkflowThreads`, and in no other.
import v8 from 'node:v8';
import vm from 'node:vm';

// The SDK takes a stack trace, through source maps, for every promise of a workflow, so that the Temporal UI can show a call stack.
// That is a fifth of a worker's time, and nothing of ours asks for it.
v8.promiseHooks.createHook = () => () => undefined;

// The SDK guards each of its several calls into the sandbox per step with a time-out, for which Node starts a thread every time:
// 50 times what the call costs. The guard is against endless loops in workflow code, which tests find.
const { runInContext } = vm.Script.prototype;
vm.Script.prototype.runInContext = function unguarded(context, { timeout: _, ...options } = {}) {
  return runInContext.call(this, context, options);
};
