{{/* What never changes for a component: no version, no user labels. Takes root and component, like all that follows. */}}
{{- define "platform.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Pods carry no version: PostgreSQL shall not restart because this chart has a new one. */}}
{{- define "platform.podLabels" -}}
{{ include "platform.selector" . }}
app.kubernetes.io/part-of: waybill
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "platform.labels" -}}
{{ include "platform.podLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
{{- end }}

{{/* Takes name too, where it is not the component's. */}}
{{- define "platform.metadata" -}}
name: {{ .name | default .component }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "platform.labels" . | nindent 2 }}
{{- end }}

{{- define "platform.image" -}}
{{ .repository }}:{{ .tag }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}

{{/* Pod level fields that the Pod Security level "restricted" asks for. Call with the user id that the image's files belong to. */}}
{{- define "platform.podSecurity" -}}
automountServiceAccountToken: false
# Service variables such as TEMPORAL_UI_PORT=tcp://… would be read as settings by what runs here.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ . }}
  runAsGroup: {{ . }}
  fsGroup: {{ . }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "platform.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{- define "platform.scheduling" -}}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Keys of the Secret as files; `items` limits what a pod sees to what it needs. Call with (dict "root" $ "keys" (list "…")). */}}
{{- define "platform.secretVolume" -}}
- name: secrets
  secret:
    secretName: {{ .root.Values.existingSecret }}
    defaultMode: 0440
    items:
      {{- range .keys }}
      - { key: {{ . }}, path: {{ . }} }
      {{- end }}
{{- end }}

{{- define "platform.scriptVolume" -}}
- name: scripts
  configMap: { name: temporal-scripts, defaultMode: 0555 }
{{- end }}

{{- define "platform.postgresqlHost" -}}
{{- if .Values.postgresql.enabled -}}postgresql
{{- else -}}{{ required "postgresql.enabled is false, so postgresql.external.host must say where Temporal's databases are" .Values.postgresql.external.host }}
{{- end -}}
{{- end }}

{{- define "platform.postgresqlPort" -}}
{{- if .Values.postgresql.enabled }}5432{{ else }}{{ .Values.postgresql.external.port }}{{ end -}}
{{- end }}

{{- define "platform.temporalAddress" -}}
{{- if .Values.temporal.enabled -}}temporal-frontend:7233
{{- else -}}
{{- $host := required "temporal.enabled is false, so temporal.external.host must say where Temporal is, or temporal.ui.enabled be false" .Values.temporal.external.host -}}
{{ $host }}:{{ .Values.temporal.external.port }}
{{- end -}}
{{- end }}

{{/* Where Temporal's databases are: a pod of this release, or an address outside, of which a policy can name the port only. */}}
{{- define "platform.databaseEgress" -}}
{{- if .Values.postgresql.enabled }}
- ports: [{ port: postgresql }]
  to:
    - podSelector:
        matchLabels:
          {{- include "platform.selector" (dict "root" . "component" "postgresql") | nindent 10 }}
{{- else }}
- ports: [{ port: {{ .Values.postgresql.external.port }} }]
{{- end }}
{{- end }}

{{- define "platform.temporalEgress" -}}
{{- if .Values.temporal.enabled }}
- ports: [{ port: grpc }]
  to:
    - podSelector:
        matchLabels:
          {{- include "platform.selector" (dict "root" . "component" "temporal") | nindent 10 }}
{{- else }}
- ports: [{ port: {{ .Values.temporal.external.port }} }]
{{- end }}
{{- end }}
