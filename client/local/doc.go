// Package local runs sessions on this machine: each an agentd of its own, in its own process group, with a folder for what it leaves and one for its
// sockets. Sessions outlive the hub that made them; whoever scans the folders finds them.
//
// A session's folder appears whole or not at all, and counts as half-made until its start is complete. The start holds a lock meanwhile, which the
// kernel takes from a killed process, so that half-made is told from still-being-made without clocks.
package local
