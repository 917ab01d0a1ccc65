package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// orderWith gives an order in a repository of its own, with as much of a program there as is looked at before it is packed: `make image` packs the real one.
func orderWith(t *testing.T, arch string) order {
	t.Helper()
	o := order{root: t.TempDir(), dist: t.TempDir(), arch: arch, agent: "localhost/agent:test", agentd: "localhost/agentd:test", gcctl: "localhost/gcctl:test", cache: t.TempDir()}
	header := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(machines[arch]), Version: uint32(elf.EV_CURRENT),
	}
	program, err := binary.Append(nil, binary.LittleEndian, header)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append([]string{"agentd"}, clients...) {
		write(t, o.binary(name), string(program)+strings.Repeat("code", 1<<19), 0o755)
	}
	if err := os.CopyFS(filepath.Join(o.root, "images"), os.DirFS("..")); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestImageThatCarriesJustAgentd(t *testing.T) {
	t.Parallel()
	o := orderWith(t, "amd64")
	im := image{dockerfile: "images/agentd/Dockerfile", name: o.agentd, archive: filepath.Join(o.dist, "agentd.tar"), layers: agentdLayers, limit: agentdLimit}
	if err := checkBinary(o.binary("agentd"), o.arch); err != nil {
		t.Fatal(err)
	}
	if err := produce(t.Context(), engineless{}, o, im); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(im.archive)
	if err != nil {
		t.Fatal(err)
	}
	img, err := tarball.ImageFromPath(im.archive, nil)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if c := config.Config; !reflect.DeepEqual(c.Entrypoint, []string{"/agentd"}) || c.User != "65532:65532" || config.Architecture != "amd64" || config.OS != "linux" {
		t.Errorf("config %+v", config)
	}
	files := mutate.Extract(img)
	defer files.Close()
	if got, want := entries(t, files), []string{"agentd 0 755 "}; !reflect.DeepEqual(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}

	o.cache = t.TempDir()
	if err := produce(t.Context(), engineless{}, o, im); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(im.archive); err != nil || !bytes.Equal(first, again) {
		t.Errorf("made again from the same program it is another (%v)", err)
	}

	im.limit, im.archive = 1<<20, filepath.Join(o.dist, "small.tar")
	if err := produce(t.Context(), engineless{}, o, im); err == nil || !strings.Contains(err.Error(), "more than the 1.0 MiB") {
		t.Errorf("over its limit: error %v", err)
	}
	if left, _ := filepath.Glob(im.archive + "*"); len(left) > 0 {
		t.Errorf("over its limit: left %q", left)
	}
}

func TestImageThatCarriesGcctlHasWhatItsDockerfileCopies(t *testing.T) {
	t.Parallel()
	o := orderWith(t, "amd64")
	im := image{dockerfile: "images/gcctl/Dockerfile", name: o.gcctl, archive: filepath.Join(o.dist, "gcctl.tar"), layers: clientLayers}
	if err := produce(t.Context(), engineless{}, o, im); err != nil {
		t.Fatal(err)
	}
	img, err := tarball.ImageFromPath(im.archive, nil)
	if err != nil {
		t.Fatal(err)
	}
	files := mutate.Extract(img)
	defer files.Close()
	dockerfile, err := os.ReadFile(filepath.Join(root, im.dockerfile))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, m := range regexp.MustCompile(`dist/linux-\$\{TARGETARCH\}/(\S+)`).FindAllStringSubmatch(string(dockerfile), -1) {
		want = append(want, "usr/local/bin/"+m[1]+" 0 755 ")
	}
	if got := entries(t, files); len(want) != len(clients) || !reflect.DeepEqual(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
	if config, err := img.ConfigFile(); err != nil || !reflect.DeepEqual(config.Config.Entrypoint, []string{"gcctl"}) {
		t.Errorf("config %+v, %v", config, err)
	}
}

// As docker names them.
func TestEveryImageHasATag(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"localhost/agent:dev": "localhost/agent:dev", "myregistry/gc-agent": "myregistry/gc-agent:latest", "agent": "agent:latest",
		"registry.example.com:5000/team/agent": "registry.example.com:5000/team/agent:latest",
	} {
		if got, err := tagged(given); err != nil || got != want {
			t.Errorf("%s: got %q, %v", given, got, err)
		}
	}
	if _, err := tagged("no name"); err == nil || !strings.Contains(err.Error(), `"no name"`) {
		t.Errorf("error %v", err)
	}
}

func TestImagesAreNamedAsTheyWereToBe(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"localhost/agent:dev": "localhost/agent:dev", "myregistry/gc-agent:1": "myregistry/gc-agent:1",
		"registry.example.com:5000/team/agent:1": "registry.example.com:5000/team/agent:1", "agent": "agent:latest",
	} {
		file := filepath.Join(t.TempDir(), "image.tar")
		if err := assemble(file, given, "amd64", v1.Config{}, nil); err != nil {
			t.Errorf("%s: %v", given, err)
			continue
		}
		manifest, err := tarball.LoadManifest(func() (io.ReadCloser, error) { return os.Open(file) })
		if err != nil {
			t.Fatal(err)
		}
		if got := manifest[0].RepoTags; !reflect.DeepEqual(got, []string{want}) {
			t.Errorf("%s: the archive says %q", given, got)
		}
	}
	if err := assemble(filepath.Join(t.TempDir(), "image.tar"), "no name", "amd64", v1.Config{}, nil); err == nil || !strings.Contains(err.Error(), `"no name"`) {
		t.Errorf("error %v", err)
	}
}

func TestProgramThatWouldNotStartEverywhereIsRefused(t *testing.T) {
	t.Parallel()
	o := orderWith(t, "arm64")
	text := filepath.Join(t.TempDir(), "text")
	write(t, text, "#!/bin/sh\n", 0o755)
	tests := []struct{ name, path, arch, want string }{
		{"missing", filepath.Join(o.root, "nothing"), "amd64", "make image"},
		{"a script", text, "amd64", "no Linux program"},
		{"of another machine", o.binary("agentd"), "amd64", "not for amd64"},
		{"of a machine unheard of", o.binary("agentd"), "vax", `"vax"`},
	}
	if sh, err := exec.LookPath("sh"); err == nil && runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		tests = append(tests, struct{ name, path, arch, want string }{"dynamic", sh, "amd64", "not static"})
	}
	for _, test := range tests {
		if err := checkBinary(test.path, test.arch); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one with %q", test.name, err, test.want)
		}
	}
}
