// Package events is gc's event log: what an event is, what may be asked of a log, and what is the same in every log. Where a log is kept is the business
// of the packages below: configmap keeps it in a namespace's ConfigMaps, jsonl in a file, and remote is the way to a log that the hub keeps.
//
// An event is stored as the JSON that its recorder gave, byte for byte but for its number and, where it had none, its time. docs/events.md describes all of
// this for people.
package events
