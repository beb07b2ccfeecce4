{{- define "souffleur.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{/* Of everything that belongs to this release. */}}
{{- define "souffleur.selector" -}}
app.kubernetes.io/name: souffleur
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "souffleur.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "souffleur.selector" . }}
{{- end }}

{{/* {root, image}: souffleur-IMAGE of this version. */}}
{{- define "souffleur.image" -}}
{{ .root.Values.image.registry }}souffleur-{{ .image }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{/* A database, Redis and secrets, for every process; what a process has of its own comes behind it. */}}
{{- define "souffleur.env" -}}
- {name: SECRET_KEY_FILE, value: /run/secrets/souffleur/secret-key}
- {name: HOST_PASSWORD_FILE, value: /run/secrets/souffleur/host-password}
- {name: ADMIN_PASSWORD_FILE, value: /run/secrets/souffleur/admin-password}
- {name: DATABASE_URL_FILE, value: /run/secrets/souffleur/database-url}
- {name: REDIS_URL_FILE, value: /run/secrets/souffleur/redis-url}
- {name: METRICS_TOKEN_FILE, value: /run/secrets/souffleur/metrics-token}
- name: ENCRYPTION_KEYS # a mounted file is the group's, too, and a file of keys that others may read is refused
  valueFrom: {secretKeyRef: {name: {{ .Values.existingSecret }}, key: encryption-keys, optional: true}}
- {name: ALLOWED_HOSTS, value: {{ prepend .Values.hosts "localhost" | join "," | quote }}}
- {name: TRUST_PROXY, value: {{ .Values.ingress.enabled | ternary "1" "0" | quote }}}
- {name: VAR_DIR, value: /var/lib/souffleur}
- {name: HOME, value: /var/lib/souffleur}
- {name: METRICS_PORT, value: "9100"}
- {name: WEB_DRAIN_S, value: {{ .Values.drain.web | quote }}}
- {name: ASR_DRAIN_S, value: {{ .Values.drain.asr | quote }}}
- {name: TRANSLATION_DRAIN_S, value: {{ .Values.drain.translation | quote }}}
{{- range $name, $value := .Values.settings }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end }}

{{/* Of each container: nothing but its folders may be written, nothing may be gained. */}}
{{- define "souffleur.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: secrets, mountPath: /run/secrets/souffleur, readOnly: true}
  - {name: var, mountPath: /var/lib/souffleur}
  - {name: tmp, mountPath: /tmp}
{{- end }}

{{/* Of each pod. One process is the pod's first: who reaps what it leaves is the pause container. */}}
{{- define "souffleur.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
shareProcessNamespace: true
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - {name: {{ . }}}
  {{- end }}
{{- end }}
{{- end }}

{{- define "souffleur.volumes" -}}
- name: secrets
  secret:
    secretName: {{ .Values.existingSecret }}
    defaultMode: 0440
    items:
      - {key: secret-key, path: secret-key}
      - {key: host-password, path: host-password}
      - {key: admin-password, path: admin-password}
      - {key: database-url, path: database-url}
      - {key: redis-url, path: redis-url}
      - {key: metrics-token, path: metrics-token}
- {name: var, emptyDir: {}}
- {name: tmp, emptyDir: {medium: Memory, sizeLimit: 256Mi}}
{{- end }}

{{/* {node}: a worker that answers when it is asked for. A ping starts a Python of its own: not too often. */}}
{{- define "souffleur.workerProbes" -}}
startupProbe:
  exec: {command: [sh, -c, "exec celery -A config inspect ping -d {{ .node }}@$HOSTNAME"]}
  periodSeconds: 20
  timeoutSeconds: 30
  failureThreshold: 45
livenessProbe:
  exec: {command: [sh, -c, "exec celery -A config inspect ping -d {{ .node }}@$HOSTNAME"]}
  periodSeconds: 60
  timeoutSeconds: 30
  failureThreshold: 5
{{- end }}

{{/* {root, name, more}: what a Deployment of this chart begins with, up to the pod's own. */}}
{{- define "souffleur.meta" -}}
metadata:
  name: {{ include "souffleur.name" .root }}-{{ .name }}
  labels:
    {{- include "souffleur.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "souffleur.podMeta" -}}
metadata:
  labels:
    {{- include "souffleur.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "souffleur.match" -}}
matchLabels:
  {{- include "souffleur.selector" .root | nindent 2 }}
  app.kubernetes.io/component: {{ .name }}
{{- end }}

{{/* Pods of one kind on different machines, where there are some. */}}
{{- define "souffleur.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      {{- include "souffleur.match" . | nindent 6 }}
{{- end }}
