import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { deployFile, render } from './testing/render.ts';
import { podsOf, secretKeysOf } from './testing/workloads.ts';

const files = readdirSync(deployFile('examples')).filter((name) => name.endsWith('.yaml'));
const read = (name: string): string => readFileSync(deployFile(`examples/${name}`), 'utf8');
const objectsIn = (name: string) => parseAllDocuments(read(name)).map((document) => document.toJS());

describe('the examples of Secrets from elsewhere', () => {
  it.each(files.filter((name) => name.startsWith('external-')))('%s holds the store that its values name', async (name) => {
    const [, values = ''] = /^# {3}(externalSecret: .*)$/m.exec(read(name)) ?? [];
    const { externalSecret } = parse(values);
    const rendered = await render({
      chart: 'waybill',
      set: Object.fromEntries(Object.entries<object>(externalSecret).map(([key, value]) => [`externalSecret.${key}`, value])),
    });
    const secret = rendered.find(({ kind }) => kind === 'ExternalSecret');
    const store = objectsIn(name).find(({ kind }) => kind === 'SecretStore');
    expect(secret?.spec.secretStoreRef).toEqual({ kind: store.kind, name: store.metadata.name });
    expect(secret?.apiVersion).toBe(store.apiVersion);
    expect(secret?.metadata.namespace).toBe(store.metadata.namespace);
    const [provider] = Object.values<{ auth: object }>(store.spec.provider);
    const account = objectsIn(name).find(({ kind }) => kind === 'ServiceAccount');
    expect(JSON.stringify(provider?.auth)).toContain(`"name":"${account.metadata.name}"`);
  });

  it('the sealed Secret has every key that a pod reads, and no other', async () => {
    const [sealed] = objectsIn('sealed-secrets.yaml');
    const wanted = new Set(
      podsOf(await render({ chart: 'waybill' }))
        .flatMap(secretKeysOf)
        .map(({ key }) => key),
    );
    expect(Object.keys(sealed.spec.encryptedData).toSorted()).toEqual([...wanted].toSorted());
  });
});
