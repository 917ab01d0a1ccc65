package tarstream

import (
	"bytes"
	"testing"
)

// Nothing may land outside, and no more inside than the limits allow.
func FuzzUnpackStaysInside(f *testing.F) {
	f.Add(archive(f, entry{'l', "a", "b", 0}, entry{'l', "b", "../outside", 0}, entry{'f', "a/x", "x", 0}))
	f.Add(archive(f, entry{'d', "x/y", "", 0}, entry{'l', "x/y/d", "../..", 0}, entry{'f', "x/y/d/z", "q", 0}, entry{'h', "h", "x/y/d/z", 0}))
	const maxBytes, maxEntries = 4096, 8
	f.Fuzz(func(t *testing.T, data []byte) {
		root, outside := rooted(t)
		count, _ := unpack(t.Context(), bytes.NewReader(data), root, maxBytes, maxEntries)
		untouched(t, outside)
		if count.Bytes > maxBytes || count.Files > maxEntries {
			t.Errorf("%+v is over the limits", count)
		}
		if made := countBelow(t, root); made > maxEntries {
			t.Errorf("%d files and folders were made, the limit is %d", made, maxEntries)
		}
	})
}
