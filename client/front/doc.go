// Package front is gc's exec contracts: one process per operation, whose arguments and stdin become a call of the hub, and whose answer becomes stdout
// and an exit status. docs/exec-provider.md describes the contract for sessions for people.
//
// It is what gc waits for hundreds of times a minute, so it imports as little as it can and does one round trip on a unix socket; all that is slow
// lives in the hub.
//
// What it promises of its exit status: 0 is success, 1 a failure with one clear line on stderr, 2 an operation this build doesn't know (which
// gc counts as success) and nothing else, 75 a start that may work when tried again. The words "already exists" stand in start's stderr for
// a live duplicate only: gc looks for them.
package front
