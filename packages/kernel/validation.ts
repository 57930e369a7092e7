import { AjvCompiler, type BuildCompilerFromPool } from '@fastify/ajv-compiler';
import type { FastifySchemaValidationError } from 'fastify';
import { type FieldError, WaybillError } from './errors.ts';
import { linePattern, linesPattern } from './schemas.ts';

const maxErrors = 50;

type JsonSchema = { [key: string]: unknown };

/** A string that no rule of its own restricts still must not carry control characters into a database or a log. */
function guardStrings(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(guardStrings);
  if (typeof schema !== 'object' || schema === null) return schema;
  const guarded: JsonSchema = {};
  for (const [key, value] of Object.entries(schema)) {
    guarded[key] = key === 'enum' || key === 'const' || key === 'default' || key === 'examples' ? value : guardStrings(value);
  }
  const isString = guarded['type'] === 'string' || (Array.isArray(guarded['type']) && guarded['type'].includes('string'));
  const restricted = ['pattern', 'enum', 'const', 'format'].some((keyword) => keyword in guarded);
  return isString && !restricted ? { ...guarded, pattern: linePattern } : guarded;
}

/**
 * Validators for what callers send. A JSON body has types of its own, so `"2"` is not the number 2; path and query are
 * text, so there it is. Unknown fields are refused, never dropped, and all problems are reported at once.
 */
export function buildValidator(): BuildCompilerFromPool {
  const shared = { allErrors: true, removeAdditional: false, discriminator: true, strictTypes: false, strictRequired: false } as const;
  const typed = AjvCompiler()({}, { customOptions: { ...shared, coerceTypes: false } });
  const text = AjvCompiler()({}, { customOptions: { ...shared, coerceTypes: 'array' } });
  // Fastify hands over the whole route part; the compiler's type speaks of the schema alone.
  const compile = (route: { httpPart?: string; schema: unknown }) =>
    (route.httpPart === 'body' ? typed : text)({ ...route, schema: guardStrings(route.schema) });
  return () => compile as ReturnType<BuildCompilerFromPool>;
}

/** The answer to a request that its schema refuses. */
export function validationFailure(errors: readonly FastifySchemaValidationError[], part: string): WaybillError {
  const fields = relevant(errors)
    .slice(0, maxErrors)
    .map((error) => fieldError(error, part));
  const unique = fields.filter(
    ({ field, message }, index) => fields.findIndex((other) => other.field === field && other.message === message) === index,
  );
  const [first] = unique;
  const more = unique.length > 1 ? `, and ${unique.length - 1} more` : '';
  return new WaybillError('invalid', first ? `${first.field}: ${first.message}${more}` : 'the request is not valid', { errors: unique });
}

/** Of alternatives (a value or null, one of several objects) only the one that the caller meant is worth a word. */
function relevant(errors: readonly FastifySchemaValidationError[]): readonly FastifySchemaValidationError[] {
  let kept = errors;
  for (const union of errors.filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf')) {
    const branches = Map.groupBy(
      errors.filter(({ schemaPath }) => schemaPath.startsWith(`${union.schemaPath}/`)),
      ({ schemaPath }) => schemaPath.slice(union.schemaPath.length + 1).split('/')[0] ?? '',
    );
    const meant = [...branches.values()].filter((branch) => !branch.some((error) => tellsApart(error, union)));
    const [only] = meant;
    const drop = new Set([...branches.values()].flat());
    if (meant.length === 1 && only) {
      for (const error of only) drop.delete(error);
      drop.add(union);
    }
    kept = kept.filter((error) => !drop.has(error));
  }
  return kept;
}

/** A different type, or another fixed word in a property right below: then this alternative was not meant. */
function tellsApart(error: FastifySchemaValidationError, union: FastifySchemaValidationError): boolean {
  const below = error.instancePath.slice(union.instancePath.length).split('/').length - 1;
  return (error.keyword === 'type' && below === 0) || ((error.keyword === 'const' || error.keyword === 'enum') && below <= 1);
}

function fieldError(error: FastifySchemaValidationError, part: string): FieldError {
  const { keyword, params } = error;
  const extra =
    keyword === 'required' ? params['missingProperty'] : keyword === 'additionalProperties' ? params['additionalProperty'] : undefined;
  const tag = keyword === 'discriminator' ? params['tag'] : undefined;
  const path = [...error.instancePath.split('/').slice(1), ...(extra === undefined && tag === undefined ? [] : [String(extra ?? tag)])];
  return { field: fieldPath(path) || (part === 'body' ? 'body' : part), message: messageOf(error) };
}

/** `/lines/0/quantity` becomes `lines[0].quantity`. Names that came from the caller are cut to a bearable length. */
function fieldPath(segments: readonly string[]): string {
  return segments
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~').slice(0, 100))
    .reduce(
      (path, segment) => (/^\d+$/.test(segment) && path !== '' ? `${path}[${segment}]` : path === '' ? segment : `${path}.${segment}`),
      '',
    );
}

function messageOf({ keyword, params, message }: FastifySchemaValidationError): string {
  const limit = Number(params['limit']);
  switch (keyword) {
    case 'required':
      return 'is required';
    case 'additionalProperties':
      return 'is not a known field';
    case 'type':
      return `must be ${[params['type']].flat().map(withArticle).join(' or ')}`;
    case 'enum':
      return `must be one of ${[params['allowedValues']].flat().map(String).join(', ')}`;
    case 'const':
      return `must be ${String(params['allowedValue'])}`;
    case 'discriminator':
      return 'is not one of the known kinds';
    case 'minimum':
      return `must be at least ${limit}`;
    case 'maximum':
      return `must be at most ${limit}`;
    case 'minLength':
      return limit === 1 ? 'must not be empty' : `must have at least ${limit} characters`;
    case 'maxLength':
      return `must have at most ${limit} characters`;
    case 'minItems':
      return limit === 1 ? 'must not be empty' : `must have at least ${limit} entries`;
    case 'maxItems':
      return `must have at most ${limit} entries`;
    case 'uniqueItems':
      return 'must not hold the same entry twice';
    case 'format':
      return `must be a ${String(params['format'])}`;
    case 'pattern':
      return params['pattern'] === linePattern || params['pattern'] === linesPattern
        ? 'must not hold control characters or broken Unicode'
        : `must match ${String(params['pattern'])}`;
    default:
      return message ?? 'is not valid';
  }
}

const withArticle = (type: unknown): string =>
  type === 'null' ? 'null' : type === 'integer' ? 'a whole number' : `${/^[aeiou]/.test(String(type)) ? 'an' : 'a'} ${String(type)}`;
