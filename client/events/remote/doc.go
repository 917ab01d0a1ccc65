// Package remote is the event log that a hub keeps, as its clients have it. It rides out hubs that go away: what was asked is asked again of the next one,
// so that an event is stored once, and a watch goes on after the last event that came.
package remote
