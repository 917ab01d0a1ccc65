package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const root = "../.."

func TestDockerfilesSayHowImagesRun(t *testing.T) {
	t.Parallel()
	agent, err := readDockerfile(filepath.Join(root, "images/agent/Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	want := v1.Config{
		Entrypoint: []string{"agentd"}, Cmd: []string{"init"}, User: "1000:1000", WorkingDir: "/workspace",
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"},
	}
	if !reflect.DeepEqual(agent.config, want) {
		t.Errorf("agent image: %+v, want %+v", agent.config, want)
	}
	for _, arg := range []string{"DEBIAN", "NODE_VERSION", "NPM_VERSION"} {
		if agent.args[arg] == "" {
			t.Errorf("the agent's Dockerfile gives no %s", arg)
		}
	}
}

func TestDockerfileThatWouldBeGuessedAtIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"ENV A=\"b c\"", "ENV A b", "ENV A=$B", "VOLUME /x", "ENTRYPOINT agentd", "CMD [agentd]"} {
		file := filepath.Join(t.TempDir(), "Dockerfile")
		write(t, file, "FROM scratch\n"+text+"\n", 0o644)
		if _, err := readDockerfile(file); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: error %v, want one that shows the line", text, err)
		}
	}
}

// pack returns the layer of what fill writes.
func pack(t *testing.T, fill func(*tar.Writer) error) *layer {
	t.Helper()
	l, err := writeLayer(filepath.Join(t.TempDir(), "layer.tar.gz"), fill)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func write(t *testing.T, file, text string, mode os.FileMode) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), mode), os.Chmod(file, mode)); err != nil {
		t.Fatal(err)
	}
}

// tree makes a folder whose files were written at some time, under some umask.
func tree(t *testing.T, at time.Time, group os.FileMode) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "lib/tool/run"), "#!/bin/sh\n", 0o700|group)
	write(t, filepath.Join(dir, "lib/tool/data"), "data", 0o600|group)
	err := errors.Join(
		os.MkdirAll(filepath.Join(dir, "bin"), 0o755),
		os.Symlink("../lib/tool/run", filepath.Join(dir, "bin/tool")),
		os.Link(filepath.Join(dir, "lib/tool/run"), filepath.Join(dir, "lib/tool/run2")),
		os.Chtimes(filepath.Join(dir, "lib/tool/data"), at, at),
	)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestLayerOfATreeDependsOnItsContentAlone(t *testing.T) {
	t.Parallel()
	one := tree(t, time.Now(), 0)
	other := tree(t, time.Now().Add(-time.Hour), 0o040)
	a := pack(t, func(w *tar.Writer) error { return addTree(w, one, "usr/local") })
	b := pack(t, func(w *tar.Writer) error { return addTree(w, other, "usr/local") })
	if a.Packed != b.Packed || a.Plain != b.Plain {
		t.Errorf("the same files gave layers %s and %s", a.Packed, b.Packed)
	}
	write(t, filepath.Join(other, "lib/tool/data"), "date", 0o644)
	if c := pack(t, func(w *tar.Writer) error { return addTree(w, other, "usr/local") }); c.Plain == b.Plain {
		t.Error("another content gave the same layer")
	}
}

