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

{{/* Every annotation of an Incident that means something: the requests, what is stamped, the operator's. */}}
{{- define "incident-commander.ownKeys" -}}
[
  'incidentcommander.dev/approve',
  'incidentcommander.dev/approve-by',
  'incidentcommander.dev/reject',
  'incidentcommander.dev/reject-by',
  'incidentcommander.dev/take-command',
  'incidentcommander.dev/take-command-by',
  'incidentcommander.dev/acknowledge',
  'incidentcommander.dev/acknowledge-by',
  'incidentcommander.dev/note',
  'incidentcommander.dev/note-by',
  'incidentcommander.dev/update',
  'incidentcommander.dev/update-by',
  'incidentcommander.dev/update-external',
  'incidentcommander.dev/update-external-by',
  'incidentcommander.dev/root-cause',
  'incidentcommander.dev/root-cause-by',
  'incidentcommander.dev/severity',
  'incidentcommander.dev/severity-by',
  'incidentcommander.dev/propose',
  'incidentcommander.dev/propose-by',
  'incidentcommander.dev/diagnose',
  'incidentcommander.dev/diagnose-by',
  'incidentcommander.dev/confirm',
  'incidentcommander.dev/confirm-by',
  'incidentcommander.dev/resolve',
  'incidentcommander.dev/resolve-by',
  'incidentcommander.dev/dismiss',
  'incidentcommander.dev/dismiss-by',
  'incidentcommander.dev/reopen',
  'incidentcommander.dev/reopen-by',
  'incidentcommander.dev/acknowledge-approver',
  'incidentcommander.dev/duplicate-of-by',
  'incidentcommander.dev/handled'
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

{{/*
Annotations of the new and of the old object; requests in the new one that were not in the old.

What a rule costs must not depend on how much somebody wrote: rules go over fixed lists and look up,
never over a map, unless that has been found small.
*/}}
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

{{/* Whether spec.duplicateOf is added, changed or removed: an expression, for UPDATE. */}}
{{- define "incident-commander.merges" -}}
(oldObject != null && object.spec[?'duplicateOf'] != oldObject.spec[?'duplicateOf'])
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

{{/*
Labels, annotations and field managers of an Incident, each: nobody needs more, and the rules may go
over so many.
*/}}
{{- define "incident-commander.most" -}}64{{- end }}

{{/* Every field of spec; a test holds it against the model. */}}
{{- define "incident-commander.specFields" -}}
[
  'title',
  'severity',
  'target',
  'runbookRef',
  'policyRef',
  'startedAt',
  'roles',
  'warRoom',
  'impact',
  'alert',
  'drill',
  'duplicateOf',
  'relatedTo'
]
{{- end }}
