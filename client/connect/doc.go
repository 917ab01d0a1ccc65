// Package connect reaches the hub, and starts it when none answers. It is what every short-lived program of the client begins with, so it imports little.
//
// However many programs find no hub at the same moment, one of them starts it: under a lock, with the listening socket made before the hub
// runs, so that the others' dials wait for it instead of missing it. A hub of another build is replaced, and so is one that hangs.
package connect
