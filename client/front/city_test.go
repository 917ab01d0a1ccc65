package front

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheListIsLimitedToACityOnlyWhenSomeoneSaidSo(t *testing.T) {
	t.Parallel()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(root, name) }
	for _, dir := range []string{"city/bin/deep", "other", "lib"} {
		if err := os.MkdirAll(at(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"city/city.toml", "lib/exe", "city/bin/copy"} {
		if err := os.WriteFile(at(file), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{
		"city/exe": at("lib/exe"), "city/bin/deep/exe": "../../../lib/exe", "other/exe": at("lib/exe"), "other/chain": at("city/exe"),
		"loop": at("loop"), "twin": at("city"),
	} {
		if err := os.Symlink(to, at(link)); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		argv0 string
		env   map[string]string
		want  string
	}{
		"the program itself":                    {at("lib/exe"), nil, ""},
		"a link outside":                        {at("other/exe"), nil, ""},
		"a link in the city's folder":           {at("city/exe"), nil, at("city")},
		"a link below it":                       {at("city/bin/deep/exe"), nil, at("city")},
		"a link to a link in it":                {at("other/chain"), nil, at("city")},
		"a link in it, by another path":         {at("twin/bin/deep/exe"), nil, at("city")},
		"a copy in it, which is no link":        {at("city/bin/copy"), nil, ""},
		"a link to itself":                      {at("loop"), nil, ""},
		"a program that has gone":               {at("gone"), nil, ""},
		"the variable of this backend":          {at("lib/exe"), map[string]string{"GC_LOCAL_CITY": "c"}, "c"},
		"the variable of the script":            {at("lib/exe"), map[string]string{"GC_K8S_CITY": "c"}, "c"},
		"this backend's before the script's":    {at("lib/exe"), map[string]string{"GC_LOCAL_CITY": "l", "GC_K8S_CITY": "k"}, "l"},
		"a variable before a link":              {at("city/exe"), map[string]string{"GC_LOCAL_CITY": "c"}, "c"},
		"a variable with a path to the city":    {at("lib/exe"), map[string]string{"GC_LOCAL_CITY": at("twin/")}, at("city")},
		"a variable for what isn't there":       {at("lib/exe"), map[string]string{"GC_LOCAL_CITY": "/gone//x"}, "/gone/x"},
		"gc's own variables, which say nothing": {at("lib/exe"), map[string]string{"GC_CITY": at("city")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &run{contract: &sessions, config: Config{Backend: "local"}, argv0: test.argv0, getenv: func(name string) string { return test.env[name] }}
			if got := r.listCity(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	for name, test := range map[string]struct {
		argv0    string
		env, own map[string]string
		want     string
	}{
		"the env's city":                 {at("lib/exe"), map[string]string{"GC_CITY": at("twin")}, nil, at("city")},
		"its path when that is a name":   {at("lib/exe"), map[string]string{"GC_CITY": "name", "GC_CITY_PATH": at("city")}, nil, at("city")},
		"its name alone":                 {at("lib/exe"), map[string]string{"GC_CITY": "name"}, nil, "name"},
		"the env's before the variable":  {at("lib/exe"), map[string]string{"GC_CITY": at("city")}, map[string]string{"GC_LOCAL_CITY": at("other")}, at("city")},
		"a plain name said by the user":  {at("lib/exe"), map[string]string{"GC_CITY": at("city")}, map[string]string{"GC_LOCAL_CITY": "c"}, "c"},
		"the variable, with no env":      {at("lib/exe"), nil, map[string]string{"GC_LOCAL_CITY": at("other")}, at("other")},
		"the link, with nothing else":    {at("city/exe"), nil, nil, at("city")},
		"nothing":                        {at("lib/exe"), nil, nil, ""},
		"the env's city before the link": {at("city/exe"), map[string]string{"GC_CITY": at("other")}, nil, at("other")},
	} {
		t.Run("start: "+name, func(t *testing.T) {
			t.Parallel()
			r := &run{contract: &sessions, config: Config{Backend: "local"}, argv0: test.argv0, getenv: func(name string) string { return test.own[name] }}
			if got := r.startCity(test.env); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
