{{/*
The requests, written out in full. Two things are never done with keys: cutting them (a wrong offset
makes a rule silently true) and building them from parts.
*/}}
{{- define "incident-commander.requestKeys" -}}
[
  'incidentcommander.dev/approve',
  'incidentcommander.dev/reject',
  'incidentcommander.dev/take-command',
  'incidentcommander.dev/acknowledge',
  'incidentcommander.dev/note',
  'incidentcommander.dev/update',
  'incidentcommander.dev/update-external',
  'incidentcommander.dev/root-cause',
  'incidentcommander.dev/severity',
  'incidentcommander.dev/propose',
  'incidentcommander.dev/diagnose',
  'incidentcommander.dev/confirm',
  'incidentcommander.dev/resolve',
  'incidentcommander.dev/dismiss',
  'incidentcommander.dev/reopen'
]
{{- end }}

{{/* What only the commander decides, where there is one; each also needs the verb approve. */}}
{{- define "incident-commander.decisionKeys" -}}
[
  'incidentcommander.dev/approve',
  'incidentcommander.dev/reject',
  'incidentcommander.dev/confirm',
  'incidentcommander.dev/resolve',
  'incidentcommander.dev/dismiss',
  'incidentcommander.dev/reopen'
]
{{- end }}

{{/* What needs the verb approve, commander or not. */}}
{{- define "incident-commander.approverKeys" -}}
[
  'incidentcommander.dev/approve',
  'incidentcommander.dev/reject',
  'incidentcommander.dev/confirm',
  'incidentcommander.dev/resolve',
  'incidentcommander.dev/dismiss',
  'incidentcommander.dev/reopen',
  'incidentcommander.dev/take-command',
  'incidentcommander.dev/severity'
]
{{- end }}

{{/* Annotations of the new and of the old object; requests in the new one that were not in the old. */}}
{{- define "incident-commander.requestVariables" -}}
- name: keys
  expression: |-
    {{- include "incident-commander.requestKeys" . | nindent 4 }}
- name: newA
  expression: "object.?metadata.?annotations.orValue({})"
- name: oldA
  expression: "oldObject == null ? {} : oldObject.?metadata.?annotations.orValue({})"
- name: added
  expression: "variables.keys.filter(k, k in variables.newA && !(k in variables.oldA))"
{{- end }}

{{- define "incident-commander.guardMetadata" -}}
labels:
  {{- include "incident-commander.labels" . | nindent 2 }}
  incidentcommander.dev/guard: "true"
{{- end }}

{{/* A binding of the same name: everywhere, refusing, and telling the audit log. */}}
{{- define "incident-commander.guardBinding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ .name }}
  {{- include "incident-commander.guardMetadata" .root | nindent 2 }}
spec:
  policyName: {{ .name }}
  validationActions: [Deny, Audit]
{{- end }}
