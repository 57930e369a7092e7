import { SettingsError } from '@waybill/kernel/config';
import { type ErrorCode, exitCodeOf, type FieldError, WaybillError } from '@waybill/kernel/errors';
import type { Io } from './io.ts';

/** A failure with the way out of it, which the command prints under the message. */
export class CommandError extends WaybillError {
  readonly fix: string | undefined;

  constructor(code: ErrorCode, message: string, options: { fix?: string; errors?: readonly FieldError[]; cause?: unknown } = {}) {
    super(code, message, { cause: options.cause, errors: options.errors ?? [] });
    this.fix = options.fix;
  }
}

/** Ended by the user before it was done: the exit code a shell gives to Ctrl-C. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** What a failure looks like to a person or, with `--json`, to a program. Returns the exit code. */
export function printFailure(error: unknown, io: Io, json: boolean): number {
  if (error instanceof Interrupted) {
    io.err('stopped before it was done');
    return 130;
  }
  const told = tell(error);
  if (json) {
    const { exit, ...rest } = told;
    io.err(JSON.stringify({ error: rest }));
    return exit;
  }
  io.err(`waybill: ${told.message}`);
  for (const { field, message } of told.errors ?? []) io.err(`  ${field}: ${message}`);
  if (told.fix) io.err(`  how to fix: ${told.fix}`);
  return told.exit;
}

type Told = { code: string; message: string; errors?: readonly FieldError[]; fix?: string; exit: number };

function tell(error: unknown): Told {
  if (error instanceof SettingsError) {
    return {
      code: 'invalid',
      message: error.message,
      fix: 'change them with "waybill config save -s KEY=VALUE" or "-U KEY", or in the environment',
      exit: exitCodeOf('invalid'),
    };
  }
  if (error instanceof WaybillError) {
    const fix = error instanceof CommandError ? error.fix : undefined;
    const lead = error.errors.length === 1 ? error.errors[0] : undefined;
    // A single field error is already the message ("lines[0].sku: …"): saying it twice helps nobody.
    const repeated = lead !== undefined && error.message === `${lead.field}: ${lead.message}`;
    return {
      code: error.code,
      message: error.message,
      ...(error.errors.length > 0 && !repeated && { errors: error.errors }),
      ...(fix && { fix }),
      exit: exitCodeOf(error.code),
    };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'bug', message: `an unexpected error, which is a bug in waybill: ${text}`, exit: 1 };
}
