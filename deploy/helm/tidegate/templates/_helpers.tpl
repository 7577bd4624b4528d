{{/* The prefix of all names. */}}
{{- define "tidegate.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Labels that select pods; with "role", those of one role. Takes a dict of root and role. */}}
{{- define "tidegate.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .role }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{/* Labels of every resource. Takes a dict of root and role. */}}
{{- define "tidegate.labels" -}}
{{ include "tidegate.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* "true" where any number of servers can share database and store. */}}
{{- define "tidegate.shared" -}}
{{- if and .Values.database.existingSecret .Values.s3.bucket -}}true{{- end -}}
{{- end -}}

{{/* "true" where the API's pods serve the edge too. */}}
{{- define "tidegate.edgeInApi" -}}
{{- if not (or .Values.edge.enabled .Values.cloudfront.domain) -}}true{{- end -}}
{{- end -}}

{{/* "true" where jobs have pods of their own. */}}
{{- define "tidegate.works" -}}
{{- if and (include "tidegate.shared" .) .Values.work.enabled -}}true{{- end -}}
{{- end -}}

{{/* "true" where the API's pods keep data in a volume. */}}
{{- define "tidegate.keepsData" -}}
{{- if not (include "tidegate.shared" .) -}}true{{- end -}}
{{- end -}}

{{/* The names of the roles that have pods, separated by spaces. */}}
{{- define "tidegate.roles" -}}
api{{ if .Values.edge.enabled }} edge{{ end }}{{ if include "tidegate.works" . }} {{ include "tidegate.workers" . }}{{ end }}
{{- end -}}

{{/* The names of the roles that do jobs, separated by spaces: one for all classes, or one for each of work.pools. */}}
{{- define "tidegate.workers" -}}
{{- if .Values.work.pools -}}
{{- $names := list -}}
{{- range $name, $_ := .Values.work.pools -}}{{- $names = append $names (printf "work-%s" $name) -}}{{- end -}}
{{ join " " $names }}
{{- else -}}work{{- end -}}
{{- end -}}

{{/* The values of a role, as YAML; a pool has those of `work` where it has none of its own. Takes a dict of root and role. */}}
{{- define "tidegate.valuesOf" -}}
{{- if hasPrefix "work-" .role -}}
{{ mergeOverwrite (deepCopy (omit .root.Values.work "pools")) (index .root.Values.work.pools (trimPrefix "work-" .role)) | toYaml }}
{{- else -}}
{{ index .root.Values .role | toYaml }}
{{- end -}}
{{- end -}}

{{- define "tidegate.s3Url" -}}
{{- if .Values.urls.s3 -}}{{ .Values.urls.s3 }}{{- else if not .Values.s3.bucket -}}http://127.0.0.1:9000{{- end -}}
{{- end -}}

{{/* The host name of a URL, without its port. */}}
{{- define "tidegate.host" -}}
{{- $host := (urlParse .).host -}}
{{- if hasPrefix "[" $host -}}{{ regexFind "^\\[[^]]*\\]" $host }}{{- else -}}{{ first (splitList ":" $host) }}{{- end -}}
{{- end -}}

{{- define "tidegate.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "tidegate.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "tidegate.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end -}}
{{- end -}}

{{/* "true" where the chart makes a Secret of its own. */}}
{{- define "tidegate.makesSecret" -}}
{{- if not (and .Values.signing.existingSecret .Values.auth.existingSecret) -}}true{{- end -}}
{{- end -}}

{{- define "tidegate.signingSecret" -}}
{{ default (printf "%s-secrets" (include "tidegate.fullname" .)) .Values.signing.existingSecret }}
{{- end -}}

{{- define "tidegate.authSecret" -}}
{{ default (printf "%s-secrets" (include "tidegate.fullname" .)) .Values.auth.existingSecret }}
{{- end -}}

{{- define "tidegate.edgeKeys" -}}
{{ default (printf "%s-edge-keys" (include "tidegate.fullname" .)) .Values.edge.existingConfigMap }}
{{- end -}}

{{/* One environment variable of a Secret. Takes a list: variable, Secret, key, optional. */}}
{{- define "tidegate.secretEnv" -}}
- name: {{ index . 0 }}
  valueFrom:
    secretKeyRef:
      name: {{ index . 1 }}
      key: {{ index . 2 }}
      {{- if index . 3 }}
      optional: true
      {{- end }}
{{- end -}}

{{/* Credentials of the bucket. Takes the name of a Secret. */}}
{{- define "tidegate.bucketEnv" -}}
{{- if . }}
{{ include "tidegate.secretEnv" (list "AWS_ACCESS_KEY_ID" . "AWS_ACCESS_KEY_ID" false) }}
{{ include "tidegate.secretEnv" (list "AWS_SECRET_ACCESS_KEY" . "AWS_SECRET_ACCESS_KEY" false) }}
{{- end }}
{{- end -}}

{{/* Secrets of the roles that have database and private keys. */}}
{{- define "tidegate.serverSecrets" -}}
{{- if .Values.database.existingSecret }}
{{ include "tidegate.secretEnv" (list "DATABASE_URL" .Values.database.existingSecret .Values.database.key false) }}
{{- end }}
{{- if .Values.s3.bucket }}
{{- include "tidegate.bucketEnv" .Values.s3.existingSecret }}
{{- end }}
- name: CLOUDFRONT_KEY_PAIR_ID
  value: {{ default "TIDEGATE1" .Values.signing.keyPairId | quote }}
{{ include "tidegate.secretEnv" (list "CLOUDFRONT_PRIVATE_KEY_PEM" (include "tidegate.signingSecret" .) "CLOUDFRONT_PRIVATE_KEY_PEM" false) }}
{{ include "tidegate.secretEnv" (list "UPLOAD_SIGNING_KEY" (include "tidegate.signingSecret" .) "UPLOAD_SIGNING_KEY" false) }}
{{- if .Values.signing.existingSecret }}
{{ include "tidegate.secretEnv" (list "UPLOAD_SIGNING_KEY_PREVIOUS" .Values.signing.existingSecret "UPLOAD_SIGNING_KEY_PREVIOUS" true) }}
{{- end }}
{{- if .Values.auth.ownTokens }}
{{ include "tidegate.secretEnv" (list "AUTH_OWN_KEY_PEM" (include "tidegate.authSecret" .) "AUTH_OWN_KEY_PEM" false) }}
{{- end }}
{{ include "tidegate.secretEnv" (list "AUTH_SERVICE_TOKEN" (include "tidegate.authSecret" .) "AUTH_SERVICE_TOKEN" true) }}
{{- if and .Values.operator.existingSecret (not .Values.s3.bucket) }}
{{ include "tidegate.secretEnv" (list "S3_OPERATOR_ACCESS_KEY" .Values.operator.existingSecret "S3_OPERATOR_ACCESS_KEY" false) }}
{{ include "tidegate.secretEnv" (list "S3_OPERATOR_SECRET_KEY" .Values.operator.existingSecret "S3_OPERATOR_SECRET_KEY" false) }}
{{- end }}
{{- end -}}

{{/* The start of a pod's spec. Takes a dict of root and role. */}}
{{- define "tidegate.podSpec" -}}
{{- $values := include "tidegate.valuesOf" . | fromYaml -}}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
serviceAccountName: {{ include "tidegate.serviceAccount" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- if .root.Values.topologySpread.enabled }}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: {{ $.root.Values.topologySpread.whenUnsatisfiable }}
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- include "tidegate.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* The metadata of a pod. Takes a dict of root and role. */}}
{{- define "tidegate.podMeta" -}}
{{- $values := include "tidegate.valuesOf" . | fromYaml -}}
labels:
  {{- include "tidegate.labels" . | nindent 2 }}
  {{- with $values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  # A change of settings starts new pods.
  checksum/settings: {{ include "tidegate.settings" .root | sha256sum }}
  {{- with $values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* What all containers have. Takes a dict of root and role. */}}
{{- define "tidegate.container" -}}
{{- $values := include "tidegate.valuesOf" . | fromYaml -}}
image: {{ include "tidegate.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  {{- toYaml .root.Values.containerSecurityContext | nindent 2 }}
envFrom:
  - configMapRef:
      name: {{ include "tidegate.fullname" .root }}-settings
resources:
  {{- toYaml $values.resources | nindent 2 }}
{{- end -}}

{{/* Until no traffic comes, a pod goes on; then requests may finish; then it is killed. */}}
{{- define "tidegate.preStop" -}}
lifecycle:
  preStop:
    sleep:
      seconds: {{ .Values.preStopSeconds }}
{{- end -}}
{{- define "tidegate.gracePeriod" -}}
{{ add .Values.preStopSeconds .Values.shutdownGraceSeconds 15 }}
{{- end -}}

{{/* A probe of the operations door, and one of another port. Takes a list: path, port. */}}
{{- define "tidegate.probe" -}}
httpGet:
  path: {{ index . 0 }}
  port: {{ index . 1 }}
timeoutSeconds: 5
{{- end -}}
{{/* The probes of a role. Takes the port that readiness is asked at. */}}
{{- define "tidegate.probes" -}}
# A start migrates a database that belongs to one server, which may take minutes.
startupProbe:
  {{- include "tidegate.probe" (list "/health" "operations") | nindent 2 }}
  periodSeconds: 2
  failureThreshold: 300
livenessProbe:
  {{- include "tidegate.probe" (list "/health" "operations") | nindent 2 }}
  periodSeconds: 10
  failureThreshold: 6
readinessProbe:
  {{- include "tidegate.probe" (list "/readyz" .) | nindent 2 }}
  periodSeconds: 5
  failureThreshold: 3
{{- end -}}
