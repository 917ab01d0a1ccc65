package front

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A city is a gc workspace. gc stops every session it is shown and doesn't know, so two cities that see each other's sessions kill each other's
// agents. But one gc may serve several cities through one executable, and neither argv nor its environment says which, so a list is only
// scoped when someone said so: with a variable, or by starting this program through a link that lies in the city's folder.

// cityFile marks a city's folder.
const cityFile = "city.toml"

// listCity is the city that list-running is limited to; empty means all.
func (r *run) listCity() string {
	if city := r.saidCity(); city != "" {
		return city
	}
	return r.linkCity()
}

// startCity is the label of a new session. It is what gc says in the session's env, which is true even where one gc serves several cities;
// unless the variable gives a plain name, which no path would ever match.
func (r *run) startCity(env map[string]string) string {
	said := r.saidCity()
	if said != "" && !filepath.IsAbs(said) {
		return said
	}
	city := env["GC_CITY"]
	if path := env["GC_CITY_PATH"]; path != "" && !filepath.IsAbs(city) {
		city = path
	}
	switch {
	case city != "":
		return canonical(city)
	case said != "":
		return said
	default:
		return r.linkCity()
	}
}

// saidCity is the city named by GC_<BACKEND>_CITY or, as of old, GC_K8S_CITY.
func (r *run) saidCity() string {
	for _, name := range []string{"GC_" + strings.ToUpper(r.config.Backend) + "_CITY", "GC_K8S_CITY"} {
		if city := r.getenv(name); city != "" {
			return canonical(city)
		}
	}
	return ""
}

// maxLinks bounds a chain of links, as the kernel does.
const maxLinks = 40

// linkCity is the folder of the city in which a link lies that this program was started through; empty if none does.
func (r *run) linkCity() string {
	path := r.argv0
	if !strings.Contains(path, "/") {
		found, err := exec.LookPath(path)
		if err != nil {
			return ""
		}
		path = found
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	for range maxLinks {
		target, err := os.Readlink(path)
		if err != nil {
			return "" // the program itself
		}
		if city := cityAbove(filepath.Dir(path)); city != "" {
			return city
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return ""
}

// cityAbove is the nearest city's folder at dir or above it, first as dir is spelled, then where it really is.
func cityAbove(dir string) string {
	if city := walkUp(dir); city != "" {
		return city
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil && real != dir {
		return walkUp(real)
	}
	return ""
}

func walkUp(dir string) string {
	for {
		if info, err := os.Stat(filepath.Join(dir, cityFile)); err == nil && info.Mode().IsRegular() {
			return canonical(dir)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// canonical gives the spellings of one folder one form. What is no path, or isn't there, stays as it is.
func canonical(city string) string {
	if !filepath.IsAbs(city) {
		return city
	}
	if real, err := filepath.EvalSymlinks(city); err == nil {
		return real
	}
	return filepath.Clean(city)
}
