package hub

import (
	"bytes"
	"os"
	"strconv"
)

// residentSet is this process's resident memory in bytes, 0 when unknown.
func residentSet() int64 {
	b, err := os.ReadFile("/proc/self/statm") // in pages: size resident …
	if err != nil {
		return 0
	}
	fields := bytes.Fields(b)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