func TestTreeKeepsModesAndLinks(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := errors.Join(addTree(w, tree(t, time.Now(), 0), "usr/local"), w.Close()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"usr/local/ 5 755 ", "usr/local/bin/ 5 755 ", "usr/local/bin/tool 2 777 ../lib/tool/run", "usr/local/lib/ 5 755 ",
		"usr/local/lib/tool/ 5 755 ", "usr/local/lib/tool/data 0 644 ", "usr/local/lib/tool/run 0 755 ", "usr/local/lib/tool/run2 1 755 usr/local/lib/tool/run",
	}
	if got := entries(t, &b); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// entries lists a tar, a line an entry, and sees to it that all belong to root and none tells a time.
func entries(t *testing.T, r io.Reader) (list []string) {
	t.Helper()
	for files := tar.NewReader(r); ; {
		h, err := files.Next()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Uname != "" || !h.ModTime.Equal(madeAt) {
			t.Errorf("%s belongs to %d (%s) and is of %s", h.Name, h.Uid, h.Uname, h.ModTime)
		}
		list = append(list, fmt.Sprintf("%s %c %o %s", h.Name, h.Typeflag, h.Mode, h.Linkname))
	}
}

func TestRootIsFreedOfWhatDiffersFromRunToRun(t *testing.T) {
	t.Parallel()
	var system, b bytes.Buffer
	in := tar.NewWriter(&system)
	for _, h := range []tar.Header{
		{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./dev/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./dev/null", Typeflag: tar.TypeChar, Mode: 0o666},
		{Name: "./etc/resolv.conf", Typeflag: tar.TypeReg, Mode: 0o644},
		{Name: "./tmp/", Typeflag: tar.TypeDir, Mode: 0o1777},
		{Name: "./tmp/x", Typeflag: tar.TypeReg},
		{Name: "./usr/bin/perl", Typeflag: tar.TypeReg, Mode: 0o755, Uname: "root"},
		{Name: "./usr/bin/perl5", Typeflag: tar.TypeLink, Linkname: "./usr/bin/perl", Mode: 0o755},
		{Name: "./usr/bin/su", Typeflag: tar.TypeReg, Mode: 0o4755},
		{Name: "./var/log/apt/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./var/log/apt/history.log", Typeflag: tar.TypeReg, Mode: 0o644},
	} {
		h.ModTime = time.Now()
		if err := in.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	out := tar.NewWriter(&b)
	if err := errors.Join(in.Close(), addRoot(out, &system), out.Close()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"dev/ 5 755 ", "tmp/ 5 1777 ", "usr/bin/perl 0 755 ", "usr/bin/perl5 1 755 usr/bin/perl", "usr/bin/su 0 4755 ", "var/log/apt/ 5 755 ",
	}
	if got := entries(t, &b); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestLayerIsMadeOnceAndAgainWhenItIsBroken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "in")
	write(t, file, "content", 0o644)
	made := 0
	get := func(ingredient string) v1.Layer {
		t.Helper()
		l, err := cached(dir, "l", []string{ingredient}, func(w *tar.Writer) error { made++; return addFile(w, file, "in") })
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	get("a")
	if get("a"); made != 1 {
		t.Errorf("made %d times, want once", made)
	}
	if get("b"); made != 2 {
		t.Errorf("other ingredients: made %d times, want 2", made)
	}
	layers, _ := filepath.Glob(filepath.Join(dir, "l-*.tar.gz"))
	for _, l := range layers {
		if err := os.Truncate(l, 10); err != nil {
			t.Fatal(err)
		}
	}
	if get("a"); made != 3 {
		t.Errorf("broken: made %d times, want 3", made)
	}
}

func TestLayerThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broken := errors.New("no network")
	if _, err := cached(dir, "l", nil, func(*tar.Writer) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// agentdFor builds the program as `make image` does, where the builder looks for it in a repository.
func agentdFor(t *testing.T, arch string) order {
	t.Helper()
	o := order{root: t.TempDir(), dist: t.TempDir(), arch: arch, agent: "localhost/agent:test", agentd: "localhost/agentd:test", cache: t.TempDir()}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", o.binary(), "./cmd/agentd")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build agentd: %v\n%s", err, out)
	}
	if err := os.CopyFS(filepath.Join(o.root, "images"), os.DirFS("..")); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestImageThatCarriesJustAgentd(t *testing.T) {
	t.Parallel()
	o := agentdFor(t, "amd64")
	im := image{dockerfile: "images/agentd/Dockerfile", name: o.agentd, archive: filepath.Join(o.dist, "agentd.tar"), limit: agentdLimit}
	if err := checkBinary(o.binary(), o.arch); err != nil {
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

// As docker names them.
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
	o := agentdFor(t, "arm64")
	text := filepath.Join(t.TempDir(), "text")
	write(t, text, "#!/bin/sh\n", 0o755)
	tests := []struct{ name, path, arch, want string }{
		{"missing", filepath.Join(o.root, "nothing"), "amd64", "make image"},
		{"a script", text, "amd64", "no Linux program"},
		{"of another machine", o.binary(), "amd64", "not for amd64"},
		{"of a machine unheard of", o.binary(), "vax", `"vax"`},
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

// A docker client without its daemon is a common thing, and builds nothing.
func TestEngineThatDoesNotWorkIsPassedOver(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	write(t, filepath.Join(bin, "docker"), "#!/bin/sh\necho Cannot connect >&2\nexit 1\n", 0o755)
	e, err := pickEngine(context.Background(), "auto")
	if e != nil || err != nil {
		t.Errorf("docker without a daemon: picked %v, %v", e, err)
	}
	if _, err := pickEngine(context.Background(), "docker"); err == nil || !strings.Contains(err.Error(), "Cannot connect") {
		t.Errorf("docker asked for: error %v, want docker's own words", err)
	}
	write(t, filepath.Join(bin, "buildah"), "#!/bin/sh\nexit 0\n", 0o755)
	if e, err := pickEngine(context.Background(), "auto"); err != nil || e == nil || e.name != "buildah" {
		t.Errorf("buildah works: picked %v, %v", e, err)
	}
	if e, err := pickEngine(context.Background(), "none"); e != nil || err != nil {
		t.Errorf("none asked for: picked %v, %v", e, err)
	}
	if _, err := pickEngine(context.Background(), "kaniko"); err == nil {
		t.Error("an engine unheard of is accepted")
	}
}
