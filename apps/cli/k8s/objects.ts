/** A Kubernetes object, as far as the command looks into it. */
export type KubeObject = {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    generation?: number;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    creationTimestamp?: string;
    deletionTimestamp?: string;
    ownerReferences?: { kind: string; name: string; controller?: boolean }[];
  };
  // biome-ignore lint/suspicious/noExplicitAny: objects of every kind; readers check what they use
  spec?: any;
  // biome-ignore lint/suspicious/noExplicitAny: see above
  status?: any;
  // biome-ignore lint/suspicious/noExplicitAny: see above
  [field: string]: any;
};

/** `Deployment prod/gateway`: which object, for a person. */
export const nameOf = ({ kind, metadata }: KubeObject): string =>
  `${kind} ${metadata.namespace ? `${metadata.namespace}/` : ''}${metadata.name}`;

const clusterWide = new Set([
  'Namespace',
  'ClusterRole',
  'ClusterRoleBinding',
  'PersistentVolume',
  'StorageClass',
  'CustomResourceDefinition',
  'GatewayClass',
  'IngressClass',
  'PriorityClass',
  'ClusterIssuer',
  'ClusterSecretStore',
  'APIService',
  'ValidatingWebhookConfiguration',
  'MutatingWebhookConfiguration',
]);

export const isClusterWide = (kind: string): boolean => clusterWide.has(kind);

export const labelOf = (object: KubeObject, name: string): string | undefined => object.metadata.labels?.[`app.kubernetes.io/${name}`];
export const componentOf = (object: KubeObject): string => labelOf(object, 'component') ?? object.metadata.name;

/** Helm runs these before or after the others, and does not count them to a release. */
export const isHook = ({ metadata }: KubeObject): boolean => metadata.annotations?.['helm.sh/hook'] !== undefined;
