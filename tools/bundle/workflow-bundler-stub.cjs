// Takes the place of the SDK's workflow bundler, and so of webpack and swc, in dist: workflow code was bundled by the build.
exports.defaultWorkflowInterceptorModules = [];
exports.bundleWorkflowCode = async () => {
  throw new Error('workflow code is bundled by the build, and this is what it made');
};
exports.WorkflowCodeBundler = class {
  createBundle = exports.bundleWorkflowCode;
};
