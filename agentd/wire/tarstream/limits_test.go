package tarstream

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
)

// countBelow counts what is below root.
func countBelow(t testing.TB, root *os.Root) int {
	t.Helper()
	made := -1 // the root itself
	if err := fs.WalkDir(root.FS(), ".", func(string, fs.DirEntry, error) error { made++; return nil }); err != nil {
		t.Fatal(err)
	}
	return made
}

func TestUnpackTakesWhatTheLimitsAllowAndNoMore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		entries []entry
		limit   string // named by the error; "" for none
		files   int64
	}{
		"as many bytes as allowed":         {[]entry{{'f', "a", "12345", 0}, {'f', "b", "67890", 0}}, "", 2},
		"a byte too many":                  {[]entry{{'f', "a", "12345", 0}, {'f', "b", "678901", 0}}, "MaxUnpackedBytes", 1},
		"the same file over and over":      {[]entry{{'f', "a", "12345", 0}, {'f', "a", "12345", 0}, {'f', "a", "1", 0}}, "MaxUnpackedBytes", 2},
		"as many entries as allowed":       {[]entry{{'d', "d", "", 0}, {'f', "d/a", "", 0}, {'l', "l", "d", 0}, {'h', "h", "d/a", 0}}, "", 4},
		"an entry too many":                {[]entry{{'d', "d", "", 0}, {'f', "d/a", "", 0}, {'l', "l", "d", 0}, {'h', "h", "d/a", 0}, {'d', "e", "", 0}}, "MaxUnpackedEntries", 4},
		"folders that no entry names":      {[]entry{{'f', "a/b/c/d", "", 0}}, "", 1},
		"too many folders in one name":     {[]entry{{'f', "a/b/c/d/e", "", 0}}, "MaxUnpackedEntries", 0},
		"folders that are there cost none": {[]entry{{'d', "a/b", "", 0}, {'f', "a/b/1", "", 0}, {'f', "a/b/2", "", 0}}, "", 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root, _ := rooted(t)
			count, err := unpack(t.Context(), bytes.NewReader(archive(t, c.entries...)), root, 10, 4)
			if c.limit == "" && err != nil || c.limit != "" && (wire.CodeOf(err) != wire.CodeTooLarge || !strings.Contains(err.Error(), c.limit)) {
				t.Errorf("error %v, want one that names %q", err, c.limit)
			}
			if count.Files != c.files || count.Bytes > 10 {
				t.Errorf("%+v, want %d files", count, c.files)
			}
			if made := countBelow(t, root); made > 4 {
				t.Errorf("%d files and folders were made", made)
			}
		})
	}
}

// A kilobyte that says it is a file of exabytes is refused before a byte of it is written.
func TestUnpackRefusesASparseBomb(t *testing.T) {
	t.Parallel()
	const exabytes = int64(4) << 60
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	// A file of holes alone, in GNU's sparse format 1.0: its map ("0 regions") is all that the tar holds.
	sparse := "0\n" + strings.Repeat("\x00", 510)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "bomb", Size: int64(len(sparse)), Mode: 0o644, Format: tar.FormatPAX}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(sparse)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	records := record("GNU.sparse.major", "1") + record("GNU.sparse.minor", "0") + record("GNU.sparse.name", "bomb") + record("GNU.sparse.realsize", fmt.Sprint(exabytes))
	bomb := append(extended(t, records), b.Bytes()...)

	root, _ := rooted(t)
	count, err := Unpack(t.Context(), bytes.NewReader(bomb), root)
	if wire.CodeOf(err) != wire.CodeTooLarge || !strings.Contains(err.Error(), "MaxUnpackedBytes") || count != (Count{}) {
		t.Errorf("%+v, %v", count, err)
	}
	if made := countBelow(t, root); made != 0 {
		t.Errorf("%d files were left", made)
	}
}

// record is a PAX record: its own length, a space, key=value, a line end.
func record(key, value string) string {
	rest := " " + key + "=" + value + "\n"
	n := len(rest)
	for len(fmt.Sprint(n))+len(rest) != n {
		n++
	}
	return fmt.Sprint(n) + rest
}

// extended is the PAX header, of records that archive/tar would not write, for the entry that follows.
func extended(t *testing.T, records string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "h", Size: int64(len(records)), Format: tar.FormatUSTAR}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(records)); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	h := b.Bytes()
	h[156] = tar.TypeXHeader
	sum := int64(0) // of the header, its checksum field taken for spaces
	copy(h[148:156], "        ")
	for _, c := range h[:512] {
		sum += int64(c)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return h
}
