package tarstream

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
)

// Entries of every kind, many of one name, come to what they would one after the other, however many are written at once.
func TestUnpackComesToWhatTheTarSaysLast(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 1))
		want := map[string]string{}
		entries := []entry{{'d', "d", "", 0}, {'d', "d/e", "", 0}, {'l', "same", "d", 0}}
		for i := range 300 {
			name := fmt.Sprint([]string{"", "d/", "d/e/", "new/"}[random.IntN(4)], "f", random.IntN(40))
			switch random.IntN(10) {
			case 0: // another name of a file that is there, and stays what it is now
				if content, ok := want[name]; ok {
					link := fmt.Sprint("h", random.IntN(10))
					entries = append(entries, entry{'h', link, name, 0})
					want[link] = content
				}
			case 1: // by way of a link
				content := fmt.Sprint("through ", i)
				entries = append(entries, entry{'f', "same/" + fmt.Sprint("f", i%40), content, 0})
				want[fmt.Sprint("d/f", i%40)] = content
			case 2: // too large to be written beside others
				content := strings.Repeat(fmt.Sprint(i, " "), smallFile/2)
				entries = append(entries, entry{'f', name, content, 0})
				want[name] = content
			default:
				content := strings.Repeat(fmt.Sprint(i, " "), random.IntN(2000))
				entries = append(entries, entry{'f', name, content, 0})
				want[name] = content
			}
		}
		root, outside := rooted(t)
		count, err := Unpack(t.Context(), bytes.NewReader(archive(t, entries...)), root)
		if err != nil || count.Files != int64(len(entries)) {
			t.Fatalf("seed %d: %+v of %d, %v", seed, count, len(entries), err)
		}
		untouched(t, outside)
		got := map[string]string{}
		err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			content, err := root.ReadFile(name)
			got[name] = string(content)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(got, want) {
			for name := range want {
				if got[name] != want[name] {
					t.Errorf("seed %d: %s is %.20q, want %.20q", seed, name, got[name], want[name])
				}
			}
			t.Errorf("seed %d: %d files, want %d", seed, len(got), len(want))
		}
	}
}

// Renaming one name of a file to another of its names does nothing.
func TestUnpackLeavesNothingWhereALinkIsThereAlready(t *testing.T) {
	t.Parallel()
	root, _ := rooted(t)
	if _, err := Unpack(t.Context(), bytes.NewReader(archive(t, entry{'f', "f", "x", 0}, entry{'h', "h", "f", 0}, entry{'h', "h", "f", 0})), root); err != nil {
		t.Fatal(err)
	}
	if made := countBelow(t, root); made != 2 {
		t.Errorf("%d files are there, want 2", made)
	}
}

// What can't be written ends the tar, and says which file it was, though it was written while others were read.
func TestUnpackSaysWhichFileCouldNotBeWritten(t *testing.T) {
	t.Parallel()
	root, _ := rooted(t)
	if err := root.MkdirAll("taken/within", 0o700); err != nil {
		t.Fatal(err)
	}
	entries := []entry{{'f', "before", "x", 0}, {'f', "taken", "x", 0}}
	for i := range 100 {
		entries = append(entries, entry{'f', fmt.Sprint("after", i), "x", 0})
	}
	count, err := Unpack(t.Context(), bytes.NewReader(archive(t, entries...)), root)
	if wire.CodeOf(err) != wire.CodeFailed || !strings.Contains(err.Error(), `"taken" is a folder`) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	if made, err := fs.ReadDir(root.FS(), "."); err != nil || int64(len(made)) != count.Files+1 || count.Files > 20 {
		t.Errorf("%+v, and %d are there, %v", count, len(made), err)
	}
	if _, err := root.Stat("before"); err != nil {
		t.Error(err)
	}
}

func TestUnpackFillsMoreFoldersThanItKeepsOpen(t *testing.T) {
	t.Parallel()
	var entries []entry
	for i := range 5 * maxPlaces {
		for _, name := range []string{"x", "y"} {
			entries = append(entries, entry{'f', fmt.Sprintf("d%d/%s", i%(2*maxPlaces), name), fmt.Sprint(i), 0})
		}
	}
	root, _ := rooted(t)
	if count, err := Unpack(t.Context(), bytes.NewReader(archive(t, entries...)), root); err != nil || count.Files != int64(len(entries)) {
		t.Errorf("%+v, %v", count, err)
	}
	for i := 3 * maxPlaces; i < 5*maxPlaces; i++ {
		if got, err := root.ReadFile(fmt.Sprintf("d%d/y", i%(2*maxPlaces))); err != nil || string(got) != fmt.Sprint(i) {
			t.Errorf("%d: %q, %v", i, got, err)
		}
	}
}
