{{/* The pod of a component. Takes root, name, component, tag, digest, buildId and build: what the label waybill/build says. */}}
{{- define "waybill.pod" -}}
{{- $root := .root -}}
{{- $component := .component -}}
{{- $keys := (include "waybill.secretKeys" (dict "root" $root "component" $component) | fromYaml).items -}}
metadata:
  labels:
    {{- include "waybill.labels" . | nindent 4 }}
    waybill/build: {{ .build | quote }}
    waybill/metrics: 'true'
    {{- range $component.roles }}
    waybill/{{ . }}: 'true'
    {{- end }}
    {{- with $root.Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    checksum/config: {{ include "waybill.settings" $root | sha256sum }}
    prometheus.io/scrape: 'true'
    prometheus.io/port: '3001'
    prometheus.io/path: /metrics
    {{- with $root.Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $root.Values.terminationGracePeriodSeconds }}
  {{- with $component.priorityClassName | default $root.Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  securityContext:
    {{- include "waybill.podSecurity" $root | nindent 4 }}
  topologySpreadConstraints:
    {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "waybill.selector" $ | nindent 10 }}
      matchLabelKeys: [pod-template-hash]
    {{- end }}
  {{- with $root.Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $root.Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .name }}
      image: {{ include "waybill.image" (dict "root" $root "tag" .tag "digest" .digest) }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: [run, {{ join ", " $component.roles }}]
      envFrom:
        - configMapRef:
            name: waybill-config
      env:
        {{- include "waybill.variables" . | trim | nindent 8 }}
        {{- include "waybill.secretVariables" (dict "keys" $keys) | trim | nindent 8 }}
      ports:
        {{- if $component.gateway }}
        - { name: public, containerPort: 3000, protocol: TCP }
        {{- end }}
        - { name: internal, containerPort: 3001, protocol: TCP }
        {{- if $component.codec }}
        - { name: codec, containerPort: 8089, protocol: TCP }
        {{- end }}
        {{- if include "waybill.servesGrpc" . }}
        - { name: grpc, containerPort: {{ $root.Values.entrance.grpc.port }}, protocol: TCP }
        {{- end }}
      # A process that is starved of memory or processor time answers late or never: it is started anew, not left hanging.
      startupProbe:
        httpGet: { path: /healthz, port: {{ $component.probePort }} }
        periodSeconds: 2
        timeoutSeconds: 5
        failureThreshold: 150
      livenessProbe:
        httpGet: { path: /healthz, port: {{ $component.probePort }} }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
        # Who does not answer cannot end in order either.
        terminationGracePeriodSeconds: 5
      readinessProbe:
        httpGet: { path: /readyz, port: {{ $component.probePort }} }
        periodSeconds: 5
        timeoutSeconds: 4
        failureThreshold: 2
      resources:
        {{- toYaml $component.resources | nindent 8 }}
      securityContext:
        {{- include "waybill.containerSecurity" $root | nindent 8 }}
      volumeMounts:
        - { name: secrets, mountPath: /run/secrets/waybill, readOnly: true }
        - { name: tmp, mountPath: /tmp }
  volumes:
    - {{- include "waybill.secretVolume" (dict "root" $root "keys" $keys) | nindent 6 }}
    - name: tmp
      emptyDir: { sizeLimit: 32Mi }
{{- end -}}

{{/* Variables of one component; they win over the ConfigMap. */}}
{{- define "waybill.variables" -}}
- name: NODE_OPTIONS
  value: {{ .component.nodeOptions | quote }}
{{- if .component.gateway }}
- name: PORT
  value: '3000'
- name: INTERNAL_PORT
  value: '3001'
{{- else if .component.services }}
- name: PORT
  value: '3001'
{{- else }}
- name: INTERNAL_PORT
  value: '3001'
{{- end }}
{{- if .component.worker }}
- name: TEMPORAL_METRICS_ADDRESS
  value: 127.0.0.1:9464
{{- end }}
{{- if ne .component.deploymentVersioning.behavior "none" }}
- name: TEMPORAL_VERSIONING
  value: {{ .component.deploymentVersioning.behavior }}
- name: TEMPORAL_WORKER_BUILD_ID
  value: {{ .buildId | quote }}
{{- end }}
{{- range $key, $value := .component.config }}
- name: {{ $key }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end -}}

{{/* Not empty when one of the component's APIs has a gRPC route. */}}
{{- define "waybill.servesGrpc" -}}
{{- if .root.Values.entrance.grpc.enabled -}}
{{- range .component.apis -}}
{{- if has . $.root.Values.entrance.grpc.services }}yes{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
