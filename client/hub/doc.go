// Package hub is the process between the short-lived programs of the client and the agentd of every session. It keeps one link to each session, so
// that an operation costs one local round trip, and one more to the session when it must ask.
//
// The hub answers from what sessions push to it only while the link which brings that is proven live; otherwise it asks. Sessions don't
// need the hub: it may be killed and replaced at any time, and the next one finds what there is.
//
// Where sessions run is a Backend's business. Run is the life of the hub as a process; New and Connect make one within a process.
package hub
