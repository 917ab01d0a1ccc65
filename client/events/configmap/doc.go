// Package configmap keeps an event log in the ConfigMaps of a namespace, laid out as gc's own script has it, so that both can write to one log.
//
// A number is taken by a swap of the counter ConfigMap; the event is then stored in a ConfigMap of that name. So a number may be missing while higher
// ones are stored, for as long as its writer takes: readers are told of nothing behind it until it is there or its time is over (frontier).
//
// Reading is from a copy of the log in memory, which a watch keeps up to date (follow). It is made when it is first asked for.
package configmap
