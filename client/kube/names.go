package kube

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

const (
	// hashLength is how many hex digits of a name's SHA-256 tell it from all others.
	hashLength = 10
	// maxReadable bounds the readable part of a pod's name. With the rest it stays within the 63 bytes of a host name.
	maxReadable = 40
	// maxLabel is Kubernetes' bound of a label's value, in bytes.
	maxLabel = 63
)

var (
	notInName  = regexp.MustCompile(`[^a-z0-9-]+`)
	notInLabel = regexp.MustCompile(`[^A-Za-z0-9._-]+`)
)

// podName is the name of a session's pod: always the same one, and no other session's.
func podName(session string) string {
	readable := notInName.ReplaceAllString(strings.ToLower(session), "-")
	readable = strings.Trim(readable[:min(len(readable), maxReadable)], "-")
	if readable == "" {
		return "gc-" + hash(session)
	}
	return "gc-" + readable + "-" + hash(session)
}

// labelValue makes a label's value of any text. Two texts never have the same value.
func labelValue(text string) string {
	value := strings.Trim(notInLabel.ReplaceAllString(text, "-"), "-._")
	if value == text && len(value) <= maxLabel && !hashed.MatchString(value) {
		return value
	}
	value = value[:min(len(value), maxLabel-1-hashLength)]
	return strings.TrimLeft(value+"-"+hash(text), "-")
}

// hashed is what a value that was changed looks like. A text that looks so by itself is changed, too.
var hashed = regexp.MustCompile(`(^|-)[0-9a-f]{10}$`)

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:hashLength]
}
