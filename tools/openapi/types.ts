import openapiTS, { astToString } from 'openapi-typescript';

/** TypeScript types of an OpenAPI document. In a package of its own, because the generator needs an older TypeScript. */
export async function typesOf(document: object): Promise<string> {
  const ast = await openapiTS(JSON.stringify(document), { alphabetize: false, immutable: false });
  return `// Generated from openapi.json by "npm run gen".\n\n${astToString(ast)}`;
}
