{{/* Labels of every object of this chart. */}}
{{- define "incident-commander.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: incident-commander
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* What selects the operator's pods; never changes. */}}
{{- define "incident-commander.selectorLabels" -}}
app.kubernetes.io/name: incident-commander
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The user name that the operator has at the API server. */}}
{{- define "incident-commander.user" -}}
system:serviceaccount:{{ .Release.Namespace }}:incident-commander
{{- end }}

{{- define "incident-commander.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ with .Values.image.digest }}@{{ . }}{{ end }}
{{- end }}

{{/*
Whether Postmortems are rendered into ConfigMaps: "true" or "". Never without the guard, which sees to it
that the operator writes no other ConfigMap.
*/}}
{{- define "incident-commander.reports" -}}
{{- if and .Values.reports.configMaps .Values.guard.install -}}true{{- end -}}
{{- end }}

{{/* A CEL list of strings. */}}
{{- define "incident-commander.celStrings" -}}
[{{ range $i, $s := . }}{{ if $i }}, {{ end }}{{ $s | squote }}{{ end }}]
{{- end }}

{{/* Whether the API server can stamp names (MutatingAdmissionPolicy v1, Kubernetes 1.36): "true" or "". */}}
{{- define "incident-commander.stamps" -}}
{{- if eq .Values.guard.stamp "always" -}}true
{{- else if eq .Values.guard.stamp "auto" -}}
{{- if .Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" -}}true{{- end -}}
{{- end -}}
{{- end }}

{{/*
The default Runbooks and the ResponsePolicy are objects of kinds that this chart itself defines.
Helm asks the API server about every kind before it creates anything, so on the very first install,
when the CRDs are not there yet, they cannot be ordinary objects of the release. Then, and only then,
they are a post-install hook: created when the CRDs are. They carry Helm's marks of ownership, so
the next upgrade takes them over as ordinary objects, and from then on they are upgraded, rolled back
and uninstalled with the release. With kept CRDs a later install has them as ordinary objects at once.
A client without a cluster (`helm template`, GitOps) renders the hook as well: Argo CD runs it after
its sync.
*/}}
{{- define "incident-commander.defaultsMetadata" -}}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "incident-commander.labels" . | nindent 2 }}
annotations:
  meta.helm.sh/release-name: {{ .Release.Name }}
  meta.helm.sh/release-namespace: {{ .Release.Namespace }}
  {{- if not (.Capabilities.APIVersions.Has "incidentcommander.dev/v1alpha1/Runbook") }}
  helm.sh/hook: post-install,post-upgrade,post-rollback
  helm.sh/hook-delete-policy: before-hook-creation
  {{- end }}
{{- end }}
