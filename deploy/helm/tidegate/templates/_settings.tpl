{{/* Settings of all roles, none of them secret. */}}
{{- define "tidegate.settings" -}}
BIND_HOST: {{ .Values.bindHost | quote }}
PUBLIC_BASE_URL: {{ .Values.urls.api | quote }}
{{- if .Values.cloudfront.domain }}
CLOUDFRONT_DOMAIN: {{ .Values.cloudfront.domain | quote }}
{{- else }}
EDGE_URL: {{ .Values.urls.edge | quote }}
{{- end }}
{{- with include "tidegate.s3Url" . }}
S3_URL: {{ . | quote }}
{{- end }}
# Clients inside the cluster call the API by the names of its Service.
ALLOWED_HOSTS: {{ include "tidegate.allowedHosts" . | quote }}
TIDEGATE_DATA: /var/lib/tidegate/data
AWS_REGION: {{ .Values.s3.region | quote }}
{{- if .Values.s3.bucket }}
S3_BUCKET: {{ .Values.s3.bucket | quote }}
{{- with .Values.s3.endpoint }}
S3_ENDPOINT: {{ . | quote }}
{{- end }}
{{- if ne (toString .Values.s3.forcePathStyle) "" }}
S3_FORCE_PATH_STYLE: {{ .Values.s3.forcePathStyle | toString | quote }}
{{- end }}
{{- end }}
AUTH_MODE: jwt
AUTH_OWN_TOKENS: {{ .Values.auth.ownTokens | quote }}
{{- with .Values.auth.jwksUrl }}
AUTH_JWKS_URL: {{ . | quote }}
{{- end }}
{{- with .Values.auth.issuer }}
AUTH_JWT_ISSUER: {{ . | quote }}
{{- end }}
{{- with .Values.auth.audience }}
AUTH_JWT_AUDIENCE: {{ . | quote }}
{{- end }}
{{- if .Values.scanner.host }}
CLAMAV_HOST: {{ .Values.scanner.host | quote }}
CLAMAV_PORT: {{ .Values.scanner.port | quote }}
{{- else }}
SCANNER: "off"
{{- end }}
WORKER_IMAGES: {{ .Values.jobs.images | quote }}
WORKER_VIDEOS: {{ .Values.jobs.videos | quote }}
{{- with .Values.trustedProxies }}
TRUSTED_PROXIES: {{ join "," . | quote }}
{{- end }}
METRICS: {{ ternary "any" "off" .Values.metrics.enabled | quote }}
SHUTDOWN_GRACE_SECONDS: {{ .Values.shutdownGraceSeconds | quote }}
{{- if not (hasKey .Values.settings "LOG_FORMAT") }}
LOG_FORMAT: json
{{- end }}
{{- range $name, $value := .Values.settings }}
{{- /* A number of a YAML file is a float, which large ones would show. */}}
{{ $name }}: {{ ternary (printf "%.0f" (float64 $value)) (toString $value) (kindIs "float64" $value) | quote }}
{{- end }}
{{- end -}}

{{/* The names of the API's Service, and what `settings` adds. */}}
{{- define "tidegate.allowedHosts" -}}
{{- $service := printf "%s-api" (include "tidegate.fullname" .) -}}
{{- $named := printf "%s.%s" $service .Release.Namespace -}}
{{- join "," (concat (list $service $named (printf "%s.svc" $named) (printf "%s.svc.cluster.local" $named)) .Values.allowedHosts) -}}
{{- end -}}
