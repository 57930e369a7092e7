import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { AwsClient } from 'aws4fetch';
import { CommandError } from '../failure.ts';
import { type BackupStore, isVersion } from './store.ts';

/** S3 wants parts of 5 MiB or more and takes 10,000 of them: this allows 160 GB a file. */
const partBytes = 16 * 1024 * 1024;

type Environment = Record<string, string | undefined>;

/**
 * Backups in an S3-compatible bucket. Credentials, region and endpoint are taken from the environment under the names all AWS tools
 * use. Memory holds one part at a time.
 */
export function s3Store(where: string, environment: Environment): BackupStore {
  const [, bucket = '', rest = ''] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(where) ?? [];
  const prefix = rest === '' || rest.endsWith('/') ? rest : `${rest}/`;
  const client = clientOf(where, environment);
  const region = environment['AWS_REGION'] || environment['AWS_DEFAULT_REGION'] || 'us-east-1';
  const endpoint = environment['AWS_ENDPOINT_URL_S3'] || environment['AWS_ENDPOINT_URL'];
  // Other servers than Amazon's are reached under one name, with the bucket in the path.
  const base = endpoint ? `${endpoint.replace(/\/+$/, '')}/${bucket}` : `https://${bucket}.s3.${region}.amazonaws.com`;

  async function call(method: string, path: string, options: { body?: Buffer | string; signal?: AbortSignal } = {}): Promise<Response> {
    const { body, signal } = options;
    let response: Response;
    try {
      response = await client.fetch(`${base}/${path}`, {
        method,
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : new Uint8Array(body) }),
        ...(signal ? { signal } : {}),
      });
    } catch (cause) {
      if (signal?.aborted) throw cause;
      throw new CommandError('unavailable', `${base} does not answer`, { fix: 'check the network and AWS_ENDPOINT_URL_S3', cause });
    }
    if (response.ok || response.status === 404) return response;
    throw await refusal(response, where);
  }

  const pathOf = (version: string, name: string): string => `${prefix}${version}/${name}`.split('/').map(encodeURIComponent).join('/');

  async function needed(response: Response): Promise<string> {
    if (response.status === 404)
      throw new CommandError('not_found', `there is no bucket ${bucket}`, { fix: 'make it, or correct the name' });
    return response.text();
  }

  async function* listing(query: Record<string, string>): AsyncGenerator<string> {
    for (let token = ''; ; ) {
      const parameters = new URLSearchParams({ 'list-type': '2', ...query, ...(token ? { 'continuation-token': token } : {}) });
      const text = await needed(await call('GET', `?${parameters}`));
      yield text;
      token = tagsOf(text, 'NextContinuationToken')[0] ?? '';
      if (token === '') return;
    }
  }

  async function upload(path: string, content: Readable, signal: AbortSignal): Promise<void> {
    const id = tagsOf(await needed(await call('POST', `${path}?uploads`, { signal })), 'UploadId')[0];
    if (!id) throw new CommandError('unavailable', `${where} does not say how to go on with an upload`);
    const target = `${path}?uploadId=${encodeURIComponent(id)}`;
    try {
      const tags: string[] = [];
      for await (const part of partsOf(content)) {
        const response = await call('PUT', `${target}&partNumber=${tags.length + 1}`, { body: part, signal });
        tags.push(response.headers.get('etag') ?? '');
      }
      const list = tags.map((tag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${tag}</ETag></Part>`).join('');
      const body = `<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`;
      const answer = await (await call('POST', target, { body, signal })).text();
      // It is answered with 200 before it has succeeded.
      if (answer.includes('<Error>')) throw new CommandError('unavailable', `${where} could not put the parts of ${path} together`);
    } catch (error) {
      content.destroy();
      await call('DELETE', target).catch(() => {}); // else the parts are kept, and paid for
      throw error;
    }
  }

  return {
    where,
    async versions() {
      const found = new Set<string>();
      for await (const text of listing({ prefix, delimiter: '/' }))
        for (const one of tagsOf(text, 'Prefix')) {
          const name = one.slice(prefix.length).replace(/\/$/, '');
          if (isVersion(name)) found.add(name);
        }
      return [...found].sort();
    },
    async readText(version, name) {
      const response = await call('GET', pathOf(version, name));
      return response.status === 404 ? undefined : response.text();
    },
    async read(version, name) {
      const response = await call('GET', pathOf(version, name));
      if (response.status === 404 || !response.body) throw Object.assign(new Error(`${name} is not there`), { code: 'ENOENT' });
      return Readable.fromWeb(response.body as ReadableStream); // the global type and Node's own name the same class
    },
    write: (version, name, content, signal) => upload(pathOf(version, name), content, signal),
    async remove(version) {
      for await (const text of listing({ prefix: `${prefix}${version}/` }))
        for (const key of tagsOf(text, 'Key')) await call('DELETE', key.split('/').map(encodeURIComponent).join('/'));
    },
  };
}

function clientOf(where: string, environment: Environment): AwsClient {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken } = environment;
  if (!accessKeyId || !secretAccessKey)
    throw new CommandError('unauthenticated', `${where} needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment`, {
      fix: 'set them; of a profile or a role: eval "$(aws configure export-credentials --format env)"',
    });
  const region = environment['AWS_REGION'] || environment['AWS_DEFAULT_REGION'] || 'us-east-1';
  return new AwsClient({ accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}), service: 's3', region, retries: 4 });
}

async function* partsOf(content: Readable): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let length = 0;
  for await (const chunk of content as AsyncIterable<Buffer>) {
    held.push(chunk);
    length += chunk.length;
    if (length < partBytes) continue;
    yield Buffer.concat(held, length);
    held = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(held, length);
}

const entities: Record<string, string> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

/** The texts of an element in S3's flat XML. */
const tagsOf = (xml: string, name: string): string[] =>
  [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, text = '']) =>
    text.replace(/&(lt|gt|quot|apos|amp);/g, (_, entity: string) => entities[entity] ?? ''),
  );

async function refusal(response: Response, where: string): Promise<CommandError> {
  const text = await response.text().catch(() => '');
  const code = tagsOf(text, 'Code')[0] ?? String(response.status);
  const message = `${where} answered ${code}: ${tagsOf(text, 'Message')[0] ?? response.statusText}`;
  if (response.status === 401 || response.status === 403)
    return new CommandError('forbidden', message, { fix: 'check AWS_ACCESS_KEY_ID and what it may do with this bucket' });
  return new CommandError('unavailable', message, { fix: 'try again; AWS_REGION and AWS_ENDPOINT_URL_S3 must fit the bucket' });
}
