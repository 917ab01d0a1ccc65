// Package wire is what agentd, the hub and their clients say to each other: envelopes, operations, error codes, limits
// and the build version. It holds no I/O: package mux carries these messages over one connection.
//
// docs/protocol.md describes the same for other languages.
package wire

// Subprotocol is the protocol that both sides must agree on, a websocket's subprotocol. A later, incompatible protocol gets another name; within
// one name fields and operations are only added.
const Subprotocol = "agentd.v1"

// VersionHeader is the header of the upgrade request and of its response that carries the sender's build version.
const VersionHeader = "Agentd-Version"

// Limits on what one side may send to the other. The receiver closes the connection with CloseTooBig or CloseProtocol when one is exceeded,
// so that no peer can make the other hold more memory than these allow.
const (
	// MaxMessage bounds one text message (an envelope), in bytes. Bulk data goes through streams, so an envelope is small; the largest
	// is a launch with its environment and scripts, which the kernel bounds at 2 MiB for an exec.
	MaxMessage = 4 << 20
	// MaxChunk bounds the payload of one binary message (stream bytes).
	MaxChunk = 32 << 10
	// FullChunk is how much of a long stream goes into one message. With the heads that it gets on its way to a pod it fills two TLS records; a little more would be
	// three, and every program on the way takes up and passes on each by itself.
	FullChunk = MaxChunk - 64
	// MaxRequests bounds the requests in flight on one connection.
	MaxRequests = 1024
	// InitialCredit is how many stream bytes either side may send on a new stream before credit arrives. It covers a round trip of
	// 100 ms at 2.5 MB/s.
	InitialCredit = 256 << 10
	// MaxInput is how much of a stream a client sends within its request, in bytes; what is longer goes by itself. Receivers take as much as InitialCredit.
	MaxInput = 16 << 10
	// MaxCredit bounds what a receiver may have outstanding on one stream.
	MaxCredit = 1 << 30
	// MaxNudge bounds a nudge's text, in bytes.
	MaxNudge = 8 << 20
	// MaxKeys bounds the keys of one send-keys.
	MaxKeys = 1024
	// MaxMetaKey and MaxMetaValue bound a meta entry, in bytes.
	MaxMetaKey   = 1 << 10
	MaxMetaValue = 256 << 10
	// MaxUnpackedBytes bounds the contents of the files of one put, in bytes: a tar of a few bytes can name a sparse file of exabytes. It leaves
	// room for the largest work trees with their history (a full clone of Linux and a build in it take about 10 GiB).
	MaxUnpackedBytes = 16 << 30
	// MaxUnpackedEntries bounds the entries of one put. The largest public work trees have about half a million files (Chromium's); ext4 as
	// mkfs makes it has an inode for every 16 KiB, so that this many leave some even on a disk of 20 GiB.
	MaxUnpackedEntries = 1 << 20
)

// Close codes beyond those of RFC 6455 (4000–4999 are for applications).
const (
	// CloseNormal is RFC 6455's: the peer has no more to say.
	CloseNormal = 1000
	// CloseProtocol is RFC 6455's: a message that breaks this protocol.
	CloseProtocol = 1002
	// CloseTooBig is RFC 6455's: a message over the limits above.
	CloseTooBig = 1009
	// CloseExited: the agent has ended and agentd is leaving. Reconnecting is pointless.
	CloseExited = 4000
	// CloseReplaced: another build takes this process's place. Reconnect.
	CloseReplaced = 4001
	// CloseShutdown: this process was told to leave. Reconnecting may start or find another.
	CloseShutdown = 4002
)
