import { DefaultFailureConverter } from '@temporalio/common';

/** Moves a failure's message and stack into a payload, which the codec then encrypts. Loaded by path, in the workflow bundle too. */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
